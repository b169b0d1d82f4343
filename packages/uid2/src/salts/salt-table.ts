import { createBucketIdEncoder } from './bucket-id.ts';

/** Key material of a bucket whose raw UIDs are version 4. Texts as UTF-8 bytes; the key is used as text, never decoded. */
export interface SaltKeyMaterial {
  readonly id: number;
  readonly key: Uint8Array;
  /** Undefined when the file leaves the column blank: such material cannot make raw UIDs. */
  readonly salt: Uint8Array | undefined;
}

/**
 * The columns of a salt file. All bytes lie in shared memory and the object can be structure-cloned, so worker threads
 * share one copy: `postMessage(table.share())` here, `SaltTable.fromShared(data)` there.
 */
export interface SaltTableData {
  readonly idPrefix: string;
  readonly idSecret: string;
  /** Entry ids; the bucket id is derived from them. */
  readonly ids: Int32Array<SharedArrayBuffer>;
  /** Milliseconds. NaN marks a hole: an entry that the file did not bring. */
  readonly lastUpdated: Float64Array<SharedArrayBuffer>;
  /** Milliseconds. */
  readonly refreshFrom: Float64Array<SharedArrayBuffer>;
  readonly currentKeyIds: Int32Array<SharedArrayBuffer>;
  readonly previousKeyIds: Int32Array<SharedArrayBuffer>;
  /** Per entry, where its six texts start: segment number times `segmentSize` plus offset inside it. */
  readonly textOffsets: Uint32Array<SharedArrayBuffer>;
  /** Six lengths per entry in file order: current salt, previous salt, current key, its salt, previous key, its salt. */
  readonly textLengths: Uint8Array<SharedArrayBuffer>;
  readonly segmentSize: number;
  readonly segments: readonly Uint8Array<SharedArrayBuffer>[];
}

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

/** The entries of one salt file ("buckets"), held as columns rather than records: about 100 bytes each. */
export class SaltTable {
  readonly size: number;
  readonly #data: SaltTableData;
  #encodeBucketId: ((saltId: number) => string) | undefined;

  private constructor(data: SaltTableData) {
    this.#data = data;
    this.size = data.ids.length;
  }

  /** A table over columns that `share()` gave out, in this thread or another. */
  static fromShared(data: SaltTableData): SaltTable {
    return new SaltTable(data);
  }

  /** The columns, for `postMessage`. */
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
    return this.#data.ids[index] ?? 0;
  }

  /** Milliseconds since the epoch; NaN for a hole. */
  lastUpdated(index: number): number {
    return this.#data.lastUpdated[index] ?? Number.NaN;
  }

  /** Milliseconds since the epoch; NaN for a hole. */
  refreshFrom(index: number): number {
    return this.#data.refreshFrom[index] ?? Number.NaN;
  }

  /** The public name of an entry: prefix and Hashids text of its id. */
  bucketId(index: number): string {
    this.#encodeBucketId ??= createBucketIdEncoder(this.#data.idPrefix, this.#data.idSecret);
    return this.#encodeBucketId(this.id(index));
  }

  /** UTF-8 bytes of the salt text, a view; undefined when the entry has none. */
  currentSalt(index: number): Uint8Array | undefined {
    return this.#text(index, CURRENT_SALT);
  }

  previousSalt(index: number): Uint8Array | undefined {
    return this.#text(index, PREVIOUS_SALT);
  }

  currentKey(index: number): SaltKeyMaterial | undefined {
    return this.#key(index, CURRENT_KEY, this.#data.currentKeyIds);
  }

  previousKey(index: number): SaltKeyMaterial | undefined {
    return this.#key(index, PREVIOUS_KEY, this.#data.previousKeyIds);
  }

  /** The length in bytes of one of an entry's texts; 0 when it has none. */
  textLength(index: number, column: number): number {
    return this.#data.textLengths[index * TEXTS_PER_ENTRY + column] ?? 0;
  }

  /** Copies one of an entry's texts to `target` from `at` on, which takes less time than making a view of it. */
  copyText(index: number, column: number, target: Uint8Array, at: number): void {
    const { textLengths, textOffsets, segments, segmentSize } = this.#data;
    const first = index * TEXTS_PER_ENTRY;
    let offset = textOffsets[index] ?? 0;
    for (let before = 0; before < column; before += 1) offset += textLengths[first + before] ?? 0;
    const start = offset % segmentSize;
    const segment = segments[(offset - start) / segmentSize];
    if (segment === undefined) return;
    const length = textLengths[first + column] ?? 0;
    for (let i = 0; i < length; i += 1) target[at + i] = segment[start + i] ?? 0;
  }

  /**
   * Reads a little of everything that the entries in the first `count` places of `indexes` have. Entries lie all over a
   * hundred megabytes, and a processor fetches many of them at once when nothing else has to happen in between. The result
   * means nothing.
   */
  warm(indexes: Int32Array, count: number): number {
    const { textLengths, textOffsets, lastUpdated, refreshFrom, segments, segmentSize } = this.#data;
    let sum = 0;
    for (let i = 0; i < count; i += 1) {
      const index = indexes[i] ?? 0;
      sum += (textLengths[index * TEXTS_PER_ENTRY] ?? 0) + (lastUpdated[index] ?? 0) + (refreshFrom[index] ?? 0);
      const offset = textOffsets[index] ?? 0;
      const start = offset % segmentSize;
      const segment = segments[(offset - start) / segmentSize];
      if (segment !== undefined) sum += (segment[start] ?? 0) + (segment[start + CACHE_LINE] ?? 0);
    }
    return sum;
  }

  /** The id of an entry's current or previous key; without a key it says nothing. */
  keyId(index: number, column: typeof CURRENT_KEY | typeof PREVIOUS_KEY): number {
    return (column === CURRENT_KEY ? this.#data.currentKeyIds : this.#data.previousKeyIds)[index] ?? 0;
  }

  #key(index: number, column: number, ids: Int32Array): SaltKeyMaterial | undefined {
    const key = this.#text(index, column);
    return key === undefined ? undefined : { id: ids[index] ?? 0, key, salt: this.#text(index, column + 1) };
  }

  #text(index: number, column: number): Uint8Array | undefined {
    const { textLengths, textOffsets, segments, segmentSize } = this.#data;
    const first = index * TEXTS_PER_ENTRY;
    const length = textLengths[first + column] ?? 0;
    if (length === 0) return undefined;
    let offset = textOffsets[index] ?? 0;
    for (let before = 0; before < column; before += 1) offset += textLengths[first + before] ?? 0;
    const start = offset % segmentSize;
    return segments[(offset - start) / segmentSize]?.subarray(start, start + length);
  }
}
