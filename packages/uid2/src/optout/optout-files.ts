import { Buffer } from 'node:buffer';

import { ByteWriter, concatBytes, MalformedError } from '@holdfast/base';

import {
  decodeOptOutRecord,
  encodeOptOutRecord,
  OPTOUT_HASH_LENGTH,
  OPTOUT_RECORD_LENGTH,
  readOptOutTime,
} from './optout-record.ts';
import type { OptOutRecord } from './optout-record.ts';
import { orderedOffsets } from './record-order.ts';

export interface DeltaFile {
  /** Seconds since the epoch. */
  readonly windowStart: number;
  /** Seconds since the epoch. */
  readonly windowEnd: number;
  readonly records: readonly OptOutRecord[];
}

const SENTINEL_BODY_LENGTH = 64;

/** The bytes of a delta: start sentinel, records in the order given, end sentinel. */
export function encodeDeltaFile(delta: DeltaFile): Uint8Array {
  const { records } = delta;
  const bytes = new Uint8Array((records.length + 2) * OPTOUT_RECORD_LENGTH);
  bytes.set(sentinel(0x00, delta.windowStart));
  records.forEach((record, index) => bytes.set(encodeOptOutRecord(record), (index + 1) * OPTOUT_RECORD_LENGTH));
  bytes.set(sentinel(0xff, delta.windowEnd), bytes.length - OPTOUT_RECORD_LENGTH);
  return bytes;
}

/**
 * Reads a delta. Its sentinels must be there.
 * @throws MalformedError OPTOUT_FILE_MALFORMED
 */
export function decodeDeltaFile(bytes: Uint8Array): DeltaFile {
  const count = optOutRecordCount(bytes);
  const last = (count - 1) * OPTOUT_RECORD_LENGTH;
  if (count < 2 || !isUniformHash(bytes, 0, 0x00) || !isUniformHash(bytes, last, 0xff)) {
    throw malformed('a delta begins with an all-zero and ends with an all-one sentinel');
  }
  const records: OptOutRecord[] = [];
  for (let offset = OPTOUT_RECORD_LENGTH; offset < last; offset += OPTOUT_RECORD_LENGTH) {
    records.push(decodeOptOutRecord(bytes.subarray(offset, offset + OPTOUT_RECORD_LENGTH)));
  }
  return { windowStart: readOptOutTime(bytes, 0), windowEnd: readOptOutTime(bytes, last), records };
}

/**
 * Merges deltas, or partitions, into one partition: all records, sentinels included, sorted by unsigned identity hash, one
 * for each hash, the latest.
 * @throws MalformedError OPTOUT_FILE_MALFORMED when a length is not a multiple of 72
 */
export function encodePartitionFile(files: readonly Uint8Array[]): Uint8Array {
  for (const file of files) optOutRecordCount(file);
  const all = concatBytes(...files);
  const sorted = orderedOffsets(all, 0, (one, other) => compareHashes(all, one, all, other));
  const merged = new Uint8Array(all.length);
  let end = 0;
  let previous = -1;
  for (const offset of sorted) {
    const repeats = previous >= 0 && compareHashes(all, previous, all, offset) === 0;
    if (repeats && readOptOutTime(all, offset) <= readOptOutTime(all, previous)) continue;
    if (repeats) end -= OPTOUT_RECORD_LENGTH;
    merged.set(all.subarray(offset, offset + OPTOUT_RECORD_LENGTH), end);
    end += OPTOUT_RECORD_LENGTH;
    previous = offset;
  }
  return merged.slice(0, end);
}

/**
 * How many records these bytes hold.
 * @throws MalformedError OPTOUT_FILE_MALFORMED when the length is not a multiple of 72
 */
export function optOutRecordCount(bytes: Uint8Array): number {
  if (bytes.length % OPTOUT_RECORD_LENGTH !== 0) {
    throw malformed(`${bytes.length} bytes are not a whole number of 72-byte records`);
  }
  return bytes.length / OPTOUT_RECORD_LENGTH;
}

/** Whether the record at `offset` is a sentinel: its identity hash all zero, or all one. */
export function isSentinel(records: Uint8Array, offset: number): boolean {
  return isUniformHash(records, offset, 0x00) || isUniformHash(records, offset, 0xff);
}

/** Orders two identity hashes, wherever they lie, as unsigned bytes. */
export function compareHashes(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number): number {
  for (let at = 0; at < OPTOUT_HASH_LENGTH; at++) {
    const difference = (a[aOffset + at] ?? 0) - (b[bOffset + at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isUniformHash(records: Uint8Array, offset: number, byte: number): boolean {
  for (let at = 0; at < OPTOUT_HASH_LENGTH; at++) {
    if (records[offset + at] !== byte) return false;
  }
  return true;
}

function sentinel(byte: number, seconds: number): Uint8Array {
  const time = Buffer.alloc(8);
  time.writeBigUInt64LE(BigInt(seconds));
  return new ByteWriter(OPTOUT_RECORD_LENGTH).bytes(new Uint8Array(SENTINEL_BODY_LENGTH).fill(byte)).bytes(time).done();
}

function malformed(problem: string): MalformedError {
  return new MalformedError('OPTOUT_FILE_MALFORMED', problem, {
    action: 'Fetch the file again; if it stays so, it was damaged where it is stored.',
  });
}
