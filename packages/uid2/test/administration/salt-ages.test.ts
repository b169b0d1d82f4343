import { expect, it } from 'vitest';

import { saltAges } from '../../src/administration/index.ts';
import { DAY_MS, saltTable, TARGET_DATE } from './salt-fixture.ts';

it('the ages of salts are counted in steps of thirty days, and the days on which they may rotate', () => {
  const table = saltTable([
    { ageDays: 0, previousSalt: 'p' },
    { ageDays: 29 },
    { ageDays: 30, refreshFrom: TARGET_DATE + DAY_MS },
    {
      ageDays: 400,
      salt: undefined,
      currentKey: { id: 1, key: 'k', salt: 's' },
      refreshFrom: TARGET_DATE + 9 * DAY_MS,
    },
  ]);
  expect(saltAges(table, TARGET_DATE + 1000, 2)).toEqual({
    rows: [
      { fromDays: 0, buckets: 2, withPrevious: 1 },
      { fromDays: 30, buckets: 1, withPrevious: 0 },
      { fromDays: 390, buckets: 1, withPrevious: 0 },
    ],
    oldestUpdate: TARGET_DATE - 400 * DAY_MS + 1,
    newestUpdate: TARGET_DATE + 1,
    withKey: 1,
    refreshableByDay: [
      { day: TARGET_DATE, buckets: 2 },
      { day: TARGET_DATE + DAY_MS, buckets: 1 },
    ],
  });
});
