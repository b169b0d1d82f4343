import { describe, expect, it } from 'vitest';

import { selectSaltSnapshot, type SaltSnapshot } from '../../src/salts/salt-snapshot.ts';
import { SALT_FIXTURE, saltTable } from '../salt-fixture.ts';

const table = saltTable(SALT_FIXTURE.lines);
const snapshot = (effective: number, expires: number): SaltSnapshot => ({
  effective,
  expires,
  firstLevelSalt: `${effective}`,
  table,
});

describe('selectSaltSnapshot', () => {
  it.each([
    ['the newest in force', [snapshot(10, 100), snapshot(20, 100), snapshot(90, 100)], 50, '20', false],
    ['the first from its first instant', [snapshot(10, 100), snapshot(20, 100)], 20, '20', false],
    [
      'the newest when an expired one stands in front',
      [snapshot(0, 10), snapshot(20, 100), snapshot(90, 200)],
      50,
      '90',
      false,
    ],
    ['the newest when all have expired', [snapshot(0, 10), snapshot(5, 20)], 50, '5', true],
    ['the newest when all lie ahead', [snapshot(60, 100), snapshot(70, 100)], 50, '70', false],
    ['the one before the first gap', [snapshot(0, 100), snapshot(10, 50), snapshot(20, 100)], 50, '0', false],
    ['the newest when the first expires this instant', [snapshot(0, 50), snapshot(60, 100)], 50, '60', false],
    ['expiry as exclusive', [snapshot(0, 50)], 50, '0', true],
    ['by effective time, not file order', [snapshot(20, 100), snapshot(10, 100)], 50, '20', false],
  ])('takes %s', (_name, snapshots, now, salt, expired) => {
    const selected = selectSaltSnapshot(snapshots, now);
    expect([selected?.snapshot.firstLevelSalt, selected?.expired]).toEqual([salt, expired]);
  });

  it('has nothing to select from an empty list', () => {
    expect(selectSaltSnapshot([], 0)).toBeUndefined();
  });
});
