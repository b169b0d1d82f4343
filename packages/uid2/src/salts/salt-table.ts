import { createBucketIdWriter } from './bucket-id.ts';
import type { BucketIdWriter } from './bucket-id.ts';

/** Key material of a bucket whose raw UIDs are version 4. Texts as UTF-8 bytes; the key is used as text, never decoded. */
export interface SaltKeyMaterial {
  readonly id: number;
  readonly key: Uint8Array;
  /** Undefined when the file leaves the column blank: such material cannot make raw UIDs. */
  readonly salt: Uint8Array | undefined;
}

/**
 * The entries of a salt file. All bytes lie in shared memory and the object can be structure-cloned, so worker threads share
 * one copy: `postMessage(table.share())` here, `SaltTable.fromShared(data)` there.
 *
 * Callers ask for entries all over a million of them, and every cache line that they touch costs more than hashing a block.
 * So what is always needed of an entry lies together in a row of half a cache line, and its texts lie together elsewhere.
 */
export interface SaltTableData {
  readonly idPrefix: string;
  readonly idSecret: string;
  /**
   * 32 bytes per entry, in the byte order of the machine: last updated and refresh from (64-bit floats, milliseconds; the
   * first is NaN for a hole, which the file did not bring), id (32 bits; the bucket id is derived from it), where its texts
   * start (32 bits: segment number times segment size plus offset inside), and their six lengths (a byte each, in file
   * order: current salt, previous salt, current key, its salt, previous key, its salt).
   */
  readonly rows: SharedArrayBuffer;
  /** The ids of each entry's current and previous key. */
  readonly keyIds: Int32Array<SharedArrayBuffer>;
  /** Segments have two to the power of this many bytes. */
  readonly segmentBits: number;
  readonly segments: readonly Uint8Array<SharedArrayBuffer>[];
}

export const ROW_BYTES = 32;
/** Where the members of a row are, counted in their own size. */
export const ROW_LAST_UPDATED = 0;
export const ROW_REFRESH_FROM = 1;
export const ROW_ID = 4;
export const ROW_TEXTS = 5;
export const ROW_LENGTHS = 24;

/** The rows of a table, seen as each of the types that are in them. */
export interface RowViews {
  readonly floats: Float64Array;
  readonly ints: Int32Array;
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

export function viewRows(rows: SharedArrayBuffer): RowViews {
  return {
    floats: new Float64Array(rows),
    ints: new Int32Array(rows),
    words: new Uint32Array(rows),
    bytes: new Uint8Array(rows),
  };
}

const FLOATS_PER_ROW = ROW_BYTES / 8;
const WORDS_PER_ROW = ROW_BYTES / 4;

/** The number of entries for which the index is taken from the hash directly. */
const ONE_MILLION = 1_048_576;

/** The texts of an entry by their place in the file; the salt of a key comes after it. */
export const CURRENT_SALT = 0;
export const PREVIOUS_SALT = 1;
export const CURRENT_KEY = 2;
export const PREVIOUS_KEY = 4;
/** What a processor fetches at once; the texts of an entry begin anywhere and mostly fill two or three. */
const CACHE_LINE = 64;
/** Texts per entry. */
export const TEXTS_PER_ENTRY = 6;

/** The entries of one salt file ("buckets"), about 130 bytes each. */
export class SaltTable {
  readonly size: number;
  readonly #data: SaltTableData;
  readonly #floats: Float64Array;
  readonly #ints: Int32Array;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #segments: readonly Uint8Array[];
  readonly #segmentViews: readonly DataView[];
  readonly #segmentBits: number;
  #bucketIdWriter: BucketIdWriter | undefined;

  private constructor(data: SaltTableData) {
    const { floats, ints, words, bytes } = viewRows(data.rows);
    this.size = data.rows.byteLength / ROW_BYTES;
    this.#data = data;
    this.#floats = floats;
    this.#ints = ints;
    this.#words = words;
    this.#bytes = bytes;
    this.#segments = data.segments;
    this.#segmentViews = data.segments.map(({ buffer }) => new DataView(buffer));
    this.#segmentBits = data.segmentBits;
  }

  /** A table over entries that `share()` gave out, in this thread or another. */
  static fromShared(data: SaltTableData): SaltTable {
    return new SaltTable(data);
  }

  /** The entries, for `postMessage`. */
  share(): SaltTableData {
    return this.#data;
  }

  /** The entry of the first-level hash at `offset`: its first byte, the second, and the low half of the third. */
  indexOf(firstLevelHash: Uint8Array, offset = 0): number {
    const [first, second, third] = [firstLevelHash[offset], firstLevelHash[offset + 1], firstLevelHash[offset + 2]];
    const index = ((first ?? 0) << 12) | ((second ?? 0) << 4) | ((third ?? 0) & 0x0f);
    return this.size === ONE_MILLION ? index : index % this.size;
  }

  /** Whether the file brought this entry. */
  isLoaded(index: number): boolean {
    return !Number.isNaN(this.lastUpdated(index));
  }

  id(index: number): number {
    return this.#ints[index * WORDS_PER_ROW + ROW_ID] ?? 0;
  }

  /** Milliseconds since the epoch; NaN for a hole. */
  lastUpdated(index: number): number {
    return this.#floats[index * FLOATS_PER_ROW + ROW_LAST_UPDATED] ?? Number.NaN;
  }

  /** Milliseconds since the epoch; NaN for a hole. */
  refreshFrom(index: number): number {
    return this.#floats[index * FLOATS_PER_ROW + ROW_REFRESH_FROM] ?? Number.NaN;
  }

  /** The public name of an entry: prefix and Hashids text of its id. */
  bucketId(index: number): string {
    return this.#bucketIds.encode(this.id(index));
  }

  /** Most bytes of a bucket id. */
  get maxBucketIdLength(): number {
    return this.#bucketIds.maxLength;
  }

  /** Writes the bucket id as UTF-8 to `target` from `start` on; answers its length in bytes. */
  writeBucketId(index: number, target: Uint8Array, start: number): number {
    return this.#bucketIds.write(this.id(index), target, start);
  }

  /** What all bucket ids begin with. */
  get bucketIdPrefix(): string {
    return this.#data.idPrefix;
  }

  get #bucketIds(): BucketIdWriter {
    return (this.#bucketIdWriter ??= createBucketIdWriter(this.#data.idPrefix, this.#data.idSecret));
  }

  /** UTF-8 bytes of the salt text, a view; undefined when the entry has none. */
  currentSalt(index: number): Uint8Array | undefined {
    return this.#text(index, CURRENT_SALT);
  }

  previousSalt(index: number): Uint8Array | undefined {
    return this.#text(index, PREVIOUS_SALT);
  }

  currentKey(index: number): SaltKeyMaterial | undefined {
    return this.#key(index, CURRENT_KEY);
  }

  previousKey(index: number): SaltKeyMaterial | undefined {
    return this.#key(index, PREVIOUS_KEY);
  }

  /** The length in bytes of one of an entry's texts; 0 when it has none. */
  textLength(index: number, column: number): number {
    return this.#bytes[index * ROW_BYTES + ROW_LENGTHS + column] ?? 0;
  }

  /** Copies one of an entry's texts to `target` from `at` on: word by word, which is faster than `set` with a view. */
  copyText(index: number, column: number, target: DataView, at: number): void {
    const texts = this.#textStart(index, column);
    const segment = this.#segmentViews[texts >>> this.#segmentBits];
    if (segment === undefined) return;
    const start = texts & ((1 << this.#segmentBits) - 1);
    const length = this.textLength(index, column);
    const words = length & ~3;
    for (let i = 0; i < words; i += 4) target.setInt32(at + i, segment.getInt32(start + i));
    for (let i = words; i < length; i += 1) target.setUint8(at + i, segment.getUint8(start + i));
  }

  /**
   * Reads a little of everything that the entries in the first `count` places of `indexes` have. A processor fetches many
   * cache lines at once when nothing else has to happen in between. The result means nothing.
   */
  warm(indexes: Int32Array, count: number): number {
    const [words, segments, bits] = [this.#words, this.#segments, this.#segmentBits];
    const mask = (1 << bits) - 1;
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      const texts = words[(indexes[i] ?? 0) * WORDS_PER_ROW + ROW_TEXTS] ?? 0;
      const segment = segments[texts >>> bits];
      const start = texts & mask;
      if (segment !== undefined) sum += (segment[start] ?? 0) + (segment[start + CACHE_LINE] ?? 0);
    }
    return sum;
  }

  /** The id of an entry's current or previous key; without a key it says nothing. */
  keyId(index: number, column: typeof CURRENT_KEY | typeof PREVIOUS_KEY): number {
    return this.#data.keyIds[index * 2 + (column === CURRENT_KEY ? 0 : 1)] ?? 0;
  }

  #key(index: number, column: typeof CURRENT_KEY | typeof PREVIOUS_KEY): SaltKeyMaterial | undefined {
    const key = this.#text(index, column);
    return key === undefined ? undefined : { id: this.keyId(index, column), key, salt: this.#text(index, column + 1) };
  }

  #text(index: number, column: number): Uint8Array | undefined {
    const length = this.textLength(index, column);
    if (length === 0) return undefined;
    const texts = this.#textStart(index, column);
    const start = texts & ((1 << this.#segmentBits) - 1);
    return this.#segments[texts >>> this.#segmentBits]?.subarray(start, start + length);
  }

  #textStart(index: number, column: number): number {
    const lengths = index * ROW_BYTES + ROW_LENGTHS;
    let start = this.#words[index * WORDS_PER_ROW + ROW_TEXTS] ?? 0;
    for (let before = 0; before < column; before += 1) start += this.#bytes[lengths + before] ?? 0;
    return start;
  }
}
