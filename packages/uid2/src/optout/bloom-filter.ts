/**
 * The Bloom filter of the UID2 operator reference: one hash function, the low bits of an identity hash read as a
 * little-endian number. Held in shared memory, so that workers read the same bits.
 */
export class BloomFilter {
  readonly #words: Uint32Array;
  readonly #mask: number;

  private constructor(words: Uint32Array) {
    this.#words = words;
    this.#mask = words.length * 32 - 1;
  }

  /** A filter of at least `bits` bits: rounded up to a power of two, 64 or more, at most 2^31. */
  static withCapacity(bits: number): BloomFilter {
    let capacity = MIN_BITS;
    while (capacity < bits && capacity < MAX_BITS) capacity *= 2;
    return new BloomFilter(new Uint32Array(new SharedArrayBuffer(capacity / 8)));
  }

  /** A filter over words that another filter made. */
  static over(words: Uint32Array): BloomFilter {
    return new BloomFilter(words);
  }

  /** The bits themselves, to hand to a worker. */
  get words(): Uint32Array {
    return this.#words;
  }

  get capacity(): number {
    return this.#mask + 1;
  }

  /** Which bit the hash at `offset` of `bytes` stands for. */
  bitIndex(bytes: Uint8Array, offset = 0): number {
    const low =
      (bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24);
    return (low & this.#mask) >>> 0;
  }

  /** Answers whether it may have been added before. */
  add(bytes: Uint8Array, offset = 0): boolean {
    const bit = this.bitIndex(bytes, offset);
    const mask = 1 << (bit & 31);
    const word = this.#words[bit >>> 5] ?? 0;
    this.#words[bit >>> 5] = word | mask;
    return (word & mask) !== 0;
  }

  /** False: certainly never added. */
  mayContain(bytes: Uint8Array, offset = 0): boolean {
    const bit = this.bitIndex(bytes, offset);
    return ((this.#words[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0;
  }
}

const MIN_BITS = 64;
const MAX_BITS = 2 ** 31;
const BITS_PER_ENTRY = 128;

/** The capacity the reference gives a filter of `entries` entries: the highest power of two not above it, times 128. */
export function idealBloomCapacity(entries: number): number {
  return 2 ** Math.floor(Math.log2(Math.max(entries, 1))) * BITS_PER_ENTRY;
}
