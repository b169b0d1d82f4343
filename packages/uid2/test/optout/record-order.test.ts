import { Buffer } from 'node:buffer';

import { describe, expect, it } from 'vitest';

import { compareHashes } from '../../src/optout/optout-files.ts';
import { orderedOffsets } from '../../src/optout/record-order.ts';
import { seededBytes } from '../fixed-random.ts';

const LENGTH = 72;

/** Offsets by a general sort, which keeps the order of equal ones. */
function sortedOffsets(records: Uint8Array): number[] {
  const offsets = Array.from({ length: records.length / LENGTH }, (_, index) => index * LENGTH);
  return offsets.sort((a, b) => Buffer.compare(records.subarray(a, a + 32), records.subarray(b, b + 32)));
}

function order(records: Uint8Array): number[] {
  return [...orderedOffsets(records, 0, (one, other) => compareHashes(records, one, records, other))];
}

describe('orderedOffsets', () => {
  it.each([0, 1, 2, 100, 2047, 2048, 5000])('orders %i random records', (count) => {
    const records = seededBytes(`order ${count}`)(count * LENGTH);
    expect(order(records)).toEqual(sortedOffsets(records));
  });

  it('orders records that differ only after their first four bytes, and keeps the order of equal ones', () => {
    const records = seededBytes('crowd')(4000 * LENGTH);
    for (let at = 0; at < records.length; at += LENGTH) records.fill(7, at, at + (at % (5 * LENGTH) === 0 ? 32 : 4));
    expect(order(records)).toEqual(sortedOffsets(records));
  });

  it.each([2, 10, 48, 49])('orders groups of %i records that share their first four bytes', (size) => {
    const records = seededBytes(`groups of ${size}`)(3000 * LENGTH);
    const view = Buffer.from(records.buffer, records.byteOffset, records.length);
    const groups = Math.ceil(3000 / size);
    for (let index = 0; index < 3000; index++) {
      view.writeUInt32BE((index % groups) * 999_983, index * LENGTH);
      if (index % 3 === 0) view.fill(7, index * LENGTH + 4, index * LENGTH + 32);
    }
    expect(order(records)).toEqual(sortedOffsets(records));
  });

  it('orders by what it is told, whose first four bytes lie anywhere', () => {
    const records = seededBytes('tail')(3000 * LENGTH);
    const word = (at: number): number => Buffer.from(records.subarray(at + 60, at + 64)).readUInt32BE();
    const words = [...orderedOffsets(records, 60, (one, other) => word(one) - word(other))].map(word);
    expect(words).toEqual(words.toSorted((a, b) => a - b));
  });
});
