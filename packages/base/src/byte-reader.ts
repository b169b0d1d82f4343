import { Buffer } from 'node:buffer';

import { MalformedError } from './errors.ts';

/**
 * Reads a byte string from front to back without copying. Every read past the end throws MalformedError with the code
 * given at construction, so a parser names its own format.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #code: string;
  readonly #what: string;
  #offset = 0;

  /** @param what The format's name for messages, for example "refresh token". */
  constructor(bytes: Uint8Array, code: string, what: string) {
    // A Buffer's slice() is a view where a Uint8Array's is a copy; parsers must get the one that copies.
    this.#bytes = Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes;
    this.#code = code;
    this.#what = what;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    return this.#bytes[this.#advance(1)] ?? 0;
  }

  int32(): number {
    return this.#int32(this.#advance(4));
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  uint32le(): number {
    return this.#uint32le(this.#advance(4));
  }

  /** A big-endian signed 64-bit integer as a number; values beyond 2^53 are refused rather than rounded. */
  int64(): number {
    const at = this.#advance(8);
    const value = this.#int32(at) * 2 ** 32 + (this.#int32(at + 4) >>> 0);
    if (!Number.isSafeInteger(value)) throw this.#malformed(`integer at offset ${at} is out of range`);
    return value;
  }

  uint64le(): bigint {
    const at = this.#advance(8);
    return (BigInt(this.#uint32le(at + 4)) << 32n) | BigInt(this.#uint32le(at));
  }

  /** The next `length` bytes, as a view of the input. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Everything that is left, as a view of the input. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** Refuses anything that is left over. */
  end(): void {
    if (this.remaining !== 0) throw this.#malformed(`${this.remaining} bytes follow its end`);
  }

  /** By hand: making a DataView took longer than all the reading. */
  #int32(at: number): number {
    const bytes = this.#bytes;
    return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  }

  #uint32le(at: number): number {
    const bytes = this.#bytes;
    const signed =
      (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    return signed >>> 0;
  }

  #advance(length: number): number {
    const at = this.#offset;
    if (length < 0 || at + length > this.#bytes.length) {
      throw this.#malformed(`ends after ${this.#bytes.length} bytes, expected ${length} more at offset ${at}`);
    }
    this.#offset = at + length;
    return at;
  }

  #malformed(problem: string): MalformedError {
    return new MalformedError(this.#code, `${this.#what}: ${problem}`);
  }
}
