import { errorMessage, MalformedError } from '@holdfast/base';

import { decodeLenientBase64 } from '../encoding/lenient-base64.ts';
import { isJsonObject, parseLenientJson } from '../envelope/lenient-json.ts';
import type { JsonObject, JsonValue } from '../envelope/lenient-json.ts';

/** Reads the members of one record and names file, index and field in every complaint. Unknown members are ignored. */
export class RecordReader {
  readonly #file: string;
  readonly #index: number;
  readonly #record: JsonObject;

  constructor(file: string, index: number, record: JsonObject) {
    this.#file = file;
    this.#index = index;
    this.#record = record;
  }

  /** A member that must be text. */
  text(field: string): string {
    const value = this.#value(field);
    if (typeof value !== 'string') throw this.fail(field, value === undefined ? 'is missing' : 'is not text');
    return value;
  }

  /** A text member, or `fallback` when it is missing or null. */
  textOr(field: string, fallback: string): string {
    return this.#value(field) === undefined ? fallback : this.text(field);
  }

  optionalText(field: string): string | undefined {
    return this.#value(field) === undefined ? undefined : this.text(field);
  }

  /** A member that must be a whole number. */
  integer(field: string): number {
    const value = this.#value(field);
    if (value === undefined) throw this.fail(field, 'is missing');
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.fail(field, 'is not a whole number');
    return value;
  }

  integerOr(field: string, fallback: number): number {
    return this.#value(field) === undefined ? fallback : this.integer(field);
  }

  optionalInteger(field: string): number | undefined {
    return this.#value(field) === undefined ? undefined : this.integer(field);
  }

  /** A member that must be true or false. */
  boolean(field: string): boolean {
    const value = this.#value(field);
    if (typeof value !== 'boolean') throw this.fail(field, value === undefined ? 'is missing' : 'is not true or false');
    return value;
  }

  booleanOr(field: string, fallback: boolean): boolean {
    return this.#value(field) === undefined ? fallback : this.boolean(field);
  }

  /** A member that must be Base64 text; `length` when only so many bytes make sense. */
  base64(field: string, length?: number): Uint8Array {
    const bytes = decodeLenientBase64(this.text(field));
    if (bytes === undefined) throw this.fail(field, 'is not Base64');
    if (length !== undefined && bytes.length !== length) {
      throw this.fail(field, `has ${bytes.length} bytes instead of ${length}`);
    }
    return bytes;
  }

  /** A member that must be an array of texts. */
  texts(field: string): readonly string[] {
    return this.#array(field).map((item) => {
      if (typeof item !== 'string') throw this.fail(field, 'holds something that is not text');
      return item;
    });
  }

  textsOr(field: string, fallback: readonly string[]): readonly string[] {
    return this.#value(field) === undefined ? fallback : this.texts(field);
  }

  /** An array of whole numbers, or null when the member is missing or null. */
  integersOrNull(field: string): readonly number[] | null {
    if (this.#value(field) === undefined) return null;
    return this.#array(field).map((item) => {
      if (typeof item !== 'number' || !Number.isSafeInteger(item)) {
        throw this.fail(field, 'holds something that is not a whole number');
      }
      return item;
    });
  }

  fail(field: string, problem: string): MalformedError {
    return malformed(this.#file, this.#index, field, problem);
  }

  #array(field: string): readonly JsonValue[] {
    const value = this.#value(field);
    if (!Array.isArray(value)) throw this.fail(field, value === undefined ? 'is missing' : 'is not an array');
    return value as readonly JsonValue[];
  }

  #value(field: string): JsonValue | undefined {
    const value = Object.hasOwn(this.#record, field) ? this.#record[field] : undefined;
    return value === null ? undefined : value;
  }
}

/**
 * Reads a seed file: a JSON array of records. One bad record fails the whole file.
 * @param file The kind of file, as messages name it, for example "clients".
 * @throws MalformedError SEED_FILE_MALFORMED with details file, index (-1 for the file itself) and field
 */
export function parseRecords<T>(file: string, text: string, parseRecord: (reader: RecordReader) => T): T[] {
  return recordsOf(file, parseFileJson(file, text), parseRecord);
}

/** The same for an array that is already parsed. */
export function recordsOf<T>(
  file: string,
  value: JsonValue | undefined,
  parseRecord: (reader: RecordReader) => T,
): T[] {
  if (!Array.isArray(value)) throw malformed(file, -1, '', 'is not a JSON array');
  return (value as readonly JsonValue[]).map((record, index) => {
    if (!isJsonObject(record)) throw malformed(file, index, '', 'is not a JSON object');
    return parseRecord(new RecordReader(file, index, record));
  });
}

/**
 * A file that holds one JSON object.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseObject(file: string, text: string): JsonObject {
  const value = parseFileJson(file, text);
  if (!isJsonObject(value)) throw malformed(file, -1, '', 'is not a JSON object');
  return value;
}

/** A reader over an object that is a file, or part of one, of its own. */
export function objectReader(file: string, object: JsonObject): RecordReader {
  return new RecordReader(file, -1, object);
}

/** The JSON array of a seed file, one member a line as people read it. */
export function writeRecords(records: readonly JsonObject[]): string {
  return `${JSON.stringify(records, undefined, 2)}\n`;
}

function parseFileJson(file: string, text: string): JsonValue {
  try {
    return parseLenientJson(text);
  } catch (cause) {
    throw new MalformedError('SEED_FILE_MALFORMED', `${file}: ${errorMessage(cause)}`, {
      cause,
      details: { file, index: -1, field: '' },
      action: 'Check that the file is complete and was written for this store.',
    });
  }
}

function malformed(file: string, index: number, field: string, problem: string): MalformedError {
  const place = index < 0 ? file : `${file} record ${index}`;
  const what = field === '' ? problem : `${field} ${problem}`;
  return new MalformedError('SEED_FILE_MALFORMED', `${place}: ${what}`, {
    details: { file, index, field },
    action: 'Correct the named record; until then the whole file is refused.',
  });
}
