import { beforeEach, describe, expect, it } from 'vitest';

import { RotatingStore } from '../src/index.ts';
import type { RefreshEvent } from '../src/index.ts';
import { settleTicks, VirtualTime } from '../testing/index.ts';

let time: VirtualTime;
let published: { version: number; content: string };
let failing: 'no' | 'metadata' | 'content';
let loads: number;
let events: RefreshEvent[];
let store: RotatingStore<string, string>;

beforeEach(() => {
  time = new VirtualTime();
  published = { version: 1, content: 'one' };
  failing = 'no';
  loads = 0;
  events = [];
  store = new RotatingStore({
    name: 'auth',
    intervalMs: 10_000,
    timers: time,
    onRefresh: (event) => events.push(event),
    source: {
      fetchMetadata: async () => {
        if (failing === 'metadata') throw new Error('no metadata');
        return { version: published.version, metadata: published.content };
      },
      load: async (content) => {
        loads++;
        if (failing === 'content') throw new Error('no content');
        return content;
      },
    },
  });
});

describe('RotatingStore', () => {
  it('loads at once and then looks every interval', async () => {
    store.start();
    await store.loaded();
    expect(store.current()).toBe('one');
    await settleTicks();
    await time.advance(30_000);
    expect(events).toHaveLength(4);
  });

  it('loads content only when the version grows, but counts every look as a refresh', async () => {
    store.start();
    await settleTicks();
    published = { version: 1, content: 'ignored' };
    await time.advance(10_000);
    published = { version: 0, content: 'ignored' };
    await time.advance(10_000);
    expect([store.current(), loads]).toEqual(['one', 1]);
    expect(store.state.refreshedAtMs).toBe(time.now());
    published = { version: 2, content: 'two' };
    await time.advance(10_000);
    expect([store.current(), loads, store.state.version]).toEqual(['two', 2, 2]);
  });

  it.for(['metadata', 'content'] as const)('tries the first load forever when %s fails', async (what) => {
    failing = what;
    store.start();
    await settleTicks();
    await time.advance(50_000);
    expect(store.state).toMatchObject({ loaded: false, version: -1, consecutiveFailures: 6, refreshedAtMs: undefined });
    expect(() => store.current()).toThrow(/not loaded/);
    failing = 'no';
    await time.advance(10_000);
    expect(store.state).toMatchObject({ loaded: true, consecutiveFailures: 0, lastError: undefined });
  });

  it.for(['metadata', 'content'] as const)('keeps the old snapshot when a later %s fails', async (what) => {
    store.start();
    await settleTicks();
    const refreshedAtMs = time.now();
    failing = what;
    published = { version: 2, content: 'two' };
    await time.advance(20_000);
    expect(store.current()).toBe('one');
    expect(store.state).toMatchObject({ version: 1, refreshedAtMs, consecutiveFailures: 2, lastError: `no ${what}` });
    expect(events.at(-1)).toMatchObject({ result: 'failed', first: false });
    failing = 'no';
    await time.advance(10_000);
    expect(store.current()).toBe('two');
  });

  it('never runs two rounds at once', async () => {
    const gate = Promise.withResolvers<string>();
    let running = 0;
    const slow = new RotatingStore({
      name: 'salt',
      intervalMs: 1000,
      timers: time,
      source: {
        fetchMetadata: async () => ({ version: 1, metadata: '' }),
        load: () => {
          running++;
          return gate.promise;
        },
      },
    });
    slow.start();
    slow.start();
    await time.advance(10_000);
    expect(running).toBe(1);
    gate.resolve('done');
    await settleTicks();
    expect(slow.current()).toBe('done');
  });

  it('stops without a trace', async () => {
    store.start();
    await settleTicks();
    await store.stop();
    await time.advance(100_000);
    expect([events.length, time.pending]).toEqual([1, 0]);
  });
});
