import { MalformedError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { formatOptOutList, parseOptOutLocations, selectOptOutFiles } from '../../src/optout/optout-list.ts';

const BASE = 'https://optout.example/objects/optout-v2/';

function deltaOf(day: string): string {
  return `${BASE}delta/${day}/optout-delta-000_${day}T10.00.00Z_418810dc.dat?sig=x`;
}

function partitionOf(day: string): string {
  return `${BASE}partition/optout-partition-000_${day}T12.00.00Z_418810dc.dat?sig=x`;
}

const selection = { folder: 'optout-v2/', backtrackInDays: 1 };

describe('parseOptOutLocations', () => {
  it('reads what formatOptOutList writes', () => {
    const text = formatOptOutList({
      version: 5,
      generated: 5,
      files: [{ type: 'delta', from: 1, to: 301, location: deltaOf('2026-01-01') }],
    });
    expect(JSON.parse(text)).toEqual({
      version: 5,
      generated: 5,
      optout_logs: [{ type: 'delta', from: 1, to: 301, location: deltaOf('2026-01-01') }],
    });
    expect(parseOptOutLocations(text)).toEqual([deltaOf('2026-01-01')]);
  });

  it.each(['', '[]', '{}', '{"optout_logs":{}}', '{"optout_logs":[{}]}', '{"optout_logs":[{"location":1}]}'])(
    'refuses %j',
    (text) => {
      expect(() => parseOptOutLocations(text)).toThrow(MalformedError);
    },
  );
});

describe('selectOptOutFiles', () => {
  const now = Date.parse('2026-03-10T06:00:00Z');

  it('takes all deltas while there is no partition', () => {
    const deltas = [deltaOf('2025-01-01'), deltaOf('2026-03-10')];
    expect(selectOptOutFiles([...deltas, `${BASE}other/x.dat`], selection, now)).toEqual(deltas);
  });

  it('takes all partitions, and deltas from a day before the newest to today included', () => {
    const partitions = [partitionOf('2026-03-01'), partitionOf('2026-03-08')];
    const kept = [deltaOf('2026-03-07'), deltaOf('2026-03-08'), deltaOf('2026-03-09'), deltaOf('2026-03-10')];
    const locations = [...partitions, deltaOf('2026-03-06'), ...kept];
    expect(selectOptOutFiles(locations, selection, now)).toEqual([...partitions, ...kept]);
  });

  it('takes as many synthetic files as asked for, by name', () => {
    const synthetic = ['b', 'a', 'c'].map((name) => `${BASE}synthetic/${name}.dat`);
    expect(selectOptOutFiles(synthetic, selection, now)).toEqual([]);
    expect(selectOptOutFiles(synthetic, { ...selection, syntheticCount: 2 }, now)).toEqual([
      `${BASE}synthetic/a.dat`,
      `${BASE}synthetic/b.dat`,
    ]);
  });
});
