import {
  ROW_BYTES,
  ROW_ID,
  ROW_LAST_UPDATED,
  ROW_LENGTHS,
  ROW_REFRESH_FROM,
  ROW_TEXTS,
  SaltTable,
  TEXTS_PER_ENTRY,
  viewRows,
  type RowViews,
  type SaltTableData,
} from './salt-table.ts';

/** Texts lie in pieces of at most 8 MiB, so that they grow without ever being copied. */
const MAX_SEGMENT_BITS = 23;
/** Most bytes that the texts of one entry take; they never straddle segments. */
export const MAX_ENTRY_TEXT = TEXTS_PER_ENTRY * 255;

/** Entries in the form in which they lie in a table. */
export interface WrittenEntries {
  readonly rows: Uint8Array;
  readonly texts: Uint8Array;
  /** Undefined when there are none. */
  readonly keyIds: Int32Array | undefined;
}

/**
 * Fills a salt table entry by entry: `entry`, six `text`s in column order, `keyIds`. Or many at once: `makeRoom`, then `entries` with texts
 * that begin at `nextText` and fit in `room`.
 */
export class SaltTableBuilder {
  readonly #data: SaltTableData & { readonly segments: Uint8Array<SharedArrayBuffer>[] };
  readonly #rows: RowViews;
  readonly #segmentSize: number;
  #index = -1;
  #lengths = 0;
  #segment: Uint8Array;
  #used = 0;

  constructor(options: { readonly size: number; readonly idPrefix: string; readonly idSecret: string }) {
    const { size, idPrefix, idSecret } = options;
    const segmentBits = Math.min(MAX_SEGMENT_BITS, Math.ceil(Math.log2(Math.max(size, 1) * MAX_ENTRY_TEXT)));
    const rows = new SharedArrayBuffer(size * ROW_BYTES);
    this.#segmentSize = 2 ** segmentBits;
    const first = new Uint8Array(new SharedArrayBuffer(this.#segmentSize));
    this.#data = {
      idPrefix,
      idSecret,
      rows,
      keyIds: new Int32Array(new SharedArrayBuffer(size * 8)),
      segmentBits,
      segments: [first],
    };
    this.#rows = viewRows(rows);
    this.#segment = first;
    for (let at = ROW_LAST_UPDATED; at < this.#rows.floats.length; at += ROW_BYTES / 8)
      this.#rows.floats[at] = Number.NaN;
  }

  /** Makes room for the texts of the next entry. */
  makeRoom(): void {
    if (this.room < MAX_ENTRY_TEXT) this.#addSegment();
  }

  /** Bytes that are left for texts. */
  get room(): number {
    return this.#segmentSize - this.#used;
  }

  /** Where the next text will lie, as rows say it. */
  get nextText(): number {
    return (this.#data.segments.length - 1) * this.#segmentSize + this.#used;
  }

  entries({ rows, texts, keyIds }: WrittenEntries): void {
    const first = this.#index + 1;
    this.#rows.bytes.set(rows, first * ROW_BYTES);
    this.#segment.set(texts, this.#used);
    if (keyIds !== undefined) this.#data.keyIds.set(keyIds, first * 2);
    this.#used += texts.length;
    this.#index += rows.length / ROW_BYTES;
  }

  /** Starts the next entry. */
  entry(id: number, lastUpdated: number, refreshFrom: number): void {
    this.#index += 1;
    this.makeRoom();
    const { floats, ints, words } = this.#rows;
    const row = this.#index * ROW_BYTES;
    floats[row / 8 + ROW_LAST_UPDATED] = lastUpdated;
    floats[row / 8 + ROW_REFRESH_FROM] = refreshFrom;
    ints[row / 4 + ROW_ID] = id;
    words[row / 4 + ROW_TEXTS] = this.nextText;
    this.#lengths = row + ROW_LENGTHS;
  }

  /** Adds the entry's next text: the bytes from `start` to `end`, at most 255; none when there is no text. */
  text(bytes: Uint8Array, start: number, end: number): void {
    const segment = this.#segment;
    let at = this.#used;
    // A loop beats `set` with a view for texts this short.
    for (let i = start; i < end; i += 1, at += 1) segment[at] = bytes[i] ?? 0;
    this.#used = at;
    this.#rows.bytes[this.#lengths] = end > start ? end - start : 0;
    this.#lengths += 1;
  }

  keyIds(current: number, previous: number): void {
    if (current === 0 && previous === 0) return; // they are zero already; without keys that memory is never touched
    this.#data.keyIds[this.#index * 2] = current;
    this.#data.keyIds[this.#index * 2 + 1] = previous;
  }

  finish(): SaltTable {
    return SaltTable.fromShared(this.#data);
  }

  #addSegment(): void {
    this.#segment = new Uint8Array(new SharedArrayBuffer(this.#segmentSize));
    this.#data.segments.push(this.#segment as Uint8Array<SharedArrayBuffer>);
    this.#used = 0;
  }
}
