import { Buffer } from 'node:buffer';

import { jsonText } from './json-text.ts';

const QUOTE = 0x22;
/** 1 for the characters that JSON writes as themselves in one byte. */
const PLAIN = Uint8Array.from({ length: 0x80 }, (_, unit) => (unit >= 0x20 && unit !== QUOTE && unit !== 0x5c ? 1 : 0));
const DIGIT_0 = 0x30;
/** Integers below this are written as two halves of five digits. */
const TEN_DIGITS = 10_000_000_000;
const FIVE_DIGITS = 100_000;

/** JSON text in the form in which `JsonBytes` takes it. */
export function jsonPiece(text: string): DataView {
  const bytes = new TextEncoder().encode(text);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** JSON text that is written as UTF-8 bytes from front to back. */
export class JsonBytes {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;
  /** Where the last integer was written: dates repeat, and copying is faster than dividing. */
  #lastInteger = Number.NaN;
  #lastIntegerAt = 0;
  #lastIntegerLength = 0;

  /** @param sizeHint The number of bytes expected; more fit, after copying. */
  constructor(sizeHint: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(sizeHint, 64));
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What has been written so far: a view. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes bytes as they are: word by word, which beats `set` with a view for pieces this short. */
  bytes(source: DataView, start = 0, length: number = source.byteLength): this {
    this.#reserve(length);
    const target = this.#view;
    const at = this.#length;
    const words = length & ~3;
    for (let i = 0; i < words; i += 4) target.setInt32(at + i, source.getInt32(start + i));
    for (let i = words; i < length; i += 1) target.setUint8(at + i, source.getUint8(start + i));
    this.#length = at + length;
    return this;
  }

  /**
   * Makes room for `count` bytes, which the caller writes to `view` from the answered place on and then reports to `wrote`.
   * For records that are written ten thousand times, where one call for each piece would take most of the time.
   */
  room(count: number): number {
    this.#reserve(count);
    return this.#length;
  }

  wrote(count: number): this {
    this.#length += count;
    return this;
  }

  /** All the memory, in two forms. Valid until more room is made. */
  get view(): DataView {
    return this.#view;
  }

  get memory(): Uint8Array {
    return this.#bytes;
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
      if (PLAIN[unit] !== 1) return this.bytes(jsonPiece(jsonText(text)));
      target[at] = unit;
    }
    target[at] = QUOTE;
    this.#length = at + 1;
    return this;
  }

  integer(value: number): this {
    if (value === this.#lastInteger) return this.bytes(this.#view, this.#lastIntegerAt, this.#lastIntegerLength);
    const start = this.#length;
    this.#writeInteger(value);
    this.#lastInteger = value;
    this.#lastIntegerAt = start;
    this.#lastIntegerLength = this.#length - start;
    return this;
  }

  #writeInteger(value: number): this {
    if (value >= FIVE_DIGITS && value < TEN_DIGITS) {
      const high = Math.floor(value / FIVE_DIGITS);
      return this.#digits(high, high < 10_000 ? String(high).length : 5).#digits(value - high * FIVE_DIGITS, 5);
    }
    return this.bytes(jsonPiece(String(value)));
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
    this.#view = new DataView(larger.buffer);
  }
}
