import { BloomFilter, idealBloomCapacity } from './bloom-filter.ts';
import { compareHashes } from './optout-files.ts';
import { OPTOUT_HASH_LENGTH, OPTOUT_RECORD_LENGTH } from './optout-record.ts';
import { findByIdentityHash, findByRawUid, mergeOptOutSegments, segmentSize } from './optout-segment.ts';
import type { OptOutSegment } from './optout-segment.ts';

/** Everything an index consists of; all of it in shared memory, so it can be posted to a worker without a copy. */
export interface OptOutIndexData {
  readonly segments: readonly OptOutSegment[];
  readonly hashFilter: Uint32Array;
  readonly rawUidFilter: Uint32Array;
  /** How many identities there are in the segments. */
  readonly identities: number;
}

/** Segments below this size are merged into one, so that a lookup never walks hundreds of five-minute deltas. */
const SMALL_SEGMENT = 65_536;

/** The raw UID's filter reads bytes that are random in every version of the format. */
const RAW_UID_FILTER_OFFSET = 28;

/**
 * All opt-outs at one moment: an immutable snapshot. Two filters answer nearly every question about somebody who has not
 * opted out with one memory access; the rest are binary searches. Memory is about 76 bytes a record, and 8 to 32 for the
 * filters.
 */
export class OptOutIndex {
  readonly #segments: readonly OptOutSegment[];
  readonly #hashFilter: BloomFilter;
  readonly #rawUidFilter: BloomFilter;
  /** Identities that opted out: one that is in several files, or several times in one, counts once. */
  readonly size: number;

  private constructor(data: OptOutIndexData) {
    this.#segments = data.segments;
    this.#hashFilter = BloomFilter.over(data.hashFilter);
    this.#rawUidFilter = BloomFilter.over(data.rawUidFilter);
    this.size = data.identities;
  }

  /** An index over the files of one listing. Keep parsed files between listings: only new ones cost time. */
  static of(files: readonly OptOutSegment[]): OptOutIndex {
    const filled = files.filter((file) => file.records.length > 0);
    const large = filled.filter((file) => segmentSize(file) >= SMALL_SEGMENT);
    const small = filled.filter((file) => segmentSize(file) < SMALL_SEGMENT);
    const segments = small.length === 0 ? large : [...large, mergeOptOutSegments(small)];
    const count = segments.reduce((sum, segment) => sum + segmentSize(segment), 0);
    const hashFilter = BloomFilter.withCapacity(idealBloomCapacity(count));
    const rawUidFilter = BloomFilter.withCapacity(idealBloomCapacity(count) / 4);
    let identities = 0;
    for (const [number, { records }] of segments.entries()) {
      const before = segments.slice(0, number);
      for (let offset = 0; offset < records.length; offset += OPTOUT_RECORD_LENGTH) {
        if (!hashFilter.add(records, offset) || !occursBefore(records, offset, before)) identities += 1;
        rawUidFilter.add(records, offset + OPTOUT_HASH_LENGTH + RAW_UID_FILTER_OFFSET);
      }
    }
    return new OptOutIndex({ segments, hashFilter: hashFilter.words, rawUidFilter: rawUidFilter.words, identities });
  }

  /** The index whose `data` another thread sent. */
  static fromData(data: OptOutIndexData): OptOutIndex {
    return new OptOutIndex(data);
  }

  get data(): OptOutIndexData {
    return {
      segments: this.#segments,
      hashFilter: this.#hashFilter.words,
      rawUidFilter: this.#rawUidFilter.words,
      identities: this.size,
    };
  }

  /**
   * When the identity with this first-level hash opted out, in seconds, the latest time if there are several; undefined
   * when it did not, or at time 0. A hash of all zeros is always opted out (at `nowSeconds`), one of all ones never.
   * @param hash At least 32 bytes from `offset` on.
   */
  optedOutAt(hash: Uint8Array, nowSeconds: number, offset = 0): number | undefined {
    if (!this.#hashFilter.mayContain(hash, offset)) return isAllZero(hash, offset) ? nowSeconds : undefined;
    if (isAllZero(hash, offset)) return nowSeconds;
    let latest = 0;
    for (const segment of this.#segments) {
      const time = findByIdentityHash(segment, hash, offset);
      if (time !== undefined && time > latest) latest = time;
    }
    return latest === 0 ? undefined : latest;
  }

  /**
   * When the holder of this raw UID (32 or 33 bytes) opted out, in seconds, the earliest time if there are several.
   * Undefined when it did not. The UID stored is the one of the time of the opt-out; see `encodeOptOutRecord` for which
   * version 4 UIDs can never be found.
   */
  optedOutAtByRawUid(rawUid: Uint8Array): number | undefined {
    const body = rawUid.length - 32;
    if (body !== 0 && body !== 1) return undefined;
    if (!this.#rawUidFilter.mayContain(rawUid, body + RAW_UID_FILTER_OFFSET)) return undefined;
    let earliest: number | undefined;
    for (const segment of this.#segments) {
      const time = findByRawUid(segment, rawUid);
      if (time !== undefined && (earliest === undefined || time < earliest)) earliest = time;
    }
    return earliest;
  }
}

/** Whether the hash of the record at `offset` is also that of an earlier record, among its own or in a segment before. */
function occursBefore(own: Uint8Array, offset: number, before: readonly OptOutSegment[]): boolean {
  if (offset > 0 && compareHashes(own, offset - OPTOUT_RECORD_LENGTH, own, offset) === 0) return true;
  return before.some((segment) => findByIdentityHash(segment, own, offset) !== undefined);
}

function isAllZero(hash: Uint8Array, offset: number): boolean {
  for (let at = offset; at < offset + OPTOUT_HASH_LENGTH; at++) {
    if (hash[at] !== 0) return false;
  }
  return true;
}
