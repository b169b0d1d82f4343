import type { SaltTableBuilder } from './salt-table-builder.ts';
import { TEXTS_PER_ENTRY } from './salt-table.ts';

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const COMMA = 0x2c;
const DIGIT_0 = 0x30;

/** Numbers of more digits may be too large. */
const MOST_ID_DIGITS = 9;
const MOST_TIME_DIGITS = 15;
const MOST_TEXT = 255;

/** No such line, column or number. */
export const NONE = -1;

// The same byte four times, to look at four bytes at once.
const HIGH_BITS = 0x80808080;
const ONES = 0x01010101;
const COMMAS = 0x2c2c2c2c;
const ABOVE_SPACES = 0x21212121;
const ZERO_DIGITS = 0x30303030;
/** What takes a number above nine to the high bit. */
const UP_TO_HIGH_BIT = 0x76767676;

/**
 * The fast way to read a line of a salt file, four bytes at a time where that is possible. Nearly all lines have numbers of
 * digits alone, texts without white space, and key ids with their keys or neither; such a line is read in one pass, its texts
 * copied while their ends are sought. Whatever is otherwise is left to the slow way, which knows all rules and says what is
 * wrong.
 */
export class UsualSaltLine {
  /** Where the column that was read last ends. */
  #end = 0;
  readonly #lengths = new Uint8Array(TEXTS_PER_ENTRY);

  /**
   * Adds the line that begins at `start` and answers where its line feed is. Adds nothing and answers `NONE` when it is not whole
   * or not a usual line.
   */
  add(bytes: DataView, start: number, builder: SaltTableBuilder): number {
    builder.makeRoom();
    const target = builder.texts;
    const lengths = this.#lengths;
    const id = this.#number(bytes, start, MOST_ID_DIGITS);
    if (id === NONE) return NONE;
    const lastUpdated = this.#number(bytes, this.#end + 1, MOST_TIME_DIGITS);
    if (lastUpdated === NONE) return NONE;
    let to = builder.textStart;
    const salt = (lengths[0] = this.#text(bytes, target, to, COMMA));
    if (salt === NONE) return NONE;
    const refreshFrom = this.#number(bytes, this.#end + 1, MOST_TIME_DIGITS);
    if (refreshFrom === NONE) return NONE;
    to += salt;
    const previousSalt = (lengths[1] = this.#text(bytes, target, to, COMMA));
    if (previousSalt === NONE) return NONE;
    to += previousSalt;
    const keyId = this.#keyMaterial(bytes, target, to, 2, COMMA);
    if (keyId === NONE) return NONE;
    to += (lengths[2] ?? 0) + (lengths[3] ?? 0);
    const previousKeyId = this.#keyMaterial(bytes, target, to, 4, LINE_FEED);
    if (previousKeyId === NONE) return NONE;
    builder.writtenEntry(id, lastUpdated, refreshFrom, lengths);
    builder.keyIds(keyId, previousKeyId);
    return this.#end;
  }

  /** The number of the column that begins at `start` and ends with a comma. */
  #number(bytes: DataView, start: number, mostDigits: number): number {
    const limit = Math.min(bytes.byteLength - 1, start + mostDigits);
    let at = start;
    let value = 0;
    for (; at + 4 <= limit; at += 4) {
      const digits = bytes.getInt32(at) ^ ZERO_DIGITS;
      if ((((digits + UP_TO_HIGH_BIT) | digits) & HIGH_BITS) !== 0) break;
      const four = (digits >>> 24) * 1000 + ((digits >> 16) & 15) * 100 + ((digits >> 8) & 15) * 10 + (digits & 15);
      value = value * 10_000 + four;
    }
    for (; at < limit; at += 1) {
      const digit = bytes.getUint8(at) - DIGIT_0;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    this.#end = at;
    return at > start && at <= limit && bytes.getUint8(at) === COMMA ? value : NONE;
  }

  /** Copies the column after the last one, which has to end with the byte `last`, to `target` and answers its length. */
  #text(bytes: DataView, target: DataView, to: number, last: number): number {
    const start = this.#end + 1;
    const limit = Math.min(bytes.byteLength - 1, start + MOST_TEXT);
    const shift = to - start;
    let at = start;
    for (; at + 4 <= limit; at += 4) {
      const word = bytes.getInt32(at);
      const fromComma = word ^ COMMAS;
      const marks = ((fromComma - ONES) & ~fromComma) | ((word - ABOVE_SPACES) & ~word);
      if ((marks & HIGH_BITS) !== 0) break;
      target.setInt32(at + shift, word);
    }
    for (; at < limit; at += 1) {
      const byte = bytes.getUint8(at);
      if (byte === COMMA || byte <= SPACE) break;
      target.setUint8(at + shift, byte);
    }
    this.#end = at;
    return at <= limit && bytes.getUint8(at) === last ? at - start : NONE;
  }

  /**
   * Reads the three columns of a key, the last of which has to end with the byte `last`; its texts are those from `text` on.
   * Answers the id, 0 when all three are empty.
   */
  #keyMaterial(bytes: DataView, target: DataView, to: number, text: number, last: number): number {
    const start = this.#end + 1;
    if (start + 2 >= bytes.byteLength) return NONE;
    const isEmpty = bytes.getUint8(start) === COMMA && bytes.getUint8(start + 1) === COMMA;
    if (isEmpty && bytes.getUint8(start + 2) === last) {
      this.#lengths[text] = 0;
      this.#lengths[text + 1] = 0;
      this.#end = start + 2;
      return 0;
    }
    const id = this.#number(bytes, start, MOST_ID_DIGITS);
    if (id === NONE) return NONE;
    const key = this.#text(bytes, target, to, COMMA);
    if (key <= 0) return NONE;
    const salt = this.#text(bytes, target, to + key, last);
    if (salt === NONE) return NONE;
    this.#lengths[text] = key;
    this.#lengths[text + 1] = salt;
    return id;
  }
}
