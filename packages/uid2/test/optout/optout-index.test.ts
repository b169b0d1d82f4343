import { Buffer } from 'node:buffer';

import { fromHex, MalformedError, toHex } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BloomFilter, idealBloomCapacity } from '../../src/optout/bloom-filter.ts';
import { encodeDeltaFile, encodePartitionFile } from '../../src/optout/optout-files.ts';
import { OptOutIndex } from '../../src/optout/optout-index.ts';
import type { OptOutRecord } from '../../src/optout/optout-record.ts';
import { parseOptOutFile, segmentSize, takeOverOptOutFile } from '../../src/optout/optout-segment.ts';
import { seededBytes } from '../fixed-random.ts';
import { hasVectors, operatorGroup } from '../uid2-vectors.ts';

type FilterCase =
  | {
      readonly proposed_capacity: number;
      readonly capacity_bits: number;
      readonly identity_hash_hex: string;
      readonly bit_index: number;
    }
  | { readonly ideal_capacity_for_size: number; readonly ideal_capacity: number };

describe.skipIf(!hasVectors)('BloomFilter, known answers', () => {
  it.each(operatorGroup<FilterCase>('bloom_filter').map((entry) => [JSON.stringify(entry), entry] as const))(
    'agrees with %s',
    (_text, entry) => {
      if ('ideal_capacity' in entry) {
        expect(idealBloomCapacity(entry.ideal_capacity_for_size)).toBe(entry.ideal_capacity);
        return;
      }
      const filter = BloomFilter.withCapacity(entry.proposed_capacity);
      const hash = fromHex(entry.identity_hash_hex);
      expect(filter.capacity).toBe(entry.capacity_bits);
      expect(filter.bitIndex(hash)).toBe(entry.bit_index);
      expect(filter.mayContain(hash)).toBe(false);
      filter.add(hash);
      expect(filter.mayContain(hash)).toBe(true);
    },
  );
});

const NOW = 1_800_000_000;
const random = seededBytes('index');

function delta(records: readonly OptOutRecord[]): Uint8Array {
  return encodeDeltaFile({ windowStart: NOW - 300, windowEnd: NOW, records });
}

function optOut(changes: Partial<OptOutRecord> = {}): OptOutRecord {
  return { identityHash: random(32), rawUid: Uint8Array.of(0x20, ...random(32)), optedOutAt: NOW - 10, ...changes };
}

function indexOf(...files: readonly Uint8Array[]): OptOutIndex {
  return OptOutIndex.of(files.map(parseOptOutFile));
}

describe('OptOutIndex', () => {
  it('finds every record of deltas and partitions, and nobody else', () => {
    const records = Array.from({ length: 2000 }, () => optOut());
    const index = indexOf(
      delta(records.slice(0, 500)),
      encodePartitionFile([delta(records.slice(500, 1500)), delta(records.slice(1500))]),
    );
    expect(index.size).toBe(2000);
    for (const { identityHash, rawUid } of records) {
      expect(index.optedOutAt(identityHash, NOW)).toBe(NOW - 10);
      expect(index.optedOutAtByRawUid(rawUid)).toBe(NOW - 10);
      expect(index.optedOutAt(random(32), NOW)).toBeUndefined();
      expect(index.optedOutAtByRawUid(Uint8Array.of(0x20, ...random(32)))).toBeUndefined();
    }
  });

  it('agrees with a plain search over all records, whatever collides', () => {
    const few = fc.integer({ min: 1, max: 6 }).map((byte) => new Uint8Array(32).fill(byte));
    const uid = fc.oneof(
      few,
      few.map((rest) => Uint8Array.of(0x10, ...rest)),
    );
    const records = fc.array(fc.record({ identityHash: few, rawUid: uid, optedOutAt: fc.nat({ max: 5 }) }));
    fc.assert(
      fc.property(fc.array(records, { maxLength: 4 }), few, uid, (groups, hash, rawUid) => {
        const index = indexOf(...groups.map(delta));
        const all = groups.flat();
        const times = all.filter((r) => toHex(r.identityHash) === toHex(hash)).map((r) => r.optedOutAt);
        const uidTimes = all.filter((r) => toHex(r.rawUid) === toHex(rawUid)).map((r) => r.optedOutAt);
        expect(index.optedOutAt(hash, NOW)).toBe(Math.max(0, ...times) || undefined);
        expect(index.optedOutAtByRawUid(rawUid)).toBe(uidTimes.length === 0 ? undefined : Math.min(...uidTimes));
      }),
    );
  });

  it('takes the latest time of a hash and the earliest of a raw UID over several files', () => {
    const own = optOut();
    const index = indexOf(
      delta([own]),
      delta([{ ...own, optedOutAt: NOW }]),
      encodePartitionFile([delta([{ ...own, optedOutAt: NOW - 99 }])]),
    );
    expect(index.optedOutAt(own.identityHash, NOW)).toBe(NOW);
    expect(index.optedOutAtByRawUid(own.rawUid)).toBe(NOW - 99);
  });

  it('counts an identity once, however many files and records it is in', () => {
    const many = Array.from({ length: 66_000 }, () => {
      const hash = random(32);
      return optOut({ identityHash: hash, rawUid: hash });
    });
    const again = many.slice(0, 500).map((record) => ({ ...record, optedOutAt: NOW - 5 }));
    const own = optOut();
    expect(indexOf(delta([own, own, { ...own, optedOutAt: NOW - 1 }, optOut()])).size).toBe(2);
    const index = indexOf(
      encodePartitionFile([delta(many)]),
      delta([...again, own, own]),
      delta([own, { ...own, optedOutAt: NOW - 1 }]),
      encodePartitionFile([delta([...many, own])]),
    );
    expect(index.data.segments).toHaveLength(3);
    expect(index.size).toBe(66_001);
    expect(OptOutIndex.fromData(index.data).size).toBe(66_001);
  });

  it('counts a time of 0 as not opted out', () => {
    const own = optOut({ optedOutAt: 0 });
    expect(indexOf(delta([own])).optedOutAt(own.identityHash, NOW)).toBeUndefined();
  });

  it('always opts out the hash of zeros and never that of ones, sentinels or not', () => {
    for (const index of [indexOf(), indexOf(delta([])), indexOf(delta([optOut()]))]) {
      expect(index.optedOutAt(new Uint8Array(32), NOW)).toBe(NOW);
      expect(index.optedOutAt(new Uint8Array(32).fill(255), NOW)).toBeUndefined();
    }
  });

  it('tells a 32-byte UID from the 33-byte UID that ends with it', () => {
    const short = optOut({ rawUid: random(32) });
    const index = indexOf(delta([short]));
    expect(index.optedOutAtByRawUid(short.rawUid)).toBe(short.optedOutAt);
    expect(index.optedOutAtByRawUid(Uint8Array.of(0, ...short.rawUid))).toBeUndefined();
    expect(index.optedOutAtByRawUid(new Uint8Array(5))).toBeUndefined();
  });

  it('loses the environment bits of a version 4 PROD UID, as the format does', () => {
    const body = random(32);
    const index = indexOf(delta([optOut({ rawUid: Uint8Array.of(0xa0, ...body) })]));
    expect(index.optedOutAtByRawUid(Uint8Array.of(0xa0, ...body))).toBeUndefined();
    expect(index.optedOutAtByRawUid(Uint8Array.of(0x20, ...body))).toBeDefined();
  });

  it('reads a hash in the middle of other bytes', () => {
    const own = optOut();
    const buffer = Uint8Array.of(1, 2, 3, ...own.identityHash, 4);
    expect(indexOf(delta([own])).optedOutAt(buffer, NOW, 3)).toBe(own.optedOutAt);
  });

  it('answers the same from the data another thread receives', () => {
    const own = optOut();
    const sent = structuredClone(indexOf(delta([own, optOut()])).data);
    const index = OptOutIndex.fromData(sent);
    expect(index.optedOutAt(own.identityHash, NOW)).toBe(own.optedOutAt);
    expect(index.optedOutAtByRawUid(own.rawUid)).toBe(own.optedOutAt);
    expect(index.size).toBe(2);
  });

  it('keeps large files apart and still finds everything', () => {
    const records = Array.from({ length: 66_000 }, (_, number) => {
      const hash = random(32);
      return { identityHash: hash, rawUid: hash.toReversed(), optedOutAt: number + 1 };
    });
    const index = indexOf(delta(records), delta([optOut()]), new Uint8Array(0));
    expect(index.data.segments).toHaveLength(2);
    for (const { identityHash, rawUid, optedOutAt } of records.filter((_, number) => number % 97 === 0)) {
      expect(index.optedOutAt(identityHash, NOW)).toBe(optedOutAt);
      expect(index.optedOutAtByRawUid(rawUid)).toBe(optedOutAt);
    }
  });
});

describe('takeOverOptOutFile', () => {
  const shared = (bytes: Uint8Array): Uint8Array<SharedArrayBuffer> => {
    const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
    copy.set(bytes);
    return copy;
  };

  it('puts records in order where they lie, without the sentinels', () => {
    const bytes = shared(delta(Array.from({ length: 5000 }, () => optOut())));
    const { records } = takeOverOptOutFile(bytes);
    expect(records.buffer).toBe(bytes.buffer);
    expect(records).toHaveLength(5000 * 72);
    expect(Buffer.compare(records, encodePartitionFile([bytes]).subarray(72, -72))).toBe(0);
  });

  it('leaves a partition as it is', () => {
    const partition = encodePartitionFile([delta(Array.from({ length: 3000 }, () => optOut()))]);
    const bytes = shared(partition);
    takeOverOptOutFile(bytes);
    expect(Buffer.compare(bytes, partition)).toBe(0);
  });
});

describe('parseOptOutFile', () => {
  it('refuses bytes that are not whole records and accepts none at all', () => {
    expect(() => parseOptOutFile(new Uint8Array(71))).toThrow(MalformedError);
    expect(segmentSize(parseOptOutFile(new Uint8Array(0)))).toBe(0);
  });

  it('does not depend on the bytes it was given afterwards', () => {
    const own = optOut();
    const bytes = delta([own]);
    const index = indexOf(bytes);
    bytes.fill(0);
    expect(index.optedOutAt(own.identityHash, NOW)).toBe(own.optedOutAt);
  });
});
