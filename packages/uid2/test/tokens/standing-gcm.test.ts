import { fromHex, toHex, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { decryptGcm, encryptGcm, GCM_OVERHEAD } from '../../src/tokens/gcm.ts';
import { decryptStanding, sealStanding } from '../../src/tokens/standing-gcm.ts';
import { prepareSecret } from '../../src/tokens/token-key.ts';
import { thrownBy } from '../operator-vectors.ts';
import { sealedBy } from './sealed-by.ts';

const KEY = prepareSecret(new Uint8Array(32).fill(7));

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const zeros = (length: number): Uint8Array => new Uint8Array(length);

// Source: McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13 and 14.
it.each([
  ['', '530f8afbc74536b9a963b4f1c4cb738b'],
  ['00'.repeat(16), 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919'],
])('sealStanding answers the published ciphertext and tag of "%s" under the key of zeros', (plaintext, expected) => {
  const sealed = sealedBy(sealStanding, prepareSecret(zeros(32)), fromHex(plaintext), zeros);
  expect(toHex(sealed)).toBe('00'.repeat(12) + expected);
});

describe('sealStanding and decryptStanding', () => {
  it('agree with AES-GCM of node:crypto for every key, IV and plaintext, below and above the longest message', () => {
    fc.assert(
      fc.property(bytes(32), bytes(12), fc.uint8Array({ maxLength: 1200, size: 'max' }), (secret, iv, plaintext) => {
        const key = prepareSecret(secret);
        const sealed = encryptGcm(key, plaintext, () => iv);
        expect(toHex(sealedBy(sealStanding, key, plaintext, () => iv))).toBe(toHex(sealed));
        expect(toHex(decryptStanding(key, sealed))).toBe(toHex(plaintext));
      }),
    );
  });

  it('agree with AES-GCM of node:crypto for every length', () => {
    for (let length = 0; length <= 1060; length += 1) {
      const plaintext = Uint8Array.from({ length }, (_, i) => i * 31 + length);
      const sealed = encryptGcm(KEY, plaintext, zeros);
      expect(toHex(sealedBy(sealStanding, KEY, plaintext, zeros))).toBe(toHex(sealed));
      expect(toHex(decryptStanding(KEY, sealed))).toBe(toHex(plaintext));
    }
  });

  it('agree with AES-GCM of node:crypto for a thousand keys, so that every product of half bytes occurs', () => {
    for (let i = 0; i < 1000; i += 1) {
      const secret = Uint8Array.from({ length: 32 }, (_, at) => i >> (8 * (at & 1)));
      const plaintext = new Uint8Array(48).fill(i);
      const key = prepareSecret(secret);
      expect(toHex(sealedBy(sealStanding, key, plaintext, zeros))).toBe(toHex(encryptGcm(key, plaintext, zeros)));
    }
  });

  it('keep the keys apart', () => {
    const keys = [1, 2, 1].map((byte) => prepareSecret(new Uint8Array(32).fill(byte)));
    const sealed = keys.map((key) => toHex(sealedBy(sealStanding, key, toUtf8('attack at dawn'), zeros)));
    expect(sealed[0]).toBe(sealed[2]);
    expect(sealed[0]).not.toBe(sealed[1]);
  });

  it('take keys of all AES lengths and refuse others', () => {
    for (const size of [16, 24, 32]) {
      const key = prepareSecret(new Uint8Array(size));
      expect(toHex(decryptStanding(key, sealedBy(sealStanding, key, Uint8Array.of(5), zeros)))).toBe('05');
    }
    const key = prepareSecret(new Uint8Array(20));
    expect(thrownBy(() => sealedBy(sealStanding, key, zeros(1), zeros))).toMatchObject({
      code: 'CIPHER_KEY_LENGTH_INVALID',
    });
    expect(thrownBy(() => decryptStanding(key, zeros(40)))).toMatchObject({ code: 'CIPHER_KEY_LENGTH_INVALID' });
  });
});

describe('decryptStanding', () => {
  const sealed = sealedBy(sealStanding, KEY, toUtf8('attack at dawn, not at dusk'), zeros);

  it('refuses every flipped bit', () => {
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Uint8Array.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(thrownBy(() => decryptStanding(KEY, changed))).toMatchObject({ code: 'CIPHER_AUTHENTICATION_FAILED' });
    }
    expect(toHex(decryptStanding(KEY, sealed))).toBe(toHex(toUtf8('attack at dawn, not at dusk')));
  });

  it('refuses every truncation and another key', () => {
    for (let length = 0; length < sealed.length; length += 1) {
      expect(thrownBy(() => decryptStanding(KEY, sealed.subarray(0, length)))).toMatchObject({
        code: length < GCM_OVERHEAD ? 'CIPHER_MESSAGE_TRUNCATED' : 'CIPHER_AUTHENTICATION_FAILED',
      });
    }
    expect(thrownBy(() => decryptStanding(prepareSecret(zeros(32)), sealed))).toMatchObject({
      code: 'CIPHER_AUTHENTICATION_FAILED',
    });
  });
});

describe('where a runtime has no vectors in WebAssembly', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  it('sealStanding and decryptStanding go through node:crypto', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    vi.resetModules();
    const plain = await import('../../src/tokens/standing-gcm.ts');
    const sealed = sealedBy(plain.sealStanding, KEY, toUtf8('x'), zeros);
    expect(toHex(decryptGcm(KEY, sealed))).toBe('78');
    expect(toHex(plain.decryptStanding(KEY, sealed))).toBe('78');
  });
});
