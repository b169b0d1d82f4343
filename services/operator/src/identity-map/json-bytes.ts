import { Buffer } from 'node:buffer';

import { jsonText } from '../json-text.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;
const LAST_ASCII = 0x7f;
const DIGIT_0 = 0x30;
/** Integers below this are written as two halves of five digits. */
const TEN_DIGITS = 10_000_000_000;
const FIVE_DIGITS = 100_000;

/** JSON text that is written as UTF-8 bytes from front to back. */
export class JsonBytes {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** @param sizeHint The number of bytes expected; more fit, after copying. */
  constructor(sizeHint: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(sizeHint, 64));
  }

  get length(): number {
    return this.#length;
  }

  /** What has been written so far: a view. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes bytes as they are. */
  bytes(source: Uint8Array, start = 0, end: number = source.length): this {
    this.#reserve(end - start);
    const target = this.#bytes;
    let at = this.#length;
    // A loop beats `set` with a view for pieces this short.
    for (let i = start; i < end; i += 1, at += 1) target[at] = source[i] ?? 0;
    this.#length = at;
    return this;
  }

  /** Takes everything that another one has written. */
  append(other: JsonBytes): this {
    this.#reserve(other.#length);
    this.#bytes.set(other.written, this.#length);
    this.#length += other.#length;
    return this;
  }

  /** A string literal, with its quotes. */
  string(text: string): this {
    this.#reserve(text.length + 2);
    const target = this.#bytes;
    let at = this.#length;
    target[at] = QUOTE;
    at += 1;
    for (let i = 0; i < text.length; i += 1, at += 1) {
      const unit = text.charCodeAt(i);
      if (unit < FIRST_PRINTABLE || unit > LAST_ASCII || unit === QUOTE || unit === BACKSLASH) {
        return this.bytes(Buffer.from(jsonText(text), 'utf8'));
      }
      target[at] = unit;
    }
    target[at] = QUOTE;
    this.#length = at + 1;
    return this;
  }

  integer(value: number): this {
    if (value >= FIVE_DIGITS && value < TEN_DIGITS) {
      const high = Math.floor(value / FIVE_DIGITS);
      return this.#digits(high, high < 10_000 ? String(high).length : 5).#digits(value - high * FIVE_DIGITS, 5);
    }
    return this.bytes(Buffer.from(String(value), 'latin1'));
  }

  #digits(value: number, count: number): this {
    this.#reserve(count);
    let rest = value | 0;
    for (let at = this.#length + count - 1; at >= this.#length; at -= 1) {
      const tenth = (rest / 10) | 0;
      this.#bytes[at] = DIGIT_0 + rest - tenth * 10;
      rest = tenth;
    }
    this.#length += count;
    return this;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.written);
    this.#bytes = larger;
  }
}
