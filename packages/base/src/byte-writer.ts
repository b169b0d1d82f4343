import { Buffer } from 'node:buffer';

import { pooledBytes } from './bytes.ts';

/** Fills a byte string of a size known beforehand, from front to back. Writing past the end throws RangeError: a defect. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  #offset = 0;

  /** @param bytes The memory to fill, of `size` bytes; new memory when missing. */
  constructor(size: number, bytes: Uint8Array = new Uint8Array(size)) {
    if (bytes.length !== size) throw new RangeError(`memory has ${bytes.length} bytes, not ${size}`);
    this.#bytes = bytes;
  }

  /** A writer over `pooledBytes`. */
  static pooled(size: number): ByteWriter {
    return new ByteWriter(size, pooledBytes(size));
  }

  uint8(value: number): this {
    this.#bytes[this.#advance(1)] = value;
    return this;
  }

  int32(value: number): this {
    this.#write32(this.#advance(4), value);
    return this;
  }

  uint32le(value: number): this {
    const at = this.#advance(4);
    for (let i = 0; i < 4; i += 1) this.#bytes[at + i] = value >>> (8 * i);
    return this;
  }

  /** A big-endian signed 64-bit integer from a safe integer. */
  int64(value: number): this {
    if (!Number.isInteger(value)) throw new RangeError(`${value} is not a whole number`);
    const at = this.#advance(8);
    this.#write32(at, Math.floor(value / 2 ** 32));
    this.#write32(at + 4, value);
    return this;
  }

  uint64le(value: bigint): this {
    const at = this.#advance(8);
    for (let i = 0; i < 8; i += 1) this.#bytes[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#advance(value.length));
    return this;
  }

  /** Text of which every letter is one byte, such as Base64. */
  latin1(text: string): this {
    this.#view(text.length).write(text, 'latin1');
    return this;
  }

  utf8(text: string): this {
    this.#view(Buffer.byteLength(text)).write(text, 'utf8');
    return this;
  }

  /** Writes `length` zero bytes. */
  skip(length: number): this {
    const at = this.#advance(length);
    for (let i = 0; i < length; i += 1) this.#bytes[at + i] = 0;
    return this;
  }

  /** The filled byte string. Throws when bytes are still missing: a defect of the caller. */
  done(): Uint8Array {
    if (this.#offset !== this.#bytes.length) {
      throw new RangeError(`wrote ${this.#offset} of ${this.#bytes.length} bytes`);
    }
    return this.#bytes;
  }

  /** The lowest 32 bits, big-endian. By hand: a DataView and BigInts took longer than all the writing. */
  #write32(at: number, value: number): void {
    this.#bytes[at] = value >> 24;
    this.#bytes[at + 1] = value >> 16;
    this.#bytes[at + 2] = value >> 8;
    this.#bytes[at + 3] = value;
  }

  /** The next `length` bytes, to be filled. */
  #view(length: number): Buffer {
    const { buffer, byteOffset } = this.#bytes;
    return Buffer.from(buffer, byteOffset + this.#advance(length), length);
  }

  #advance(length: number): number {
    const at = this.#offset;
    if (at + length > this.#bytes.length) throw new RangeError('write past the end');
    this.#offset = at + length;
    return at;
  }
}
