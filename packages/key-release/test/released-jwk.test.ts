import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { fromBase64Url, toBase64Url } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { releasedJwk } from '../src/index.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const pkcs8 = (key: KeyObject): Uint8Array => key.export({ format: 'der', type: 'pkcs8' });
const { n, e } = rsa.publicKey.export({ format: 'jwk' }) as { n: string; e: string };
const { x, y } = curve.publicKey.export({ format: 'jwk' }) as { x: string; y: string };
const MISMATCH = expect.objectContaining({ code: 'RELEASED_KEY_MISMATCH' });

describe('releasedJwk', () => {
  it('makes an RSA key, members in alphabetical order, operations copied', () => {
    const jwk = releasedJwk(pkcs8(rsa.privateKey), { kty: 'RSA-HSM', n, e, key_ops: ['decrypt'] });
    expect(Object.keys(jwk)).toEqual(['d', 'dp', 'dq', 'e', 'key_ops', 'kty', 'n', 'p', 'q', 'qi']);
    expect(jwk).toEqual({ ...rsa.privateKey.export({ format: 'jwk' }), key_ops: ['decrypt'] });
  });

  it('compares the exponent as a number', () => {
    expect(releasedJwk(pkcs8(rsa.privateKey), { kty: 'RSA', n, e: 'AAEAAQ', key_ops: [] })).toMatchObject({
      e: 'AQAB',
    });
  });

  it('makes an EC key and a symmetric one', () => {
    expect(releasedJwk(pkcs8(curve.privateKey), { kty: 'EC-HSM', crv: 'P-384', x, y })).toEqual(
      curve.privateKey.export({ format: 'jwk' }),
    );
    expect(releasedJwk(Uint8Array.of(1, 2, 3), { kty: 'oct-HSM' })).toEqual({ k: 'AQID', kty: 'oct' });
  });

  it('refuses another public part, another kind of key, and what is no key', () => {
    const other = toBase64Url(fromBase64Url(n).with(9, 0));
    expect(() => releasedJwk(pkcs8(rsa.privateKey), { kty: 'RSA', n: other, e })).toThrow(MISMATCH);
    expect(() => releasedJwk(pkcs8(rsa.privateKey), { kty: 'RSA' })).toThrow(MISMATCH);
    expect(() => releasedJwk(pkcs8(curve.privateKey), { kty: 'RSA', n, e })).toThrow(MISMATCH);
    expect(() => releasedJwk(pkcs8(curve.privateKey), { kty: 'EC', crv: 'P-256', x, y })).toThrow(MISMATCH);
    expect(() => releasedJwk(Uint8Array.of(1), { kty: 'EC', crv: 'P-384', x, y })).toThrow(MISMATCH);
    expect(() => releasedJwk(Uint8Array.of(1), { kty: 'OKP' })).toThrow(
      expect.objectContaining({ code: 'RELEASED_KEY_UNSUPPORTED' }),
    );
  });
});
