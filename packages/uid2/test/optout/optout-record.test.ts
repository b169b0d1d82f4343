import { fromHex, InternalError, MalformedError, toHex } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  decodeOptOutRecord,
  encodeOptOutRecord,
  readOptOutTime,
  writeOptOutTime,
} from '../../src/optout/optout-record.ts';
import { coreVector, hasVectors, operatorGroup } from '../uid2-vectors.ts';

interface EntryCase {
  readonly record_hex: string;
  readonly identity_hash_hex: string;
  readonly advertising_id_hex?: string;
  readonly advertising_id_written_hex?: string;
  readonly advertising_id_read_back_hex?: string;
  readonly timestamp: number;
}

interface CoreEntry {
  readonly bytes_hex: string;
  readonly identity_hash: string;
  readonly advertising_id: string;
  readonly timestamp: string;
}

interface EntryVector {
  readonly cases?: readonly CoreEntry[];
  readonly set_timestamp: {
    readonly new: string;
    readonly timestamp_bytes: string;
    readonly metadata_preserved: string;
  };
}

describe.skipIf(!hasVectors)('opt-out records, known answers', () => {
  it.each(operatorGroup<EntryCase>('optout_entry'))('reads and writes $record_hex', (entry) => {
    const record = decodeOptOutRecord(fromHex(entry.record_hex));
    expect(toHex(record.identityHash)).toBe(entry.identity_hash_hex);
    expect(toHex(record.rawUid)).toBe(entry.advertising_id_hex ?? entry.advertising_id_read_back_hex);
    expect(record.optedOutAt).toBe(entry.timestamp);
    const rawUid = fromHex(entry.advertising_id_written_hex ?? entry.advertising_id_hex ?? '');
    expect(toHex(encodeOptOutRecord({ ...record, rawUid }))).toBe(entry.record_hex);
  });

  it.each(coreVector<EntryVector>('optout-entry').cases ?? [])('reads and writes $bytes_hex', (entry) => {
    const record = decodeOptOutRecord(fromHex(entry.bytes_hex));
    expect(toHex(record.identityHash)).toBe(entry.identity_hash);
    expect(toHex(record.rawUid)).toBe(entry.advertising_id);
    expect(BigInt(record.optedOutAt)).toBe(BigInt(entry.timestamp));
    expect(toHex(encodeOptOutRecord(record))).toBe(entry.bytes_hex);
  });

  it('replaces the time and leaves the metadata', () => {
    const { cases, set_timestamp: expected } = coreVector<EntryVector>('optout-entry');
    const bytes = fromHex(cases?.find((entry) => entry.bytes_hex.endsWith('54'))?.bytes_hex ?? '');
    writeOptOutTime(bytes, 0, BigInt(expected.new));
    expect(toHex(bytes.subarray(64, 71))).toBe(expected.timestamp_bytes);
    expect(toHex(bytes.subarray(71))).toBe(expected.metadata_preserved);
  });

  it('writes little-endian integers', () => {
    const vector = coreVector<{ int32: [number, string][]; int64: [number, string][] }>('optout-int-encoding');
    for (const [value, hex] of [...vector.int32, ...vector.int64]) {
      const bytes = new Uint8Array(72);
      writeOptOutTime(bytes, 0, value);
      expect(toHex(bytes.subarray(64, 71))).toBe(hex.padEnd(14, '0').slice(0, 14));
      expect(readOptOutTime(bytes, 0)).toBe(value);
    }
  });
});

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const rawUid = fc.oneof(
  hash,
  fc.tuple(fc.integer({ min: 0, max: 0x3f }), hash).map(([first, rest]) => Uint8Array.of(first, ...rest)),
);

describe('encodeOptOutRecord', () => {
  it('writes what decodeOptOutRecord reads, for every UID whose first byte has six bits', () => {
    fc.assert(
      fc.property(hash, rawUid, fc.maxSafeNat(), (identityHash, uid, optedOutAt) => {
        const record = { identityHash, rawUid: uid, optedOutAt };
        expect(decodeOptOutRecord(encodeOptOutRecord(record))).toEqual(record);
      }),
    );
  });

  it('refuses hashes and UIDs of any other length, and impossible times', () => {
    const good = { identityHash: new Uint8Array(32), rawUid: new Uint8Array(33), optedOutAt: 1 };
    for (const bad of [
      { ...good, identityHash: new Uint8Array(31) },
      { ...good, rawUid: new Uint8Array(31) },
      { ...good, rawUid: new Uint8Array(34) },
      { ...good, optedOutAt: -1 },
      { ...good, optedOutAt: 1.5 },
      { ...good, optedOutAt: Number.NaN },
      { ...good, optedOutAt: 2 ** 56 },
    ]) {
      expect(() => encodeOptOutRecord(bad)).toThrow(InternalError);
    }
  });
});

describe('decodeOptOutRecord', () => {
  it('refuses every other length', () => {
    for (const length of [0, 71, 73, 144]) {
      expect(() => decodeOptOutRecord(new Uint8Array(length))).toThrow(MalformedError);
    }
  });
});
