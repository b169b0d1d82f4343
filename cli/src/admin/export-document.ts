import { MalformedError } from '@holdfast/base';
import { isJsonObject, parseJsonObject } from '@holdfast/uid2';
import type { JsonObject, JsonValue } from '@holdfast/uid2';

/** A whole world in one JSON document. */
export interface WorldDocument {
  /** By store directory. */
  readonly stores: Readonly<Record<string, ExportedStore>>;
  /** Configuration that operators read from the bucket, by object path. */
  readonly objects: Readonly<Record<string, JsonObject>>;
  /** Missing when the salts were left out. */
  readonly salts: ExportedSalts | undefined;
}

export interface ExportedStore {
  /** The store's name in its metadata. */
  readonly member: string;
  readonly metadata: JsonObject;
  readonly content: readonly JsonValue[];
}

export interface ExportedSalts {
  readonly metadata: JsonObject;
  /** By location, Base64 of the gzipped file. */
  readonly files: Readonly<Record<string, string>>;
}

const FORMAT = 'holdfast-uid2-world';
const VERSION = 1;
const DIRECTORY = /^[a-z][a-z0-9_]{0,63}$/;

export function writeWorldDocument(document: WorldDocument, exportedAt: number): string {
  const { stores, objects, salts } = document;
  return `${JSON.stringify({
    format: FORMAT,
    version: VERSION,
    exportedAt: new Date(exportedAt).toISOString(),
    stores,
    objects,
    salts: salts ?? null,
  })}\n`;
}

/**
 * Reads the shape of a document; what the stores hold is checked by whoever takes them in.
 * @throws MalformedError WORLD_EXPORT_MALFORMED
 */
export function parseWorldDocument(text: string): WorldDocument {
  const document = readObject(() => parseJsonObject(text), 'the file is not a JSON object');
  if (document['format'] !== FORMAT) throw malformed('the file is no exported world');
  if (document['version'] !== VERSION)
    throw malformed(`the file has version ${JSON.stringify(document['version'])}, not ${VERSION}`);
  const salts = document['salts'] ?? null;
  return {
    stores: Object.fromEntries(
      Object.entries(member(document, 'stores')).map(([directory, store]) => [directory, parseStore(directory, store)]),
    ),
    objects: mapMembers(member(document, 'objects'), 'objects', (value) => (isJsonObject(value) ? value : undefined)),
    salts: salts === null ? undefined : parseSalts(salts),
  };
}

function parseStore(directory: string, store: JsonValue): ExportedStore {
  if (!DIRECTORY.test(directory) || directory === 'salts') throw malformed(`${directory} is no name of a store`);
  if (!isJsonObject(store)) throw malformed(`${directory} is not an object`);
  const { member: name, content } = store;
  if (typeof name !== 'string' || name === '') throw malformed(`${directory} lacks its member`);
  if (!Array.isArray(content)) throw malformed(`${directory} lacks its content`);
  return { member: name, metadata: member(store, 'metadata'), content: content as readonly JsonValue[] };
}

function parseSalts(salts: JsonValue): ExportedSalts {
  if (!isJsonObject(salts)) throw malformed('salts is not an object');
  return {
    metadata: member(salts, 'metadata'),
    files: mapMembers(member(salts, 'files'), 'salt files', (value) => (typeof value === 'string' ? value : undefined)),
  };
}

function mapMembers<T>(
  object: JsonObject,
  what: string,
  read: (value: JsonValue) => T | undefined,
): Readonly<Record<string, T>> {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => {
      const item = read(value);
      if (item === undefined) throw malformed(`${name} among the ${what} is of another type`);
      return [name, item];
    }),
  );
}

function member(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  if (value === undefined || !isJsonObject(value)) throw malformed(`${name} is missing or not an object`);
  return value;
}

function readObject(read: () => JsonObject, problem: string): JsonObject {
  try {
    return read();
  } catch (cause) {
    throw malformed(problem, cause);
  }
}

export function malformed(problem: string, cause?: unknown): MalformedError {
  return new MalformedError('WORLD_EXPORT_MALFORMED', `not an exported world: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    action: 'Give a file that `holdfast uid2 export` wrote.',
  });
}
