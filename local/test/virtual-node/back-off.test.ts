import { describe, expect, it } from 'vitest';

import { BackOff, KUBERNETES_BACK_OFF } from '../../src/virtual-node/back-off.ts';

describe('BackOff', () => {
  it('doubles from ten seconds to five minutes', () => {
    const backOff = new BackOff(KUBERNETES_BACK_OFF);
    expect(Array.from({ length: 7 }, () => backOff.next(1000) / 1000)).toEqual([10, 20, 40, 80, 160, 300, 300]);
  });

  it('starts over after a container ran for ten minutes', () => {
    const backOff = new BackOff(KUBERNETES_BACK_OFF);
    for (let ends = 0; ends < 5; ends += 1) backOff.next(0);
    expect(backOff.next(599_999)).toBe(300_000);
    expect(backOff.next(600_000)).toBe(10_000);
    expect(backOff.next(0)).toBe(20_000);
  });
});
