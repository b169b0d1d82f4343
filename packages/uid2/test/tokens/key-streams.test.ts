import { randomBytes as random } from 'node:crypto';

import { toHex } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { decryptGcm } from '../../src/tokens/gcm.ts';
import { sealStanding } from '../../src/tokens/standing-gcm.ts';
import { prepareSecret } from '../../src/tokens/token-key.ts';
import { sealedBy } from './sealed-by.ts';

/** Chance that notes how much of it was taken at a time. */
function chance(isUnordered: boolean): { randomBytes: RandomBytes; taken: number[] } {
  const taken: number[] = [];
  const randomBytes = (length: number): Uint8Array => {
    taken.push(length);
    return new Uint8Array(random(length));
  };
  return { randomBytes: Object.assign(randomBytes, { isUnordered }), taken };
}

/** Lengths of 1 to 1,024 bytes in no order. */
const lengths = Array.from({ length: 400 }, (_, i) => 1 + ((i * 211) % 1024));

describe('key streams made ahead', () => {
  it('are for one message each, whatever its length and key, and node:crypto opens it', () => {
    const { randomBytes } = chance(true);
    const keys = [1, 2, 3].map((byte) => prepareSecret(new Uint8Array(32).fill(byte)));
    const ivs = new Set<string>();
    for (const [i, length] of lengths.entries()) {
      const key = keys[i % 3] ?? prepareSecret(new Uint8Array(32));
      const plaintext = new Uint8Array(length).fill(i);
      const sealed = sealedBy(sealStanding, key, plaintext, randomBytes);
      expect(toHex(decryptGcm(key, sealed))).toBe(toHex(plaintext));
      ivs.add(toHex(sealed.subarray(0, 12)));
    }
    expect(ivs.size).toBe(lengths.length);
  });

  it('are few for a key that is hardly used, and at most sixteen', () => {
    const { randomBytes, taken } = chance(true);
    const key = prepareSecret(new Uint8Array(32).fill(4));
    for (let i = 0; i < 47; i += 1) sealedBy(sealStanding, key, new Uint8Array(40), randomBytes);
    expect(taken).toEqual([1, 2, 4, 8, 16, 16].map((count) => 12 * count));
  });

  it('take at most eight kilobytes for a key', () => {
    const { randomBytes, taken } = chance(true);
    const key = prepareSecret(new Uint8Array(32).fill(8));
    for (let i = 0; i < 21; i += 1) sealedBy(sealStanding, key, new Uint8Array(1024), randomBytes);
    expect(taken).toEqual([1, 2, 4, 7, 7].map((count) => 12 * count));
  });

  it('keep none of the memory in which randomness came', () => {
    const given: Uint8Array[] = [];
    const randomBytes = (length: number): Uint8Array => {
      const bytes = new Uint8Array(random(length));
      given.push(bytes);
      return bytes;
    };
    const key = prepareSecret(new Uint8Array(32).fill(9));
    for (let i = 0; i < 8; i += 1) {
      const sealed = sealedBy(sealStanding, key, new Uint8Array(40), Object.assign(randomBytes, { isUnordered: true }));
      expect(toHex(decryptGcm(key, sealed))).toBe('00'.repeat(40));
      for (const bytes of given) bytes.fill(0);
    }
    expect(given).toHaveLength(4);
  });

  it('give way when a message is longer', () => {
    const { randomBytes, taken } = chance(true);
    const key = prepareSecret(new Uint8Array(32).fill(5));
    for (const length of [40, 40, 400, 40]) {
      const plaintext = new Uint8Array(length).fill(length);
      expect(toHex(decryptGcm(key, sealedBy(sealStanding, key, plaintext, randomBytes)))).toBe(toHex(plaintext));
    }
    expect(taken).toEqual([12, 24, 48]);
  });

  it('are not made ahead of randomness in a known order, not even after other randomness', () => {
    const key = prepareSecret(new Uint8Array(32).fill(6));
    for (let i = 0; i < 10; i += 1) sealedBy(sealStanding, key, new Uint8Array(40), chance(true).randomBytes);
    const { randomBytes, taken } = chance(false);
    for (let i = 0; i < 3; i += 1) sealedBy(sealStanding, key, new Uint8Array(40), randomBytes);
    expect(taken).toEqual([12, 12, 12]);
    const iv = new Uint8Array(12).fill(9);
    expect(sealedBy(sealStanding, key, new Uint8Array(40), () => iv).subarray(0, 12)).toEqual(iv);
  });
});
