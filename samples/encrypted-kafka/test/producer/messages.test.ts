import { describe, expect, it } from 'vitest';

import { burstMessages, steadyMessages } from '../../src/producer/messages.ts';

const BURSTS = {
  count: { mean: 3, deviation: 1 },
  durationMs: { mean: 3000, deviation: 0 },
  restMs: { mean: 9000, deviation: 1000 },
};
const take = <T>(values: Iterable<T>, count: number): T[] => {
  const taken: T[] = [];
  for (const value of values) if (taken.push(value) === count) break;
  return taken;
};

describe('burstMessages', () => {
  it('counts every burst from 1, spreads it over its length, and rests', () => {
    expect(
      take(
        burstMessages('Hi', BURSTS, () => 0.5),
        4,
      ),
    ).toEqual([
      { text: 'Msg 1: Hi', pauseMs: 1000 },
      { text: 'Msg 2: Hi', pauseMs: 1000 },
      { text: 'Msg 3: Hi', pauseMs: 9000 },
      { text: 'Msg 1: Hi', pauseMs: 1000 },
    ]);
  });

  it('varies size and rest by the deviations', () => {
    const [first, second, third] = take(
      burstMessages('Hi', BURSTS, () => 0),
      3,
    );
    expect([first?.text, second, third?.text]).toEqual([
      'Msg 1: Hi',
      { text: 'Msg 2: Hi', pauseMs: 8000 },
      'Msg 1: Hi',
    ]);
  });

  it('sends at least one message, whatever is drawn', () => {
    const bursts = { ...BURSTS, count: { mean: 1, deviation: 5 } };
    expect(
      take(
        burstMessages('Hi', bursts, () => 0),
        2,
      ).map(({ text }) => text),
    ).toEqual(['Msg 1: Hi', 'Msg 1: Hi']);
  });
});

it('steadyMessages counts on and on, one a second', () => {
  expect(take(steadyMessages('Hi'), 2)).toEqual([
    { text: 'Message Id 1: Hi', pauseMs: 1000 },
    { text: 'Message Id 2: Hi', pauseMs: 1000 },
  ]);
});
