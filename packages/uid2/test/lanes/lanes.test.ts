import { createHash } from 'node:crypto';

import { toHex } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { padMessage } from '../../src/lanes/areas.ts';
import { createLanes } from '../../src/lanes/lanes.ts';
import type { Lanes } from '../../src/lanes/lanes.ts';
import { plainLanes } from '../../src/lanes/plain-lanes.ts';
import { wasmLanes } from '../../src/lanes/wasm-lanes.ts';

const BYTES = 64 * 1024;

function fast(): Lanes {
  const lanes = wasmLanes(BYTES);
  if (lanes === undefined) throw new Error('this runtime has no vectors in WebAssembly');
  return lanes;
}

function digests(lanes: Lanes, messages: readonly Uint8Array[]): readonly string[] {
  const blocks = Math.ceil((Math.max(...messages.map(({ length }) => length)) + 9) / 64);
  const out = lanes.start + 64 * blocks * 64;
  messages.forEach((message, i) => {
    const at = lanes.start + i * blocks * 64;
    lanes.memory.set(message, at);
    padMessage(lanes.memory, at, message.length, blocks);
  });
  lanes.sha256(lanes.start, blocks * 64, blocks, out, messages.length);
  return messages.map((_, i) => toHex(lanes.memory.slice(out + i * 32, out + i * 32 + 32)));
}

function encrypt(lanes: Lanes, keys: readonly Uint8Array[], blocks: readonly Uint8Array[]): readonly string[] {
  const [keysAt, blocksAt, out] = [lanes.start, lanes.start + 8192, lanes.start + 16_384];
  keys.forEach((key, i) => lanes.memory.set(key, keysAt + i * 32));
  blocks.forEach((block, i) => lanes.memory.set(block, blocksAt + i * 16));
  lanes.aes256(keysAt, blocksAt, out, keys.length);
  return keys.map((_, i) => toHex(lanes.memory.slice(out + i * 16, out + i * 16 + 16)));
}

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe.each([
  ['in WebAssembly', fast],
  ['through node:crypto', () => plainLanes(BYTES)],
])('lanes %s', (_name, make) => {
  it('give the digests that FIPS 180-4 comes with', () => {
    expect(digests(make(), [Buffer.from('abc')])).toEqual([
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    ]);
    expect(digests(make(), [Buffer.from('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')])).toEqual([
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ]);
    expect(digests(make(), [new Uint8Array(0)])).toEqual([
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    ]);
  });

  it('give the block that FIPS 197, appendix C.3, comes with', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const block = Uint8Array.from({ length: 16 }, (_, i) => i * 0x11);
    expect(encrypt(make(), [key], [block])).toEqual(['8ea2b7ca516745bfeafc49904b496089']);
  });

  it.each([1, 3, 4, 5, 9, 64])('hash %i messages of all lengths side by side', (count) => {
    const lanes = make();
    for (const [shortest, longest] of [
      [0, 55],
      [56, 119],
      [120, 183],
    ] as const) {
      const messages = Array.from({ length: count }, (_, i) => {
        const length = shortest + ((i * 7) % (longest - shortest + 1));
        return Uint8Array.from({ length }, (_, at) => (at * 31 + i * 17) & 0xff);
      });
      expect(digests(lanes, messages)).toEqual(
        messages.map((message) => createHash('sha256').update(message).digest('hex')),
      );
    }
  });

  it.each([
    [32, 'base64Of32'],
    [33, 'base64Of33'],
  ] as const)('encode any %i bytes', (length, method) => {
    const lanes = make();
    const stride = length + 4;
    fc.assert(
      fc.property(fc.array(bytes(length), { minLength: 1, maxLength: 9 }), (values) => {
        const out = lanes.start + 4096;
        values.forEach((value, i) => lanes.memory.set(value, lanes.start + i * stride));
        lanes[method](lanes.start, stride, out, 50, values.length);
        const texts = values.map((_, i) => Buffer.from(lanes.memory.slice(out + i * 50, out + i * 50 + 44)).toString());
        expect(texts).toEqual(values.map((value) => Buffer.from(value).toString('base64')));
      }),
    );
  });
});

it('lanes in WebAssembly encrypt as node:crypto does, each block under its own key', () => {
  const [one, other] = [fast(), plainLanes(BYTES)];
  fc.assert(
    fc.property(fc.array(fc.tuple(bytes(32), bytes(16)), { minLength: 1, maxLength: 40 }), (pairs) => {
      const keys = pairs.map(([key]) => key);
      const blocks = pairs.map(([, block]) => block);
      expect(encrypt(one, keys, blocks)).toEqual(encrypt(other, keys, blocks));
    }),
  );
});

it('createLanes takes WebAssembly where it can and node:crypto where it cannot', () => {
  const known = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly');
  expect(createLanes(BYTES).start).toBe(fast().start);
  try {
    Object.defineProperty(globalThis, 'WebAssembly', { value: undefined, configurable: true, writable: true });
    expect(wasmLanes(BYTES)).toBeUndefined();
    expect(createLanes(BYTES).memory).toHaveLength(BYTES);
  } finally {
    if (known !== undefined) Object.defineProperty(globalThis, 'WebAssembly', known);
  }
});
