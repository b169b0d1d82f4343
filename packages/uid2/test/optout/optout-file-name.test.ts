import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  floorToSlot,
  formatOptOutFileName,
  optOutFilePath,
  parseOptOutFileName,
  replicaIdOfHostName,
  secondsBeforeNextSlot,
  SYNTHETIC_REPLICA_ID,
  utcDate,
} from '../../src/optout/optout-file-name.ts';
import { coreVector, hasVectors, operatorGroup } from '../uid2-vectors.ts';

interface NameCase {
  readonly name: string;
  readonly kind: string;
  readonly replica_id: number;
  readonly synthetic: boolean;
  readonly timestamp: string;
}

interface NamesVector {
  readonly delta_example: string;
  readonly partition_example: string;
  readonly replica_ids: readonly (readonly [string, number])[];
  readonly replica_from_host: readonly (readonly [string, number])[];
  readonly date_dirs: readonly (readonly [string, string])[];
  readonly sorted_insert_order: readonly string[];
}

interface SlotsVector {
  readonly seconds_before_next_slot: readonly (readonly [string, number, number])[];
  readonly floor: readonly (readonly [string, number, string])[];
}

describe.skipIf(!hasVectors)('opt-out file names, known answers', () => {
  it.each(operatorGroup<NameCase>('optout_file_name'))('reads and writes $name', (entry) => {
    const name = parseOptOutFileName(entry.name);
    expect(name).toMatchObject({
      kind: entry.kind,
      replicaId: entry.replica_id,
      timeMs: Date.parse(entry.timestamp),
    });
    expect(name?.replicaId === SYNTHETIC_REPLICA_ID).toBe(entry.synthetic);
    if (name !== undefined) expect(formatOptOutFileName(name)).toBe(entry.name);
  });

  it('reads names, hosts and dates as the reference does', () => {
    const vector = coreVector<NamesVector>('optout-names');
    for (const example of [vector.delta_example, vector.partition_example]) {
      const name = parseOptOutFileName(`https://bucket/optout-v2/${example}?signature=a/b_c`);
      expect(name === undefined ? undefined : formatOptOutFileName(name)).toBe(example);
    }
    for (const [path, replica] of vector.replica_ids) expect(parseOptOutFileName(path)?.replicaId).toBe(replica);
    for (const [host, replica] of vector.replica_from_host) expect(replicaIdOfHostName(host)).toBe(replica);
    for (const [time, folder] of vector.date_dirs) expect(utcDate(Date.parse(time))).toBe(folder);
    const order = vector.sorted_insert_order.map((time) => `optout-delta-000_${time}_00000000.dat`);
    const times = order.map((name) => parseOptOutFileName(name)?.timeMs ?? Number.NaN);
    expect(times.toSorted((a, b) => a - b)).toEqual(times);
    expect(times).not.toContain(Number.NaN);
  });

  it('computes slots as the reference does', () => {
    const vector = coreVector<SlotsVector>('optout-slots');
    for (const [time, interval, seconds] of vector.seconds_before_next_slot) {
      expect(secondsBeforeNextSlot(Date.parse(time), interval)).toBe(seconds);
    }
    for (const [time, interval, floor] of vector.floor) {
      expect(floorToSlot(Date.parse(time), interval)).toBe(Date.parse(floor));
    }
  });
});

describe('parseOptOutFileName', () => {
  it('reads what formatOptOutFileName writes', () => {
    fc.assert(
      fc.property(
        fc.record({
          kind: fc.constantFrom('delta' as const, 'partition' as const),
          replicaId: fc.nat({ max: 999_999 }),
          timeMs: fc.nat({ max: 4_000_000_000 }).map((seconds) => seconds * 1000),
          uniqueId: fc.stringMatching(/^[0-9a-f]{8}$/),
        }),
        (name) => {
          expect(parseOptOutFileName(optOutFilePath('folder', name))).toEqual(name);
        },
      ),
    );
  });

  it.each([
    '',
    'optout-delta-000.dat',
    'optout-delta-000_yesterday_00000000.dat',
    'optout-delta-000_2024-13-01T00.00.00Z_418810dc.dat',
    'optout-other-000_2024-04-01T00.00.00Z_418810dc.dat',
    'optout-delta-000_2024-04-01T00.00.00Z_418810dc.txt',
    'optout-delta-000_2024-04-01T00.00.00Z_418810dc.dat/',
  ])('knows that %j is no name', (name) => {
    expect(parseOptOutFileName(name)).toBeUndefined();
  });
});

describe('optOutFilePath', () => {
  it('puts deltas into a folder for their day and partitions into one folder', () => {
    const name = { replicaId: 1, timeMs: Date.parse('2024-04-01T23:59:59Z'), uniqueId: '418810dc' };
    expect(optOutFilePath('optout-v2/', { kind: 'delta', ...name })).toBe(
      'optout-v2/delta/2024-04-01/optout-delta-001_2024-04-01T23.59.59Z_418810dc.dat',
    );
    expect(optOutFilePath('optout-v2', { kind: 'partition', ...name })).toBe(
      'optout-v2/partition/optout-partition-001_2024-04-01T23.59.59Z_418810dc.dat',
    );
  });
});
