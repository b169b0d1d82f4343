import { MalformedError } from '@holdfast/base';

/** Reads unsigned numbers of any width from the most significant bit on. Every overrun is TCF_STRING_INVALID. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Up to 32 bits. */
  uint(bits: number): number {
    this.#require(bits);
    let value = 0;
    for (let end = this.#position + bits; this.#position < end; this.#position += 1) {
      value = value * 2 + this.#bit(this.#position);
    }
    return value;
  }

  boolean(): boolean {
    return this.uint(1) === 1;
  }

  skip(bits: number): void {
    this.#require(bits);
    this.#position += bits;
  }

  /** The numbers, counted from 1, whose bits are set among the next `bits`. */
  numbers(bits: number): ReadonlySet<number> {
    const numbers = new Set<number>();
    for (let number = 1; number <= bits; number += 1) if (this.boolean()) numbers.add(number);
    return numbers;
  }

  /** Skips `bits` and answers a test of them, counted from 1. */
  bitField(bits: number): (number: number) => boolean {
    this.#require(bits);
    const start = this.#position;
    this.#position += bits;
    return (number) => number >= 1 && number <= bits && this.#bit(start + number - 1) === 1;
  }

  #bit(position: number): number {
    return ((this.#bytes[position >> 3] ?? 0) >> (7 - (position & 7))) & 1;
  }

  #require(bits: number): void {
    if (this.#position + bits > this.#bytes.length * 8) {
      throw new MalformedError('TCF_STRING_INVALID', 'the consent string ends early');
    }
  }
}
