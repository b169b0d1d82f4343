import { createHmac, generateKeyPairSync } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { deriveDiskKey } from '../src/index.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }) as {
  kty: string;
  d: string;
};

/** HKDF (RFC 5869) for 32 bytes, spelled out. */
function hkdf(secret: Uint8Array, salt: Uint8Array, label: string): Uint8Array {
  const hmac = (key: Uint8Array, ...data: readonly Uint8Array[]): Buffer =>
    createHmac('sha256', key).update(Buffer.concat(data)).digest();
  const extracted = hmac(salt.length === 0 ? new Uint8Array(32) : salt, secret);
  return new Uint8Array(hmac(extracted, Buffer.from(label), Uint8Array.of(1)));
}

describe('deriveDiskKey', () => {
  it('takes a symmetric key of 32 bytes as it is, and no other length', () => {
    const key = new Uint8Array(32).fill(7);
    expect(deriveDiskKey({ kty: 'oct', k: Buffer.from(key).toString('base64url') })).toEqual(key);
    expect(() => deriveDiskKey({ kty: 'oct', k: 'AAAA' })).toThrowError(
      expect.objectContaining({ code: 'DISK_KEY_UNUSABLE' }),
    );
  });

  it('puts the private exponent of an RSA key through HKDF with SHA-256', () => {
    const exponent = new Uint8Array(Buffer.from(rsa.d, 'base64url'));
    const salt = new Uint8Array(32).fill(9);
    expect(deriveDiskKey(rsa, { salt, label: 'volume' })).toEqual(hkdf(exponent, salt, 'volume'));
    expect(deriveDiskKey(rsa)).toEqual(hkdf(exponent, new Uint8Array(), 'Symmetric Encryption Key'));
  });

  it('derives the same from an exponent written with leading zeros', () => {
    const padded = Buffer.concat([Buffer.alloc(3), Buffer.from(rsa.d, 'base64url')]).toString('base64url');
    expect(deriveDiskKey({ ...rsa, d: padded })).toEqual(deriveDiskKey(rsa));
  });

  it('refuses elliptic keys and keys without a private part', () => {
    for (const jwk of [{ kty: 'EC', d: 'AAAA' }, { kty: 'RSA' }, { kty: 'RSA', d: 'AAAA' }, {}])
      expect(() => deriveDiskKey(jwk)).toThrowError(expect.objectContaining({ code: 'DISK_KEY_UNUSABLE' }));
  });
});
