import { MalformedError } from '@holdfast/base';

import { SaltTableBuilder } from './salt-table-builder.ts';
import type { SaltTable } from './salt-table.ts';
import { MOST_BYTES, UsualLines } from './usual-lines.ts';

export interface SaltFileOptions {
  /** Entries the metadata announce. More lines fail; fewer leave holes that fail when they are used. */
  readonly size: number;
  readonly idPrefix: string;
  readonly idSecret: string;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;

const MIN_COLUMNS = 9;
const MAX_COLUMNS = 11;
/** Bounds memory when the input has no line breaks; a real line has about 150 bytes. */
const MAX_LINE = 4096;
const MAX_INT32 = 0x7fff_ffff;

/**
 * Reads a salt file piece by piece into columns, so that the file never has to be in memory as a whole.
 *
 * One line per entry, comma separated: id, last updated (ms), current salt, refresh from (ms), previous salt, then id, key
 * and key salt of the current and of the previous key. Texts are trimmed and may be blank; numbers are neither. Any bad line
 * fails the whole file; line breaks after the last line are ignored.
 * @throws MalformedError SALT_FILE_MALFORMED from `push` or `finish`; message and details name the line
 */
export class SaltFileParser {
  readonly #builder: SaltTableBuilder;
  readonly #size: number;
  readonly #usual = new UsualLines();
  /** The start of a line whose end has not been pushed yet. */
  readonly #partial = new Uint8Array(MAX_LINE);
  #partialLength = 0;
  #lines = 0;
  #emptyLines = 0;
  /** Start of each column in the current line; one more entry than columns, so that ends can be read from it too. */
  readonly #starts = new Int32Array(MAX_COLUMNS + 1);

  constructor(options: SaltFileOptions) {
    this.#builder = new SaltTableBuilder(options);
    this.#size = options.size;
  }

  /** Takes the next bytes of the file, cut anywhere. */
  push(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += MOST_BYTES)
      this.#push(bytes.subarray(start, start + MOST_BYTES));
  }

  #push(chunk: Uint8Array): void {
    let start = 0;
    if (this.#partialLength > 0) {
      const end = chunk.indexOf(LINE_FEED);
      if (end < 0) return this.#keep(chunk);
      this.#keep(chunk.subarray(0, end));
      this.#line(this.#partial, 0, this.#partialLength);
      this.#partialLength = 0;
      start = end + 1;
    }
    this.#usual.take(chunk);
    for (;;) {
      start = this.#usualLines(start);
      const end = chunk.indexOf(LINE_FEED, start);
      if (end < 0) break;
      this.#line(chunk, start, end);
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  /** The table, once all bytes were pushed. */
  finish(): SaltTable {
    if (this.#partialLength > 0) this.#line(this.#partial, 0, this.#partialLength);
    this.#partialLength = 0;
    return this.#builder.finish();
  }

  #keep(rest: Uint8Array): void {
    if (this.#partialLength + rest.length > MAX_LINE) throw this.#malformed(`is longer than ${MAX_LINE} bytes`);
    this.#partial.set(rest, this.#partialLength);
    this.#partialLength += rest.length;
  }

  /** Reads usual lines; answers where the line begins that has to be looked at more closely. */
  #usualLines(start: number): number {
    if (this.#emptyLines > 0) return start;
    const { lines, end } = this.#usual.addTo(this.#builder, start, this.#size - this.#lines);
    this.#lines += lines;
    return end;
  }

  #line(bytes: Uint8Array, start: number, lineEnd: number): void {
    const end = lineEnd > start && bytes[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
    if (start === end) {
      this.#emptyLines += 1;
      return;
    }
    // Empty lines are fine at the end of the file only.
    if (this.#emptyLines > 0) throw this.#malformed('is empty');
    if (this.#lines === this.#size) throw this.#malformed(`is one more than the ${this.#size} that were announced`);
    this.#split(bytes, start, end);
    const builder = this.#builder;
    builder.entry(
      this.#number(bytes, 0, MAX_INT32),
      this.#number(bytes, 1, Number.MAX_SAFE_INTEGER),
      this.#number(bytes, 3, Number.MAX_SAFE_INTEGER),
    );
    this.#text(bytes, 2);
    this.#text(bytes, 4);
    builder.keyIds(this.#keyMaterial(bytes, 5), this.#keyMaterial(bytes, 8));
    this.#lines += 1;
  }

  /** Notes where the columns start; missing ones at the end are empty. Columns after the eleventh are ignored. */
  #split(bytes: Uint8Array, start: number, end: number): void {
    const starts = this.#starts;
    let columns = 1;
    starts[0] = start;
    for (let i = start; i < end; i += 1) {
      if (bytes[i] !== COMMA) continue;
      starts[columns] = i + 1;
      columns += 1;
      if (columns > MAX_COLUMNS) return;
    }
    if (columns < MIN_COLUMNS) throw this.#malformed(`has ${columns} columns, at least ${MIN_COLUMNS} are needed`);
    // Each start is one past the comma before it, so that an absent column runs from `end + 1` to `end`.
    starts.fill(end + 1, columns);
  }

  /** Adds one column's text, trimmed; blank adds nothing. */
  #text(bytes: Uint8Array, column: number): void {
    const { start, end } = this.#trimmed(bytes, column);
    if (end - start > 255) throw this.#malformed(`has more than 255 bytes in column ${column}`);
    this.#builder.text(bytes, start, end);
  }

  /** Adds key and key salt of the three columns from `column` on; without id or key there are none. Returns the id. */
  #keyMaterial(bytes: Uint8Array, column: number): number {
    const id = this.#trimmed(bytes, column);
    const idIsBlank = id.start >= id.end;
    const key = this.#trimmed(bytes, column + 1);
    if (idIsBlank || key.start >= key.end) {
      this.#builder.text(bytes, 0, 0);
      this.#builder.text(bytes, 0, 0);
      return 0;
    }
    this.#text(bytes, column + 1);
    this.#text(bytes, column + 2);
    return this.#number(bytes, column, MAX_INT32);
  }

  #trimmed(bytes: Uint8Array, column: number): { start: number; end: number } {
    let start = this.#starts[column] ?? 0;
    let end = (this.#starts[column + 1] ?? 0) - 1;
    while (start < end && (bytes[start] ?? 0) <= SPACE) start += 1;
    while (end > start && (bytes[end - 1] ?? 0) <= SPACE) end -= 1;
    return { start, end };
  }

  /** A decimal integer that fills its column. */
  #number(bytes: Uint8Array, column: number, max: number): number {
    let i = this.#starts[column] ?? 0;
    const end = (this.#starts[column + 1] ?? 0) - 1;
    const negative = bytes[i] === MINUS;
    if (negative || bytes[i] === PLUS) i += 1;
    let value = i < end ? 0 : Number.NaN;
    for (; i < end; i += 1) {
      const byte = bytes[i] ?? 0;
      value = byte >= DIGIT_0 && byte <= DIGIT_9 ? value * 10 + (byte - DIGIT_0) : Number.NaN;
    }
    if (!(value <= max)) throw this.#malformed(`has no integer up to ${max} in column ${column}`);
    return negative ? -value : value;
  }

  #malformed(problem: string): MalformedError {
    const line = this.#lines + 1;
    return new MalformedError('SALT_FILE_MALFORMED', `salt file: line ${line} ${problem}`, { details: { line } });
  }
}

/**
 * The table of a whole salt file.
 * @throws MalformedError SALT_FILE_MALFORMED
 */
export function parseSaltFile(bytes: Uint8Array, options: SaltFileOptions): SaltTable {
  const parser = new SaltFileParser(options);
  parser.push(bytes);
  return parser.finish();
}
