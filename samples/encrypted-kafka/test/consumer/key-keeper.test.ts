import type { KeyObject } from 'node:crypto';

import { DependencyError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { KeyKeeper } from '../../src/consumer/key-keeper.ts';
import type { KeyState } from '../../src/consumer/key-keeper.ts';
import { pair } from '../keys.ts';

/** Lets the keeper fail `failures` times; answers its states and waits once it has the key. */
async function keep(failures: number): Promise<{ states: KeyState[]; waits: number[]; keeper: KeyKeeper }> {
  const states: KeyState[] = [];
  const waits: number[] = [];
  const done = Promise.withResolvers<void>();
  let asked = 0;
  const keeper = new KeyKeeper({
    kid: 'demo',
    request: (): Promise<KeyObject> => {
      asked += 1;
      if (asked > failures) return Promise.resolve(pair.privateKey);
      return Promise.reject(new DependencyError('SAMPLE_KEY_REFUSED', 'no', { retryable: true, action: 'Do it.' }));
    },
    onChange: (state) => {
      states.push(state);
      if (state.kind === 'released') done.resolve();
    },
    wait: (ms) => {
      waits.push(ms);
      return Promise.resolve();
    },
  });
  keeper.start();
  await done.promise;
  return { states, waits, keeper };
}

describe('KeyKeeper', () => {
  it('asks until the key is there, waiting longer and longer up to half a minute', async () => {
    const { states, waits, keeper } = await keep(8);
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(states[0]).toEqual({
      kind: 'refused',
      kid: 'demo',
      code: 'SAMPLE_KEY_REFUSED',
      reason: 'no',
      action: 'Do it.',
      retryInMs: 1000,
    });
    expect(states.at(-1)).toEqual({ kind: 'released', kid: 'demo', bits: 2048 });
    expect(keeper.key).toBe(pair.privateKey);
  });

  it('forgets the key when it is stopped', async () => {
    const { keeper } = await keep(0);
    await keeper.stop();
    expect(keeper.key).toBeUndefined();
  });

  it('without a name asks for nothing', async () => {
    const keeper = new KeyKeeper({
      kid: undefined,
      request: () => Promise.reject(new Error('asked')),
      onChange: () => expect.unreachable(),
    });
    keeper.start();
    await keeper.stop();
    expect(keeper.state).toEqual({ kind: 'not-configured' });
  });
});
