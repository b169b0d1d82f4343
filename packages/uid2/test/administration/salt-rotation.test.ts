import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { planSaltRotation, rebuildSalts, rotateSalts } from '../../src/administration/index.ts';
import type { SaltMaterial, SaltRotationPlan } from '../../src/administration/index.ts';
import type { SaltTable } from '../../src/index.ts';
import { seededBytes } from '../fixed-random.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';
import { bucketsOfAge, DAY_MS, readTable, saltTable, TARGET_DATE } from './salt-fixture.ts';

interface SelectionVector {
  readonly cases: readonly {
    readonly buckets: readonly (readonly [number, number])[];
    readonly min_ages_days: readonly number[];
    readonly fraction: number;
    readonly rotated: Readonly<Record<string, number>>;
  }[];
}

interface RefreshFromVector {
  readonly cases: readonly { readonly last_updated: number; readonly refresh_from: number }[];
}

interface ZeroRotationVector {
  readonly cases: readonly {
    readonly last_updated: string;
    readonly refresh_from_before: string;
    readonly refresh_from_after: string;
  }[];
}

interface RetentionVector {
  readonly cases: readonly { readonly age_days: number; readonly kept: boolean }[];
}

function plan(table: SaltTable, fraction: number, ageThresholdsDays?: readonly number[]): SaltRotationPlan {
  return planSaltRotation(
    {
      table,
      newestEffective: TARGET_DATE - DAY_MS,
      fraction,
      targetDate: TARGET_DATE,
      ...(ageThresholdsDays === undefined ? {} : { ageThresholdsDays }),
    },
    seededBytes('plan'),
  );
}

function rotate(table: SaltTable, chosen: SaltRotationPlan, material: SaltMaterial = 'salt'): SaltTable {
  return readTable(rotateSalts(table, chosen, material, seededBytes('rotate')), table.size);
}

const utf8 = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

/** "D-75d" as a time. */
function relativeToTarget(text: string): number {
  return TARGET_DATE + Number(/^D(?:([+-]\d+)d)?$/.exec(text)?.[1] ?? 0) * DAY_MS;
}

describe.skipIf(!hasVectors)('the choice of buckets', () => {
  const { cases } = coreVector<SelectionVector>('salt-rotation-selection');

  it.each(cases ?? [])(
    'rotates $rotated of $buckets at fraction $fraction',
    ({ buckets, min_ages_days, fraction, rotated }) => {
      const described = buckets.flatMap(([count, age]) => bucketsOfAge(count, age));
      const { rotating } = plan(saltTable(described), fraction, min_ages_days);
      const byAge: Record<string, number> = {};
      for (const index of rotating) {
        const age = String(described[index]?.ageDays);
        byAge[age] = (byAge[age] ?? 0) + 1;
      }
      expect(byAge).toEqual(rotated);
    },
  );
});

describe('a plan', () => {
  it('refuses a target date that is not after the newest snapshot', () => {
    const table = saltTable(bucketsOfAge(10, 100));
    const request = { table, newestEffective: TARGET_DATE, fraction: 0.5, targetDate: TARGET_DATE };
    expect(() => planSaltRotation(request, seededBytes('x'))).toThrow(
      expect.objectContaining({
        code: 'SALT_TARGET_DATE_PASSED',
        message:
          'cannot create a new salt snapshot with effective timestamp equal or prior to that of an existing snapshot',
      }),
    );
  });

  it('leaves out buckets whose day to refresh is another one, by UTC days', () => {
    const table = saltTable([
      { ageDays: 60, refreshFrom: TARGET_DATE - 1 },
      { ageDays: 60, refreshFrom: TARGET_DATE },
      { ageDays: 60, refreshFrom: TARGET_DATE + DAY_MS - 1 },
      { ageDays: 60, refreshFrom: TARGET_DATE + DAY_MS },
    ]);
    const { rotating, refreshable } = plan(table, 1);
    expect([rotating, refreshable]).toEqual([[1, 2], 2]);
  });

  it('takes no bucket younger than the least threshold, and none twice', () => {
    const table = saltTable([...bucketsOfAge(5, 30), ...bucketsOfAge(5, 31), ...bucketsOfAge(5, 400)]);
    const { rotating } = plan(table, 1);
    expect(rotating).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  });

  it('counts a bucket of exactly thirty days as too young, and one of sixty into the window from thirty', () => {
    const line = (id: number, days: number) => `${id},${TARGET_DATE - days * DAY_MS},s,${TARGET_DATE},,,,,,,\n`;
    const { rotating, windows } = plan(readTable(Buffer.from(line(1, 30) + line(2, 60)), 2), 1, [30, 60]);
    expect([rotating, windows.map(({ buckets }) => buckets)]).toEqual([[1], [0, 1]]);
  });

  it('refuses a snapshot with fewer lines than announced', () => {
    const table = readTable(Buffer.from(`1,${TARGET_DATE},s,${TARGET_DATE},,,,,,,\n`), 2);
    expect(() => plan(table, 1)).toThrow(expect.objectContaining({ code: 'SALT_FILE_MALFORMED' }));
  });

  it('with a fraction of a single bucket rotates nothing, and the rotation says so', () => {
    const table = saltTable(bucketsOfAge(100, 100));
    const chosen = plan(table, 0.001);
    expect([chosen.wanted, chosen.windowLimit, chosen.rotating]).toEqual([1, 0, []]);
    expect(() => rotateSalts(table, chosen, 'salt', seededBytes('x'))).toThrow(
      expect.objectContaining({
        code: 'SALT_ROTATION_NOTHING_DUE',
        message: 'all refreshable salts are below min rotation age',
      }),
    );
  });

  it('never takes more than asked for, nor more than the limit from one window', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 450 }), { minLength: 1, maxLength: 80 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (ages, fraction) => {
          const table = saltTable(ages.map((ageDays) => ({ ageDays })));
          const { wanted, windowLimit, windows, rotating } = plan(table, fraction);
          expect(rotating.length).toBeLessThanOrEqual(wanted);
          expect(new Set(rotating).size).toBe(rotating.length);
          for (const window of windows) {
            expect(window.rotating).toBeLessThanOrEqual(Math.min(windowLimit, window.refreshable));
          }
          expect(rotating.every((index) => (ages[index] ?? 0) > 30)).toBe(true);
        },
      ),
    );
  });

  it('draws evenly', () => {
    const table = saltTable(bucketsOfAge(4, 100));
    const hits = [0, 0, 0, 0];
    const random = seededBytes('even');
    for (let round = 0; round < 400; round += 1) {
      const request = { table, newestEffective: 0, fraction: 0.5, targetDate: TARGET_DATE };
      for (const index of planSaltRotation(request, random).rotating) hits[index] = (hits[index] ?? 0) + 1;
    }
    // One of four each time: a hundred expected, and 60 to 140 are more than four standard deviations wide.
    expect(hits.every((count) => count > 60 && count < 140)).toBe(true);
  });
});

describe('a rotated bucket', () => {
  const table = saltTable([{ ageDays: 100, previousSalt: 'older' }, { ageDays: 100 }, { ageDays: 5 }]);
  const chosen = { ...plan(table, 1), rotating: [0] };

  it('has a new salt of 32 random bytes, today as its last update and its old salt as previous', () => {
    const rotated = rotate(table, chosen);
    expect(Buffer.from(utf8(rotated.currentSalt(0)) ?? '', 'base64')).toHaveLength(32);
    expect(rotated.lastUpdated(0)).toBe(TARGET_DATE + 1);
    expect(utf8(rotated.previousSalt(0))).toBe('salt1');
    expect(rotated.id(0)).toBe(1);
  });

  it('gets key material instead when asked for', () => {
    const rotated = rotate(table, chosen, 'key');
    expect(rotated.currentSalt(0)).toBeUndefined();
    const key = rotated.currentKey(0);
    expect([key?.id, key?.key.length, key?.salt?.length]).toEqual([0, 32, 44]);
    expect(utf8(rotated.previousSalt(0))).toBe('salt1');
  });

  it('moves key material to the previous columns', () => {
    const withKey = saltTable([{ ageDays: 100, salt: undefined, currentKey: { id: 7, key: 'k', salt: 'ks' } }]);
    const rotated = rotate(withKey, { ...chosen, rotating: [0] });
    expect([rotated.previousSalt(0), rotated.previousKey(0)?.id]).toEqual([undefined, 7]);
    expect(rotated.currentKey(0)).toBeUndefined();
  });

  it('leaves the others as they were', () => {
    const rotated = rotate(table, chosen);
    expect([utf8(rotated.currentSalt(1)), rotated.lastUpdated(1)]).toEqual(['salt2', table.lastUpdated(1)]);
    expect([utf8(rotated.currentSalt(2)), rotated.previousSalt(2)]).toEqual(['salt3', undefined]);
  });
});

describe.skipIf(!hasVectors)('after a rotation', () => {
  it.each(coreVector<RefreshFromVector>('salt-refresh-from').cases ?? [])(
    'a bucket last updated at $last_updated may rotate from $refresh_from',
    ({ last_updated, refresh_from }) => {
      const table = saltTable([{ ageDays: 0, lastUpdated: last_updated }, { ageDays: 100 }]);
      const rotated = rotate(table, { ...plan(table, 1), rotating: [1] });
      expect(rotated.refreshFrom(0)).toBe(refresh_from);
      expect(rotate(table, { ...plan(table, 1), rotating: [0] }).refreshFrom(0)).toBe(refresh_from);
    },
  );

  it.each(coreVector<RetentionVector>('salt-previous-retention').cases ?? [])(
    'a previous salt or key of $age_days days is kept: $kept',
    ({ age_days, kept }) => {
      const table = saltTable([
        { ageDays: age_days, previousSalt: 'old', previousKey: { id: 3, key: 'k', salt: 's' } },
        { ageDays: 100 },
      ]);
      const rotated = rotate(table, { ...plan(table, 1), rotating: [1] });
      expect([rotated.previousSalt(0) !== undefined, rotated.previousKey(0) !== undefined]).toEqual([kept, kept]);
    },
  );
});

describe.skipIf(!hasVectors)('a rebuilt snapshot', () => {
  it.each(coreVector<ZeroRotationVector>('salt-zero-rotation').cases ?? [])(
    'of a bucket updated at $last_updated has refresh-from $refresh_from_after',
    ({ last_updated, refresh_from_before, refresh_from_after }) => {
      const table = saltTable([
        {
          ageDays: 0,
          lastUpdated: relativeToTarget(last_updated),
          refreshFrom: relativeToTarget(refresh_from_before),
        },
      ]);
      const rebuilt = readTable(rebuildSalts(table, TARGET_DATE), 1);
      expect(rebuilt.refreshFrom(0)).toBe(relativeToTarget(refresh_from_after));
      expect([utf8(rebuilt.currentSalt(0)), rebuilt.lastUpdated(0)]).toEqual(['salt1', table.lastUpdated(0)]);
    },
  );
});

describe('any rotation', () => {
  it('keeps ids and order, and writes a file that reads back to the announced size', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 31, max: 400 }), { minLength: 10, maxLength: 60 }), (ages) => {
        const table = saltTable(ages.map((ageDays) => ({ ageDays })));
        const chosen = plan(table, 0.5);
        const rotated = rotate(table, chosen);
        const changed: number[] = [];
        for (let index = 0; index < table.size; index += 1) {
          expect(rotated.id(index)).toBe(table.id(index));
          if (utf8(rotated.currentSalt(index)) !== utf8(table.currentSalt(index))) changed.push(index);
        }
        expect(changed).toEqual(chosen.rotating);
      }),
    );
  });
});
