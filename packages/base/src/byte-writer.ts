/** Fills a byte string of a size known beforehand, from front to back. Writing past the end throws RangeError: a defect. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  uint8(value: number): this {
    this.#view.setUint8(this.#advance(1), value);
    return this;
  }

  int32(value: number): this {
    this.#view.setInt32(this.#advance(4), value);
    return this;
  }

  uint32le(value: number): this {
    this.#view.setUint32(this.#advance(4), value, true);
    return this;
  }

  /** A big-endian signed 64-bit integer from a safe integer. */
  int64(value: number): this {
    this.#view.setBigInt64(this.#advance(8), BigInt(value));
    return this;
  }

  uint64le(value: bigint): this {
    this.#view.setBigUint64(this.#advance(8), value, true);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#advance(value.length));
    return this;
  }

  /** Leaves `length` zero bytes. */
  skip(length: number): this {
    this.#advance(length);
    return this;
  }

  /** The filled byte string. Throws when bytes are still missing: a defect of the caller. */
  done(): Uint8Array {
    if (this.#offset !== this.#bytes.length) {
      throw new RangeError(`wrote ${this.#offset} of ${this.#bytes.length} bytes`);
    }
    return this.#bytes;
  }

  #advance(length: number): number {
    const at = this.#offset;
    if (at + length > this.#bytes.length) throw new RangeError('write past the end');
    this.#offset = at + length;
    return at;
  }
}
