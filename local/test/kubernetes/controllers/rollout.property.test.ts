import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { quantity, scaled } from '../../../src/kubernetes/controllers/quantity.ts';
import { nextRolloutStep } from '../../../src/kubernetes/controllers/rollout.ts';

const share = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
);

describe('nextRolloutStep', () => {
  it('never asks for more pods than allowed, keeps enough available ones, and comes to its end', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 12 }),
        share,
        share,
        fc.integer({ min: 0, max: 12 }),
        (wanted, surge, gone, had) => {
          let current = { replicas: 0, available: 0 };
          let old = [{ replicas: had, available: had }];
          const most = Math.max(had, wanted + Math.max(scaled(surge, wanted, 'up'), 0));
          const floor = Math.min(had, wanted) - Math.max(1, scaled(gone, wanted, 'down'));
          for (let step = 0; step < 60; step += 1) {
            const next = nextRolloutStep({ wanted, maxSurge: surge, maxUnavailable: gone, current, old });
            expect(next.current + (next.old[0] ?? 0)).toBeLessThanOrEqual(most);
            // New pods become available one round after they were asked for.
            current = { replicas: next.current, available: Math.min(next.current, current.replicas) };
            old = next.old.map((replicas, index) => ({
              replicas,
              available: Math.min(replicas, old[index]?.available ?? 0),
            }));
            expect(current.available + (old[0]?.available ?? 0)).toBeGreaterThanOrEqual(floor);
          }
          expect([current.replicas, old[0]?.replicas]).toEqual([wanted, 0]);
        },
      ),
    );
  });
});

describe('quantity', () => {
  it.each([
    ['250m', 0.25],
    ['6', 6],
    [2, 2],
    ['24Gi', 24 * 2 ** 30],
    ['3G', 3e9],
    ['0G', 0],
    [undefined, 0],
    ['much', 0],
  ])('reads %s', (text, number) => {
    expect(quantity(text)).toBe(number);
  });
});
