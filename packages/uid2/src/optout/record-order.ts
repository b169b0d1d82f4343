import { OPTOUT_RECORD_LENGTH } from './optout-record.ts';

/** Orders two records by where they begin; zero for those that are equal in what counts. */
export type CompareRecords = (offset: number, otherOffset: number) => number;

const DIGIT_BITS = 16;
const DIGITS = 2 ** DIGIT_BITS;
/** Below this many records, tables of 65,536 digits cost more than they save. */
const FEW_RECORDS = 2048;
const INSERTION_LIMIT = 48;

/** The first 32 bits of what records are ordered by, as an unsigned number. */
export function leadingWord(records: Uint8Array, at: number): number {
  return (
    (((records[at] ?? 0) << 24) |
      ((records[at + 1] ?? 0) << 16) |
      ((records[at + 2] ?? 0) << 8) |
      (records[at + 3] ?? 0)) >>>
    0
  );
}

/**
 * Where all records begin, in ascending order; equal ones keep theirs. `compare` has to order by the four bytes that are
 * `leadingAt` bytes into each record before anything else. Where those bytes are random, two passes that count digits leave
 * next to nothing to compare. Records that crowd together, made so on purpose or not, cost a general sort and nothing worse.
 */
export function orderedOffsets(records: Uint8Array, leadingAt: number, compare: CompareRecords): Uint32Array {
  const count = records.length / OPTOUT_RECORD_LENGTH;
  const offsets = new Uint32Array(count);
  const words = new Uint32Array(count);
  for (let index = 0; index < count; index++) {
    offsets[index] = index * OPTOUT_RECORD_LENGTH;
    words[index] = leadingWord(records, index * OPTOUT_RECORD_LENGTH + leadingAt);
  }
  const total: CompareRecords = (one, other) => compare(one, other) || one - other;
  if (count < FEW_RECORDS) return offsets.sort(total);
  const numbers = orderByWords(words);
  let start = 0;
  for (let index = 0; index < count; index++) {
    const number = numbers[index] ?? 0;
    offsets[index] = number * OPTOUT_RECORD_LENGTH;
    if (words[number] === words[numbers[start] ?? 0]) continue;
    orderGroup(offsets, start, index, total);
    start = index;
  }
  orderGroup(offsets, start, count, total);
  return offsets;
}

/** The numbers from 0 on in ascending order of their words, by the low half of each word first and then by the high one. */
function orderByWords(words: Uint32Array): Uint32Array {
  const low = new Uint32Array(DIGITS);
  const high = new Uint32Array(DIGITS);
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? 0;
    low[word & (DIGITS - 1)] = (low[word & (DIGITS - 1)] ?? 0) + 1;
    high[word >>> DIGIT_BITS] = (high[word >>> DIGIT_BITS] ?? 0) + 1;
  }
  toStarts(low);
  toStarts(high);
  const byLow = new Uint32Array(words.length);
  for (let index = 0; index < words.length; index++) {
    const digit = (words[index] ?? 0) & (DIGITS - 1);
    const place = low[digit] ?? 0;
    byLow[place] = index;
    low[digit] = place + 1;
  }
  const byBoth = new Uint32Array(words.length);
  for (let at = 0; at < byLow.length; at++) {
    const index = byLow[at] ?? 0;
    const digit = (words[index] ?? 0) >>> DIGIT_BITS;
    const place = high[digit] ?? 0;
    byBoth[place] = index;
    high[digit] = place + 1;
  }
  return byBoth;
}

/** Counts of digits become the places where their numbers begin. */
function toStarts(counts: Uint32Array): void {
  let start = 0;
  for (let digit = 0; digit < counts.length; digit++) {
    const count = counts[digit] ?? 0;
    counts[digit] = start;
    start += count;
  }
}

function orderGroup(offsets: Uint32Array, start: number, end: number, compare: CompareRecords): void {
  if (end - start > INSERTION_LIMIT) {
    offsets.subarray(start, end).sort(compare);
    return;
  }
  for (let at = start + 1; at < end; at++) {
    const value = offsets[at] ?? 0;
    let place = at;
    for (; place > start; place--) {
      const before = offsets[place - 1] ?? 0;
      if (compare(before, value) <= 0) break;
      offsets[place] = before;
    }
    offsets[place] = value;
  }
}
