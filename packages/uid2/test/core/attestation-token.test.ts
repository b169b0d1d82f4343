import { fromHex, toHex, VerificationError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  attestationTokenExpiry,
  createAttestationToken,
  deriveAttestationTokenKey,
  verifyAttestationToken,
} from '../../src/core/attestation-token.ts';
import { seededBytes } from '../fixed-random.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';

interface TokenVector {
  readonly passphrase: string;
  readonly salt: string;
  readonly derived_key_hex: string;
  readonly plaintext: string;
  readonly iv_hex: string;
  readonly token: string;
  readonly validate: readonly { readonly user_token: string; readonly now: number; readonly valid: boolean }[];
}

interface CoreTestVector {
  readonly passphrase: string;
  readonly salt: string;
  readonly derived_key_hex: string;
  readonly user_token: string;
  readonly cases: readonly { readonly lifetime_seconds?: number; readonly present: string; readonly valid: boolean }[];
}

const NOW = 1_800_000_000;
const key = deriveAttestationTokenKey('passphrase', 'salt');
const random = seededBytes('token');

function isValid(token: string, operatorKey: string, tokenKey = key, nowSeconds = NOW): boolean {
  try {
    verifyAttestationToken(token, operatorKey, tokenKey, nowSeconds * 1000);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(VerificationError);
    return false;
  }
}

describe.skipIf(!hasVectors)('attestation tokens, known answers', () => {
  it('derives the key and makes the token of the worked example', () => {
    const vector = coreVector<TokenVector>('attestation-token');
    const tokenKey = deriveAttestationTokenKey(vector.passphrase, vector.salt);
    const [operatorKey = '', expiry = '', nonce = ''] = vector.plaintext.split(',');
    const nonceBytes = new Uint8Array(8);
    new DataView(nonceBytes.buffer).setBigInt64(0, BigInt(nonce));
    expect(toHex(tokenKey.export())).toBe(vector.derived_key_hex);
    const made = createAttestationToken(operatorKey, Number(expiry), tokenKey, (length) =>
      length === 8 ? nonceBytes : fromHex(vector.iv_hex),
    );
    expect(made).toBe(vector.token);
    for (const { user_token: user, now, valid } of vector.validate) {
      expect(isValid(vector.token, user, tokenKey, now)).toBe(valid);
    }
  });

  it('judges like the tests of the reference', () => {
    const vector = coreVector<CoreTestVector>('attestation-token-core-test');
    const tokenKey = deriveAttestationTokenKey(vector.passphrase, vector.salt);
    expect(toHex(tokenKey.export())).toBe(vector.derived_key_hex);
    for (const { lifetime_seconds: lifetime, present, valid } of vector.cases) {
      const expiry = lifetime === undefined ? NOW - 60 : attestationTokenExpiry(NOW * 1000, lifetime, random);
      const token = createAttestationToken(vector.user_token, expiry, tokenKey, random);
      expect(isValid(token, present, tokenKey)).toBe(valid);
    }
  });

  it('makes tokens of the shape seen in the field', () => {
    const vector = coreVector<{ token: string; iv_bytes: number }>('attestation-token-shape');
    const shape = /^[A-Za-z0-9+/]+=*-[A-Za-z0-9+/]{16}-g$/;
    expect(vector.token).toMatch(shape);
    expect(createAttestationToken('k', NOW, key, random)).toMatch(shape);
    expect(isValid(vector.token, 'k')).toBe(false);
  });
});

describe('verifyAttestationToken', () => {
  const token = createAttestationToken('operator key', NOW + 1, key, random);

  it('answers when the token runs out, and refuses it from that second on', () => {
    expect(verifyAttestationToken(token, 'operator key', key, NOW * 1000)).toBe(NOW + 1);
    expect(() => verifyAttestationToken(token, 'operator key', key, (NOW + 1) * 1000)).toThrow(
      expect.objectContaining({ code: 'CORE_ATTESTATION_TOKEN_EXPIRED' }),
    );
  });

  it('refuses another holder and another passphrase', () => {
    expect(() => verifyAttestationToken(token, 'operator keY', key, NOW * 1000)).toThrow(
      expect.objectContaining({ code: 'CORE_ATTESTATION_TOKEN_FOREIGN' }),
    );
    expect(isValid(token, 'operator key', deriveAttestationTokenKey('other', 'salt'))).toBe(false);
  });

  it('refuses every changed character', () => {
    for (let at = 0; at < token.length - 1; at++) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      // The last letter before padding may change only bits that Base64 does not use.
      if (Buffer.from(changed.split('-')[0] ?? '', 'base64').equals(Buffer.from(token.split('-')[0] ?? '', 'base64'))) {
        if (changed.split('-')[1] === token.split('-')[1]) continue;
      }
      expect(isValid(changed, 'operator key')).toBe(false);
    }
  });

  it('refuses every truncation', () => {
    for (let length = 0; length < token.length; length++) {
      expect(isValid(token.slice(0, length), 'operator key')).toBe(false);
    }
  });

  it('lets only VerificationError escape from any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aA1+/=-g '.split('')) }), (text) => {
        expect(isValid(text, 'operator key')).toBe(false);
      }),
    );
  });
});

describe('attestationTokenExpiry', () => {
  it('adds 300 to 599 seconds to the lifetime', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        const spread = attestationTokenExpiry(NOW * 1000 + 999, 7200, () => bytes) - NOW - 7200;
        expect(spread).toBeGreaterThanOrEqual(300);
        expect(spread).toBeLessThanOrEqual(599);
      }),
    );
  });
});
