import { describe, test } from 'vitest';

import { mapParallel } from '../src/parallel.ts';

describe('mapParallel', () => {
  test('keeps the order of the items and the limit', async ({ expect }) => {
    let running = 0;
    let most = 0;
    const results = await mapParallel([5, 4, 3, 2, 1], 2, async (item) => {
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
      running -= 1;
      return item * 10;
    });
    expect([results, most]).toEqual([[50, 40, 30, 20, 10], 2]);
  });

  test('starts nothing after the first failure, and throws it once everything ended', async ({ expect }) => {
    const started: number[] = [];
    let ended = 0;
    const failing = mapParallel([0, 1, 2, 3], 2, async (item, signal) => {
      started.push(item);
      if (item === 1) throw new Error('one');
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
      ended += 1;
      throw new Error('aborted');
    });
    await expect(failing).rejects.toThrow('one');
    expect([started, ended]).toEqual([[0, 1], 1]);
  });

  test('answers nothing for nothing', async ({ expect }) => {
    expect(await mapParallel([], 3, () => Promise.resolve(1))).toEqual([]);
  });
});
