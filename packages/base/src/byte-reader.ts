import { MalformedError } from './errors.ts';

/**
 * Reads a byte string from front to back without copying. Every read past the end throws MalformedError with the code
 * given at construction, so a parser names its own format.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #code: string;
  readonly #what: string;
  #offset = 0;

  /** @param what The format's name for messages, for example "refresh token". */
  constructor(bytes: Uint8Array, code: string, what: string) {
    // A Buffer's slice() is a view where a Uint8Array's is a copy; parsers must get the one that copies.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    return this.#view.getUint8(this.#advance(1));
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4));
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  uint32le(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** A big-endian signed 64-bit integer as a number; values beyond 2^53 are refused rather than rounded. */
  int64(): number {
    const at = this.#advance(8);
    const value = Number(this.#view.getBigInt64(at));
    if (!Number.isSafeInteger(value)) throw this.#malformed(`integer at offset ${at} is out of range`);
    return value;
  }

  uint64le(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
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
