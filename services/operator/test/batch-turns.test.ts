import { expect, it } from 'vitest';

import { BatchTurns } from '../src/batch-turns.ts';

it('a batch visits every index once, in order', async () => {
  for (const count of [0, 1, 256, 257, 1000]) {
    const seen: number[] = [];
    await new BatchTurns().run(count, (index) => seen.push(index));
    expect(seen).toEqual(Array.from({ length: count }, (_, index) => index));
  }
});

it('the event loop gets turns during a large batch', async () => {
  let turns = 0;
  let counting = true;
  const count = () => {
    turns += 1;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  let seen = 0;
  await new BatchTurns().run(2560, () => (seen += 1));
  counting = false;
  expect(seen).toBe(2560);
  expect(turns).toBeGreaterThanOrEqual(9);
});

it('after their first slices large batches run one after the other, small ones at once', async () => {
  const batches = new BatchTurns();
  const order: string[] = [];
  const batch = (name: string, count: number) =>
    batches.run(count, (index) => {
      if (index === 0 || index === count - 1) order.push(`${name}${index === 0 ? ' begins' : ' ends'}`);
    });
  await Promise.all([batch('first', 1000), batch('second', 1000), batch('small', 2)]);
  expect(order).toEqual(['first begins', 'second begins', 'small begins', 'small ends', 'first ends', 'second ends']);
});

it('a failing batch rejects and does not hold up the next', async () => {
  const batches = new BatchTurns();
  const failing = batches.run(1000, (index) => {
    if (index === 300) throw new Error('broken');
  });
  let seen = 0;
  const next = batches.run(300, () => (seen += 1));
  await expect(failing).rejects.toThrow('broken');
  await next;
  expect(seen).toBe(300);
});
