import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createRetryDelays } from '../src/retry-delays.ts';

describe('createRetryDelays', () => {
  it('doubles up to the longest wait, and begins again after a success', () => {
    const delays = createRetryDelays({ firstMs: 100, longestMs: 500, random: () => 0 });
    expect([delays.next(), delays.next(), delays.next(), delays.next(), delays.next()]).toEqual([
      100, 200, 400, 500, 500,
    ]);
    delays.reset();
    expect(delays.next()).toBe(100);
  });

  it('never waits less than the first nor more than the longest wait', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1 }), (randoms) => {
        let index = 0;
        const delays = createRetryDelays({
          firstMs: 10,
          longestMs: 1000,
          random: () => randoms[index++ % randoms.length] ?? 0,
        });
        for (let count = 0; count < 20; count += 1) {
          const wait = delays.next();
          expect(wait).toBeGreaterThanOrEqual(10);
          expect(wait).toBeLessThanOrEqual(1000);
        }
      }),
    );
  });
});
