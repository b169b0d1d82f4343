import { expect, it } from 'vitest';

import { pooledRandomBytes } from '../src/pooled-random.ts';

/** Fills with a running number, so that a byte handed out twice shows. */
function counting(): (pool: Uint8Array) => void {
  const state = { next: 0 };
  return (pool) => {
    const view = new DataView(pool.buffer);
    for (let at = 0; at + 4 <= pool.length; at += 4) {
      view.setUint32(at, state.next);
      state.next += 1;
    }
  };
}

it('no byte is handed out twice, across refills and for requests larger than the pool', () => {
  const random = pooledRandomBytes(counting());
  const seen = new Set<number>();
  let words = 0;
  for (let call = 0; call < 3000; call += 1) {
    const bytes = random(call === 1500 ? 12_000 : 12);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += 4) {
      seen.add(view.getUint32(at));
      words += 1;
    }
  }
  expect(seen.size).toBe(words);
});

it('what was handed out does not change with later calls', () => {
  const random = pooledRandomBytes(counting());
  const first = random(32);
  const copy = Uint8Array.from(first);
  for (let call = 0; call < 1000; call += 1) random(32);
  expect(first).toEqual(copy);
});

it('the default source is the operating system: 32 bytes never repeat', () => {
  const random = pooledRandomBytes();
  const texts = new Set(Array.from({ length: 1000 }, () => Buffer.from(random(32)).toString('hex')));
  expect(texts.size).toBe(1000);
});

it('says that it may be taken ahead, since nobody waits for certain bytes of it', () => {
  expect(pooledRandomBytes().isUnordered).toBe(true);
});
