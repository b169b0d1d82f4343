import { SaltTable, TEXTS_PER_ENTRY, type SaltTableData } from './salt-table.ts';

/** Texts lie in pieces of this size, so that columns grow without ever being copied. */
const SEGMENT_SIZE = 8 * 1024 * 1024;
/** Most bytes that the texts of one entry take; they never straddle segments. */
const MAX_ENTRY_TEXT = TEXTS_PER_ENTRY * 255;

/** Fills the columns of a salt table entry by entry: `entry`, six `text`s in column order, `keyIds`. */
export class SaltTableBuilder {
  readonly #data: SaltTableData & { readonly segments: Uint8Array<SharedArrayBuffer>[] };
  #index = -1;
  #texts = 0;
  #segment: Uint8Array;
  #used = 0;

  constructor(options: { readonly size: number; readonly idPrefix: string; readonly idSecret: string }) {
    const { size, idPrefix, idSecret } = options;
    const segmentSize = Math.min(SEGMENT_SIZE, size * MAX_ENTRY_TEXT);
    const first = new Uint8Array(new SharedArrayBuffer(segmentSize));
    this.#data = {
      idPrefix,
      idSecret,
      ids: new Int32Array(new SharedArrayBuffer(size * 4)),
      lastUpdated: new Float64Array(new SharedArrayBuffer(size * 8)).fill(Number.NaN),
      refreshFrom: new Float64Array(new SharedArrayBuffer(size * 8)).fill(Number.NaN),
      currentKeyIds: new Int32Array(new SharedArrayBuffer(size * 4)),
      previousKeyIds: new Int32Array(new SharedArrayBuffer(size * 4)),
      textOffsets: new Uint32Array(new SharedArrayBuffer(size * 4)),
      textLengths: new Uint8Array(new SharedArrayBuffer(size * TEXTS_PER_ENTRY)),
      segmentSize,
      segments: [first],
    };
    this.#segment = first;
  }

  /** Starts the next entry. */
  entry(id: number, lastUpdated: number, refreshFrom: number): void {
    this.#index += 1;
    if (this.#used + MAX_ENTRY_TEXT > this.#data.segmentSize && this.#index > 0) this.#addSegment();
    this.#data.ids[this.#index] = id;
    this.#data.lastUpdated[this.#index] = lastUpdated;
    this.#data.refreshFrom[this.#index] = refreshFrom;
    this.#data.textOffsets[this.#index] = (this.#data.segments.length - 1) * this.#data.segmentSize + this.#used;
    this.#texts = this.#index * TEXTS_PER_ENTRY;
  }

  /** Adds the entry's next text: the bytes from `start` to `end`, at most 255; none when there is no text. */
  text(bytes: Uint8Array, start: number, end: number): void {
    const segment = this.#segment;
    let at = this.#used;
    // A loop beats `set` with a view for texts this short.
    for (let i = start; i < end; i += 1, at += 1) segment[at] = bytes[i] ?? 0;
    this.#used = at;
    this.#data.textLengths[this.#texts] = end > start ? end - start : 0;
    this.#texts += 1;
  }

  keyIds(current: number, previous: number): void {
    this.#data.currentKeyIds[this.#index] = current;
    this.#data.previousKeyIds[this.#index] = previous;
  }

  finish(): SaltTable {
    return SaltTable.fromShared(this.#data);
  }

  #addSegment(): void {
    this.#segment = new Uint8Array(new SharedArrayBuffer(this.#data.segmentSize));
    this.#data.segments.push(this.#segment as Uint8Array<SharedArrayBuffer>);
    this.#used = 0;
  }
}
