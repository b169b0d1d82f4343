import { expect, it } from 'vitest';

import { pooledBytes, releaseBytes } from '../src/bytes.ts';

it('releaseBytes empties large byte strings that have their memory to themselves', () => {
  const bytes = new Uint8Array(64 * 1024).fill(1);
  releaseBytes(bytes);
  expect(bytes).toHaveLength(0);
});

it.each([
  ['a small one', new Uint8Array(64 * 1024 - 1)],
  ['a part', new Uint8Array(70 * 1024).subarray(1)],
  ['one in shared memory', new Uint8Array(new SharedArrayBuffer(64 * 1024))],
])('releaseBytes leaves %s as it is', (_name, bytes) => {
  const { length } = bytes;
  releaseBytes(bytes);
  expect(bytes).toHaveLength(length);
});

it('pooledBytes never hands out memory twice, whatever the lengths, and large byte strings have their memory to themselves', () => {
  const lengths = Array.from({ length: 3000 }, (_, i) => (i * 7919) % 5000);
  const all = lengths.map((length, i) => pooledBytes(length).fill(i % 251));
  for (const [i, bytes] of all.entries()) {
    expect(bytes).toHaveLength(lengths[i] ?? NaN);
    expect(bytes.every((byte) => byte === i % 251)).toBe(true);
  }
  const large = pooledBytes(64 * 1024);
  releaseBytes(large);
  expect(large).toHaveLength(0);
});
