import { RequestError, toHex } from '@holdfast/base';
import { checkInitdata, encodeInitdata, initdataDigest, initdataPcr8, readInitdata } from '@holdfast/initdata';
import type { InitdataFinding } from '@holdfast/initdata';

import type { InitdataInspectFlags } from '../commands/initdata.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { CARRIER_NAMES, readEffectiveItems, readInitdataItems } from './read-inputs.ts';
import type { InitdataItem } from './read-inputs.ts';
import { findingJson, line, renderFindings } from './render.ts';

/** `holdfast initdata inspect`: what initdata holds, and what is wrong with it. */
export async function runInspect(context: CliContext, flags: InitdataInspectFlags, path: string): Promise<void> {
  const { io } = context;
  if (flags.document && flags.entry !== undefined) throw optionsConflict('--document and --entry exclude one another');
  const items =
    flags.global === undefined ? await readInitdataItems(io, path) : await readEffectiveItems(io, path, flags.global);
  if (flags.document || flags.entry !== undefined) {
    writePart(items, flags.entry, io);
    return;
  }
  const looked = items.map((item) => look(item, flags));
  if (looked.some(({ findings }) => findings.some(({ severity }) => severity === 'error'))) {
    context.setExitCode(EXIT_FAILED);
  }
  if (flags.json) {
    writeJson(io, { version: 1, items: looked.map(asJson) });
    return;
  }
  for (const [index, one] of looked.entries()) {
    if (index > 0) line(io.stdout);
    render(one, io);
  }
}

/** The error for options that do not go together. */
export function optionsConflict(problem: string): RequestError {
  return new RequestError('INITDATA_OPTIONS_CONFLICT', problem, { action: 'See the help of the command.' });
}

interface Looked {
  readonly item: InitdataItem;
  readonly findings: readonly InitdataFinding[];
  readonly facts: InitdataFacts | undefined;
}

interface InitdataFacts {
  readonly version: string | null;
  readonly algorithm: string | null;
  readonly bytes: number;
  readonly encodedCharacters: number;
  readonly entries: readonly { readonly name: string; readonly bytes: number }[];
  readonly digest: string | null;
  readonly pcr8: string | null;
}

function look(item: InitdataItem, { at = Date.now(), bareMetal }: InitdataInspectFlags): Looked {
  const { document, problem, notes, carrier } = item;
  if (document === undefined) {
    const code = problem?.code ?? 'INITDATA_EMPTY';
    const message = `${problem?.message ?? 'there is no document'}.`;
    return { item, findings: [{ code, severity: 'error', message }], facts: undefined };
  }
  const legacy: InitdataFinding = {
    code: 'INITDATA_CARRIER_LEGACY',
    severity: 'warning',
    message: 'The pod has the annotation of older releases.',
  };
  const found = checkInitdata(document, { now: at, guest: bareMetal ? 'bare-metal' : 'peer-pod', notes });
  return { item, findings: carrier === 'legacy-annotation' ? [legacy, ...found] : found, facts: factsOf(document) };
}

function factsOf(document: string): InitdataFacts {
  const { version = null, algorithm, data } = readInitdata(document);
  const digest = algorithm === undefined ? undefined : initdataDigest(document, algorithm);
  return {
    version,
    algorithm: algorithm ?? null,
    bytes: Buffer.byteLength(document),
    encodedCharacters: encodeInitdata(document).length,
    entries: [...data].map(([name, text]) => ({ name, bytes: Buffer.byteLength(text) })),
    digest: digest === undefined ? null : toHex(digest),
    pcr8: digest === undefined ? null : toHex(initdataPcr8(digest)),
  };
}

function asJson({ item, findings, facts }: Looked): object {
  const { where, carrier, reasons } = item;
  return {
    where,
    carrier,
    ...(reasons === undefined ? {} : { reasons }),
    ...(facts === undefined ? {} : { initdata: facts }),
    findings: findings.map(findingJson),
  };
}

function render({ item, findings, facts }: Looked, io: CliIo): void {
  line(io.stdout, `${item.where}: ${CARRIER_NAMES[item.carrier]}`);
  for (const reason of item.reasons ?? []) line(io.stdout, `  ${reason}`);
  if (facts !== undefined) {
    const { version, algorithm, bytes, encodedCharacters, entries, digest, pcr8 } = facts;
    line(io.stdout, `  version    ${version ?? 'none'}`);
    line(io.stdout, `  size       ${bytes} bytes, ${encodedCharacters} characters encoded`);
    for (const entry of entries) line(io.stdout, `  entry      ${entry.name}, ${entry.bytes} bytes`);
    if (digest !== null) line(io.stdout, `  ${(algorithm ?? '').padEnd(9)}  ${digest}`);
    if (pcr8 !== null) line(io.stdout, `  PCR 8      ${pcr8}`);
  }
  if (findings.length === 0) line(io.stdout, '  nothing to say against it');
  renderFindings(findings, io.stdout);
}

/** Writes a document or an entry with not one byte added: what is hashed from it must be what was measured. */
function writePart(items: readonly InitdataItem[], entry: string | undefined, io: CliIo): void {
  const [item] = items;
  if (item === undefined || items.length > 1) {
    throw optionsConflict(`there are ${items.length} documents, and only one can be written`);
  }
  if (item.problem !== undefined) throw item.problem;
  const document = item.document ?? '';
  if (entry === undefined) {
    io.stdout.write(document);
    return;
  }
  const { data, problems } = readInitdata(document);
  const text = data.get(entry);
  if (text === undefined) {
    const [problem] = problems;
    if (problem !== undefined) throw problem;
    throw optionsConflict(`there is no entry "${entry}"; there are ${[...data.keys()].join(', ')}`);
  }
  io.stdout.write(text);
}
