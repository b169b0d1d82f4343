import { compareHashes, isSentinel, optOutRecordCount } from './optout-files.ts';
import { OPTOUT_RECORD_LENGTH, rawUidOf, readOptOutTime } from './optout-record.ts';
import { leadingWord, orderedOffsets } from './record-order.ts';

/**
 * The records of one or several opt-out files, sorted by identity hash, with a second order by raw UID. Both tables lie in
 * shared memory, so a worker gets them without a copy.
 */
export interface OptOutSegment {
  /** 72-byte records without sentinels; a hash may occur several times. */
  readonly records: Uint8Array;
  /** Record numbers in the order of their raw UIDs that `compareRawUids` makes. */
  readonly byRawUid: Uint32Array;
}

const UID_OFFSET = 32;
/** Raw UIDs of version 4 begin with the id of their key, which many share; these four bytes are random in every version. */
const UID_RANDOM_OFFSET = 28;
const WORDS_PER_RECORD = OPTOUT_RECORD_LENGTH / 4;

/**
 * Prepares an opt-out file, delta or partition, for lookups. The bytes are copied; an empty file gives an empty segment.
 * @throws MalformedError OPTOUT_FILE_MALFORMED when the length is not a multiple of 72
 */
export function parseOptOutFile(bytes: Uint8Array): OptOutSegment {
  const copy = sharedBytes(bytes.length);
  copy.set(bytes);
  return takeOverOptOutFile(copy);
}

/**
 * `parseOptOutFile` for bytes that belong to nobody else: they become the segment and are put in order where they are. They
 * have to fill their memory.
 * @throws MalformedError OPTOUT_FILE_MALFORMED when the length is not a multiple of 72
 */
export function takeOverOptOutFile(bytes: Uint8Array<SharedArrayBuffer>): OptOutSegment {
  optOutRecordCount(bytes);
  if (!isAscending(bytes)) putInOrder(bytes);
  const records = withoutSentinels(bytes);
  return { records, byRawUid: orderByRawUid(records) };
}

/** One segment with the records of all given ones. */
export function mergeOptOutSegments(segments: readonly OptOutSegment[]): OptOutSegment {
  const [only] = segments;
  if (segments.length === 1 && only !== undefined) return only;
  const all = sharedBytes(segments.reduce((length, segment) => length + segment.records.length, 0));
  let offset = 0;
  for (const { records } of segments) {
    all.set(records, offset);
    offset += records.length;
  }
  return takeOverOptOutFile(all);
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
    compareRawUids(records, (byRawUid[at] ?? 0) * OPTOUT_RECORD_LENGTH + UID_OFFSET, rawUid, body);
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

/** Orders two raw UIDs by the last four of their 32 bytes, then by all of them. */
function compareRawUids(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): number {
  return (
    leadingWord(a, aOffset + UID_RANDOM_OFFSET) - leadingWord(b, bOffset + UID_RANDOM_OFFSET) ||
    compareHashes(a, aOffset, b, bOffset)
  );
}

/** Whether the records lie in ascending order of their hashes, as those of a partition do. */
function isAscending(records: Uint8Array): boolean {
  for (let offset = OPTOUT_RECORD_LENGTH; offset < records.length; offset += OPTOUT_RECORD_LENGTH) {
    if (compareHashes(records, offset - OPTOUT_RECORD_LENGTH, records, offset) > 0) return false;
  }
  return true;
}

/** Puts the records in ascending order of their hashes without other memory: each cycle of the permutation is turned once. */
function putInOrder(records: Uint8Array<SharedArrayBuffer>): void {
  const order = orderedOffsets(records, 0, (one, other) => compareHashes(records, one, records, other));
  for (let index = 0; index < order.length; index++) order[index] = (order[index] ?? 0) / OPTOUT_RECORD_LENGTH;
  const words = new Uint32Array(records.buffer);
  const kept = new Uint32Array(WORDS_PER_RECORD);
  for (let first = 0; first < order.length; first++) {
    if (order[first] === first) continue;
    kept.set(words.subarray(first * WORDS_PER_RECORD, (first + 1) * WORDS_PER_RECORD));
    let at = first;
    for (let from = order[at] ?? 0; from !== first; from = order[at] ?? 0) {
      moveRecord(words, from, at);
      order[at] = at;
      at = from;
    }
    words.set(kept, at * WORDS_PER_RECORD);
    order[at] = at;
  }
}

/** A loop beats `copyWithin` for so few words. */
function moveRecord(words: Uint32Array, from: number, to: number): void {
  const [source, target] = [from * WORDS_PER_RECORD, to * WORDS_PER_RECORD];
  for (let word = 0; word < WORDS_PER_RECORD; word++) words[target + word] = words[source + word] ?? 0;
}

/** In ascending order the sentinels are the first records and the last. */
function withoutSentinels(records: Uint8Array): Uint8Array {
  let start = 0;
  let end = records.length;
  while (start < end && isSentinel(records, start)) start += OPTOUT_RECORD_LENGTH;
  while (end > start && isSentinel(records, end - OPTOUT_RECORD_LENGTH)) end -= OPTOUT_RECORD_LENGTH;
  return records.subarray(start, end);
}

function orderByRawUid(records: Uint8Array): Uint32Array {
  const order = new Uint32Array(new SharedArrayBuffer((records.length / OPTOUT_RECORD_LENGTH) * 4));
  const offsets = orderedOffsets(records, UID_OFFSET + UID_RANDOM_OFFSET, (one, other) =>
    compareRawUids(records, one + UID_OFFSET, records, other + UID_OFFSET),
  );
  for (let index = 0; index < offsets.length; index++) order[index] = (offsets[index] ?? 0) / OPTOUT_RECORD_LENGTH;
  return order;
}

function sharedBytes(length: number): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new SharedArrayBuffer(length));
}
