import { MalformedError, type PlatformError, UnsupportedError } from '@holdfast/base';

import { INITDATA_ALGORITHMS, type InitdataAlgorithm, isInitdataAlgorithm } from './algorithm.ts';
import { MAX_DOCUMENT_BYTES, MAX_ENTRIES } from './limits.ts';
import { isTable, parseToml, type TomlTable } from './toml.ts';

/** Version of the initdata specification that documents name. */
export const INITDATA_VERSION = '0.1.0';

/** Entries that guest components read. */
export const KNOWN_ENTRIES = ['aa.toml', 'cdh.toml', 'policy.rego'] as const;

/** An initdata document of Confidential Containers. */
export interface Initdata {
  readonly version: typeof INITDATA_VERSION;
  readonly algorithm: InitdataAlgorithm;
  /** Contents by file name, in the order of the document. */
  readonly data: ReadonlyMap<string, string>;
}

/** What could be read of a document, and everything that keeps it from being one. */
export interface InitdataReading {
  readonly version: string | undefined;
  readonly algorithm: InitdataAlgorithm | undefined;
  readonly data: ReadonlyMap<string, string>;
  /** Empty for a document that `parseInitdata` accepts. */
  readonly problems: readonly PlatformError[];
}

/**
 * What bare-metal guests and peer pods write for a pod that has no initdata: an empty `aa.toml`. It is measured like any other,
 * so a pod without initdata does not have a PCR 8 of zeros. There is no line end after it.
 */
export const PLACEHOLDER_INITDATA = `algorithm = "sha256"\nversion = "0.1.0"\n\n[data]\n"aa.toml" = '''\n'''`;

/**
 * Reads a document strictly: version 0.1.0, a known algorithm, a table `[data]` of texts. The text itself is what is
 * measured; keep it, and never write it anew from what this answers.
 * @throws MalformedError INITDATA_EMPTY, INITDATA_TOO_LARGE, INITDATA_TOML_INVALID (with line and column),
 * INITDATA_VERSION_MISSING, INITDATA_ALGORITHM_MISSING, INITDATA_DATA_MISSING, INITDATA_ENTRY_INVALID
 * @throws UnsupportedError INITDATA_VERSION_UNSUPPORTED, INITDATA_ALGORITHM_UNSUPPORTED
 * @see Confidential Containers, Initdata specification, version 0.1.0
 */
export function parseInitdata(document: string): Initdata {
  const { algorithm, data, problems } = readInitdata(document);
  const [first] = problems;
  if (first !== undefined) throw first;
  return { version: INITDATA_VERSION, algorithm: algorithm ?? 'sha256', data };
}

/** Reads as much of a document as there is. Nothing is thrown; `problems` has what `parseInitdata` would throw, in that order. */
export function readInitdata(document: string): InitdataReading {
  const nothing = { version: undefined, algorithm: undefined, data: new Map<string, string>() };
  const unusable = sizeProblem(document);
  if (unusable !== undefined) return { ...nothing, problems: [unusable] };
  let table: TomlTable;
  try {
    table = parseToml(document, 'the initdata document', 'INITDATA_TOML_INVALID');
  } catch (error) {
    // parseToml throws nothing else.
    return { ...nothing, problems: [error as MalformedError] };
  }
  const { version, algorithm } = table;
  const { data, problems } = readData(table['data']);
  return {
    version: typeof version === 'string' ? version : undefined,
    algorithm: isInitdataAlgorithm(algorithm) ? algorithm : undefined,
    data,
    problems: [...versionProblems(version), ...algorithmProblems(algorithm), ...problems],
  };
}

function sizeProblem(document: string): MalformedError | undefined {
  if (document.trim() === '') return new MalformedError('INITDATA_EMPTY', 'the initdata document is empty');
  const size = Buffer.byteLength(document);
  if (size <= MAX_DOCUMENT_BYTES) return undefined;
  const message = `the initdata document has ${size} bytes, and at most ${MAX_DOCUMENT_BYTES} are read`;
  return new MalformedError('INITDATA_TOO_LARGE', message);
}

function versionProblems(version: unknown): PlatformError[] {
  if (version === INITDATA_VERSION) return [];
  if (version === undefined) {
    return [new MalformedError('INITDATA_VERSION_MISSING', 'the initdata document names no version')];
  }
  const message = `the version is ${shown(version)}; only "${INITDATA_VERSION}" is known`;
  return [new UnsupportedError('INITDATA_VERSION_UNSUPPORTED', message)];
}

function algorithmProblems(algorithm: unknown): PlatformError[] {
  if (isInitdataAlgorithm(algorithm)) return [];
  if (algorithm === undefined) {
    return [new MalformedError('INITDATA_ALGORITHM_MISSING', 'the initdata document names no algorithm')];
  }
  const message = `the algorithm is ${shown(algorithm)}; it is one of ${INITDATA_ALGORITHMS.join(', ')}`;
  return [new UnsupportedError('INITDATA_ALGORITHM_UNSUPPORTED', message)];
}

function readData(table: unknown): { readonly data: Map<string, string>; readonly problems: PlatformError[] } {
  const data = new Map<string, string>();
  if (!isTable(table)) {
    const problem = table === undefined ? 'there is no table [data]' : '"data" is not a table';
    return { data, problems: [new MalformedError('INITDATA_DATA_MISSING', problem)] };
  }
  const entries = Object.entries(table);
  if (entries.length > MAX_ENTRIES) {
    const message = `the table [data] has ${entries.length} entries, and at most ${MAX_ENTRIES} are read`;
    return { data, problems: [new MalformedError('INITDATA_TOO_LARGE', message)] };
  }
  const problems: PlatformError[] = [];
  for (const [name, value] of entries) {
    if (typeof value === 'string') data.set(name, value);
    else problems.push(new MalformedError('INITDATA_ENTRY_INVALID', entryProblem(name, value)));
  }
  return { data, problems };
}

function entryProblem(name: string, value: unknown): string {
  // An unquoted aa.toml is the member toml of a table aa.
  const hint = isTable(value) ? '; a name with a dot must stand in quotes' : '';
  return `the entry ${shown(name)} is not a text${hint}`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : 'not a text';
}
