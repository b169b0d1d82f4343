import { describe, expect, it } from 'vitest';

import { ConnectionBalance } from '../../src/fast-path/connection-balance.ts';

/** Threads with so many connections each, on a clock that the test sets. */
function threads(...connections: readonly number[]) {
  const clock = { nowMs: 0 };
  const counts = new Int32Array(new SharedArrayBuffer(4 * connections.length));
  const balances = connections.map((count, thread) => {
    const balance = new ConnectionBalance(counts, thread, () => clock.nowMs);
    for (let i = 0; i < count; i += 1) balance.opened();
    return balance;
  });
  return { clock, balances, asked: () => balances.map((balance) => balance.shouldMove()) };
}

describe('ConnectionBalance', () => {
  it.each([
    [
      [2, 2],
      [false, false],
    ],
    [
      [3, 1],
      [true, false],
    ],
    [
      [4, 0],
      [true, false],
    ],
    [
      [1, 0],
      [false, false],
    ],
    [
      [2, 1],
      [false, false],
    ],
    [
      [17, 15],
      [false, false],
    ],
    [
      [18, 14],
      [true, false],
    ],
    [
      [0, 5, 1, 6],
      [false, true, false, true],
    ],
  ])('of threads with %j connections those move one: %j', (connections, expected) => {
    expect(threads(...connections).asked()).toEqual(expected);
  });

  it('moves one at a time, and the next a while later', () => {
    const { clock, asked } = threads(9, 1);
    expect([asked(), asked()]).toEqual([
      [true, false],
      [false, false],
    ]);
    clock.nowMs = 49;
    expect(asked()).toEqual([false, false]);
    clock.nowMs = 50;
    expect(asked()).toEqual([true, false]);
  });

  it('moves none once as many have gone', () => {
    const { clock, balances, asked } = threads(4, 0);
    for (let moved = 0; moved < 2; moved += 1) {
      expect(asked()).toEqual([true, false]);
      balances[0]?.closed();
      balances[1]?.opened();
      clock.nowMs += 50;
    }
    expect(asked()).toEqual([false, false]);
  });
});
