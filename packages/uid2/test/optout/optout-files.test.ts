import { createHash } from 'node:crypto';

import { concatBytes, fromBase64, fromHex, MalformedError, toBase64, toHex } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeDeltaFile, encodeDeltaFile, encodePartitionFile } from '../../src/optout/optout-files.ts';
import { decodeOptOutRecord } from '../../src/optout/optout-record.ts';
import type { OptOutRecord } from '../../src/optout/optout-record.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';

interface DeltaVector {
  readonly bytes_base64: string;
  readonly sha256: string;
  readonly entry_count: number;
  readonly entries: readonly { identity_hash: string; advertising_id: string; timestamp: number }[];
}

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const record: fc.Arbitrary<OptOutRecord> = fc.record({
  identityHash: hash,
  rawUid: hash,
  optedOutAt: fc.nat(),
});
const delta = fc.record({ windowStart: fc.nat(), windowEnd: fc.nat(), records: fc.array(record, { maxLength: 20 }) });

function recordsOf(bytes: Uint8Array): OptOutRecord[] {
  return Array.from({ length: bytes.length / 72 }, (_, index) =>
    decodeOptOutRecord(bytes.subarray(index * 72, index * 72 + 72)),
  );
}

describe.skipIf(!hasVectors)('opt-out files, known answers', () => {
  it('reads and writes a complete delta', () => {
    const vector = coreVector<DeltaVector>('optout-delta-file');
    const bytes = fromBase64(vector.bytes_base64);
    const read = decodeDeltaFile(bytes);
    const [start, entry, end] = vector.entries;
    expect(read.records).toHaveLength(vector.entry_count - 2);
    expect(read.windowStart).toBe(start?.timestamp);
    expect(read.windowEnd).toBe(end?.timestamp);
    expect(read.records.map(({ identityHash }) => toHex(identityHash))).toContain(entry?.identity_hash);
    expect(toHex(read.records[0]?.rawUid ?? new Uint8Array())).toBe(entry?.advertising_id);
    const written = encodeDeltaFile(read);
    expect(toBase64(written)).toBe(vector.bytes_base64);
    expect(createHash('sha256').update(written).digest('hex')).toBe(vector.sha256);
  });

  it('writes sentinels and entries as the reference does', () => {
    const vector = coreVector<{
      start: { window_start: number; bytes_hex: string };
      end: { window_end: number; bytes_hex: string };
      entry: { identity_hash: string; advertising_id: string; timestamp: number; bytes_hex: string };
    }>('optout-delta-writer');
    const written = encodeDeltaFile({
      windowStart: vector.start.window_start,
      windowEnd: vector.end.window_end,
      records: [
        {
          identityHash: fromHex(vector.entry.identity_hash),
          rawUid: fromHex(vector.entry.advertising_id),
          optedOutAt: vector.entry.timestamp,
        },
      ],
    });
    expect(toHex(written)).toBe(vector.start.bytes_hex + vector.entry.bytes_hex + vector.end.bytes_hex);
  });

  it('merges two deltas into a partition', () => {
    const vector = coreVector<{ delta1_hex: string; delta2_hex: string; partition_hex: string }>('optout-partition');
    const deltas = [fromHex(vector.delta1_hex), fromHex(vector.delta2_hex)];
    expect(toHex(encodePartitionFile(deltas))).toBe(vector.partition_hex);
    expect(toHex(encodePartitionFile(deltas.toReversed()))).toBe(vector.partition_hex);
  });
});

describe('decodeDeltaFile', () => {
  it('reads what encodeDeltaFile writes', () => {
    fc.assert(
      fc.property(delta, (file) => {
        expect(decodeDeltaFile(encodeDeltaFile(file))).toEqual(file);
      }),
    );
  });

  it('refuses every truncation', () => {
    const whole = encodeDeltaFile({
      windowStart: 1,
      windowEnd: 2,
      records: [{ identityHash: new Uint8Array(32).fill(7), rawUid: new Uint8Array(32), optedOutAt: 1 }],
    });
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeDeltaFile(whole.subarray(0, length))).toThrow(MalformedError);
    }
  });
});

describe('encodePartitionFile', () => {
  it('is sorted, has each hash once with its latest time, and does not depend on the order of the deltas', () => {
    // Hashes from a small set, so that the same ones meet often.
    const few = fc.integer({ min: 0, max: 5 }).map((byte) => new Uint8Array(32).fill(byte));
    const files = fc.array(
      fc.array(fc.record({ identityHash: few, rawUid: few, optedOutAt: fc.nat({ max: 9 }) }), { maxLength: 100 }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(files, (groups) => {
        const bytes = groups.map((records) => encodeDeltaFile({ windowStart: 0, windowEnd: 0, records }));
        const merged = recordsOf(encodePartitionFile(bytes));
        const hashes = merged.map(({ identityHash }) => toHex(identityHash));
        expect(hashes).toEqual([...new Set(bytes.flatMap(recordsOf).map((r) => toHex(r.identityHash)))].toSorted());
        for (const { identityHash, optedOutAt } of merged) {
          const times = bytes
            .flatMap(recordsOf)
            .filter((other) => toHex(other.identityHash) === toHex(identityHash))
            .map((other) => other.optedOutAt);
          expect(optedOutAt).toBe(Math.max(...times));
        }
        const reversed = recordsOf(encodePartitionFile(bytes.toReversed()));
        expect(reversed.map((r) => r.optedOutAt)).toEqual(merged.map((r) => r.optedOutAt));
      }),
    );
  });

  it('keeps a partition as it is', () => {
    fc.assert(
      fc.property(delta, (file) => {
        const once = encodePartitionFile([encodeDeltaFile(file)]);
        expect(encodePartitionFile([once])).toEqual(once);
      }),
    );
  });

  it('refuses files that are not whole records', () => {
    expect(() => encodePartitionFile([concatBytes(new Uint8Array(72), new Uint8Array(1))])).toThrow(MalformedError);
  });
});
