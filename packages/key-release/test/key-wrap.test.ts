import { createCipheriv, generateKeyPairSync, randomBytes } from 'node:crypto';

import { fromHex, toHex } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { aesKeyUnwrapPad, aesKeyWrapPad, unwrapKeyMaterial, wrapKeyMaterial } from '../src/index.ts';
import type { KeyWrapAlgorithm } from '../src/index.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const FAILED = expect.objectContaining({ code: 'KEY_UNWRAP_FAILED', message: 'the wrapped key cannot be unwrapped' });

/** AES key wrap (RFC 3394) under an initial value of one's own, so that what it protects can be wrong in one thing. */
function wrapRaw(kek: Uint8Array, initial: string, padded: string): Uint8Array {
  const blocks: Buffer[] = (padded.match(/.{16}/g) ?? []).map((hex) => Buffer.from(hex, 'hex'));
  const encrypt = (left: Buffer, right: Buffer): Buffer => {
    const cipher = createCipheriv(`aes-${kek.length * 8}-ecb`, kek, null).setAutoPadding(false);
    return Buffer.concat([cipher.update(Buffer.concat([left, right])), cipher.final()]);
  };
  let a: Buffer = Buffer.from(initial, 'hex');
  const [only] = blocks;
  if (only !== undefined && blocks.length === 1) return new Uint8Array(encrypt(a, only));
  for (let round = 0; round < 6; round++) {
    for (const [index, block] of blocks.entries()) {
      const output = encrypt(a, block);
      const step = Buffer.alloc(8);
      step.writeUInt32BE(blocks.length * round + index + 1, 4);
      a = Buffer.from(output.subarray(0, 8).map((byte, at) => byte ^ (step[at] ?? 0)));
      blocks[index] = output.subarray(8);
    }
  }
  return new Uint8Array(Buffer.concat([a, ...blocks]));
}

describe('aesKeyWrapPad and aesKeyUnwrapPad', () => {
  const kek = fromHex('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8');

  it.each([
    ['c37b7e6492584340bed12207808941155068f738', '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a'],
    ['466f7250617369', 'afbeb0f07dfbf5419200f2ccb50bb24f'],
  ])('agree with RFC 5649 on %s', (plaintext, ciphertext) => {
    expect(toHex(aesKeyWrapPad(kek, fromHex(plaintext)))).toBe(ciphertext);
    expect(toHex(aesKeyUnwrapPad(kek, fromHex(ciphertext)))).toBe(plaintext);
  });

  it('return what was wrapped, for every length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.constantFrom(16, 24, 32), (bytes, size) => {
        const key = random(size);
        expect(toHex(aesKeyUnwrapPad(key, aesKeyWrapPad(key, bytes)))).toBe(toHex(bytes));
      }),
    );
  });

  it('refuse one flipped bit, every truncation and nothing at all with the same error', () => {
    const wrapped = aesKeyWrapPad(kek, random(20));
    for (let bit = 0; bit < wrapped.length * 8; bit++) {
      const flipped = Uint8Array.from(wrapped);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => aesKeyUnwrapPad(kek, flipped)).toThrow(FAILED);
    }
    for (let length = 0; length < wrapped.length; length++) {
      expect(() => aesKeyUnwrapPad(kek, wrapped.subarray(0, length))).toThrow(FAILED);
    }
  });

  it.each([
    ['a key of 20 bytes', 'a65959a600000014', 'ok'],
    ['another initial value', 'a65959a700000014', 'refused'],
    ['a length of 0', 'a65959a600000000', 'refused'],
    ['a length one block too small', 'a65959a600000010', 'refused'],
    ['a length one block too large', 'a65959a600000019', 'refused'],
    ['a length that reaches into the padding', 'a65959a600000015', 'ok'],
    ['a length that counts padding which is not zero', 'a65959a600000013', 'refused'],
  ])('judge the block after decryption: %s', (_what, initial, outcome) => {
    const wrapped = wrapRaw(kek, initial, `${'11'.repeat(20)}00000000`);
    if (outcome === 'ok') expect(aesKeyUnwrapPad(kek, wrapped).length).toBe(Number.parseInt(initial.slice(8), 16));
    else expect(() => aesKeyUnwrapPad(kek, wrapped)).toThrow(FAILED);
  });

  it('judge a single block in the same way', () => {
    expect(toHex(aesKeyUnwrapPad(kek, wrapRaw(kek, 'a65959a600000007', '466f725061736900')))).toBe('466f7250617369');
    for (const initial of ['a65959a600000000', 'a65959a600000009', '065959a600000007', 'a65959a600000006'])
      expect(() => aesKeyUnwrapPad(kek, wrapRaw(kek, initial, '466f725061736900'))).toThrow(FAILED);
  });

  it('do not wrap nothing, nor under a key of another size', () => {
    expect(() => aesKeyWrapPad(kek, new Uint8Array())).toThrow(expect.objectContaining({ code: 'KEY_WRAP_INVALID' }));
    expect(() => aesKeyWrapPad(random(20), random(8))).toThrow(expect.objectContaining({ code: 'KEY_WRAP_INVALID' }));
  });
});

describe('wrapKeyMaterial and unwrapKeyMaterial', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const material = random(1200);

  it.each<KeyWrapAlgorithm>(['CKM_RSA_AES_KEY_WRAP', 'RSA_AES_KEY_WRAP_256', 'RSA_AES_KEY_WRAP_384'])(
    'return the material with %s',
    (algorithm) => {
      const ciphertext = wrapKeyMaterial({ publicKey, material, algorithm, random });
      expect(ciphertext).toHaveLength(256 + 1208);
      expect(toHex(unwrapKeyMaterial({ privateKey, ciphertext, algorithm }))).toBe(toHex(material));
    },
  );

  it('refuse every wrong ciphertext with the same error', () => {
    const algorithm = 'CKM_RSA_AES_KEY_WRAP';
    const ciphertext = wrapKeyMaterial({ publicKey, material, algorithm, random });
    const flip = (at: number): Uint8Array => ciphertext.with(at, (ciphertext[at] ?? 0) ^ 1);
    for (const wrong of [
      new Uint8Array(),
      ciphertext.subarray(0, 255),
      ciphertext.subarray(0, 256),
      ciphertext.subarray(0, 264),
      ciphertext.subarray(0, -1),
      ciphertext.subarray(0, -8),
      flip(3),
      flip(300),
      flip(ciphertext.length - 1),
    ]) {
      expect(() => unwrapKeyMaterial({ privateKey, ciphertext: wrong, algorithm })).toThrow(FAILED);
    }
    expect(() => unwrapKeyMaterial({ privateKey, ciphertext, algorithm: 'RSA_AES_KEY_WRAP_256' })).toThrow(FAILED);
  });

  it('want an RSA key of 2048 bits', () => {
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    for (const key of [small, curve]) {
      expect(() => wrapKeyMaterial({ publicKey: key, material, algorithm: 'CKM_RSA_AES_KEY_WRAP', random })).toThrow(
        expect.objectContaining({ code: 'KEY_WRAP_INVALID' }),
      );
    }
  });
});
