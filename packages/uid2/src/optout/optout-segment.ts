import { compareHashes, isSentinel, optOutRecordCount, sortedRecordOffsets } from './optout-files.ts';
import { OPTOUT_RECORD_LENGTH, rawUidOf, readOptOutTime } from './optout-record.ts';

/**
 * The records of one or several opt-out files, sorted by identity hash, with a second order by raw UID. Both tables lie in
 * shared memory, so a worker gets them without a copy.
 */
export interface OptOutSegment {
  /** 72-byte records without sentinels; a hash may occur several times. */
  readonly records: Uint8Array;
  /** Record numbers by ascending raw UID. */
  readonly byRawUid: Uint32Array;
}

const UID_OFFSET = 32;

/**
 * Prepares an opt-out file, delta or partition, for lookups. The bytes are copied; an empty file gives an empty segment.
 * @throws MalformedError OPTOUT_FILE_MALFORMED when the length is not a multiple of 72
 */
export function parseOptOutFile(bytes: Uint8Array): OptOutSegment {
  optOutRecordCount(bytes);
  return makeSegment(bytes);
}

/** One segment with the records of all given ones. */
export function mergeOptOutSegments(segments: readonly OptOutSegment[]): OptOutSegment {
  const [only] = segments;
  if (segments.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(segments.reduce((length, segment) => length + segment.records.length, 0));
  let offset = 0;
  for (const { records } of segments) {
    all.set(records, offset);
    offset += records.length;
  }
  return makeSegment(all);
}

/** How many records a segment has. */
export function segmentSize(segment: OptOutSegment): number {
  return segment.records.length / OPTOUT_RECORD_LENGTH;
}

/** The latest time in this segment for an identity hash; undefined when it does not occur. */
export function findByIdentityHash(segment: OptOutSegment, hash: Uint8Array, offset: number): number | undefined {
  const { records } = segment;
  const count = segmentSize(segment);
  let index = lowerBound(count, (at) => compareHashes(records, at * OPTOUT_RECORD_LENGTH, hash, offset));
  let latest: number | undefined;
  for (; index < count; index++) {
    const at = index * OPTOUT_RECORD_LENGTH;
    if (compareHashes(records, at, hash, offset) !== 0) break;
    const time = readOptOutTime(records, at);
    if (latest === undefined || time > latest) latest = time;
  }
  return latest;
}

/** The earliest time in this segment for a raw UID of 32 or 33 bytes; undefined when it does not occur. */
export function findByRawUid(segment: OptOutSegment, rawUid: Uint8Array): number | undefined {
  const { records, byRawUid } = segment;
  const body = rawUid.length - 32;
  const compareAt = (at: number): number =>
    compareHashes(records, (byRawUid[at] ?? 0) * OPTOUT_RECORD_LENGTH + UID_OFFSET, rawUid, body);
  let earliest: number | undefined;
  for (let at = lowerBound(byRawUid.length, compareAt); at < byRawUid.length && compareAt(at) === 0; at++) {
    const offset = (byRawUid[at] ?? 0) * OPTOUT_RECORD_LENGTH;
    const candidate = rawUidOf(records, offset);
    // The tables are ordered by the last 32 bytes; the first of 33 is told apart here.
    if (candidate.length !== rawUid.length || candidate[0] !== rawUid[0]) continue;
    const time = readOptOutTime(records, offset);
    if (earliest === undefined || time < earliest) earliest = time;
  }
  return earliest;
}

/** The first of `count` positions whose comparison with the sought value is not negative. */
function lowerBound(count: number, compareAt: (at: number) => number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAt(middle) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function makeSegment(unsorted: Uint8Array): OptOutSegment {
  const offsets = sortedRecordOffsets(unsorted).filter((offset) => !isSentinel(unsorted, offset));
  const records = sharedBytes(offsets.length * OPTOUT_RECORD_LENGTH);
  offsets.forEach((offset, index) => {
    records.set(unsorted.subarray(offset, offset + OPTOUT_RECORD_LENGTH), index * OPTOUT_RECORD_LENGTH);
  });
  return { records, byRawUid: orderByRawUid(records) };
}

function orderByRawUid(records: Uint8Array): Uint32Array {
  const order = new Uint32Array(new SharedArrayBuffer((records.length / OPTOUT_RECORD_LENGTH) * 4));
  sortedRecordOffsets(records, UID_OFFSET).forEach((offset, index) => {
    order[index] = offset / OPTOUT_RECORD_LENGTH;
  });
  return order;
}

function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length));
}
