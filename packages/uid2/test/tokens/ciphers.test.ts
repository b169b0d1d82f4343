import { fromHex, fromUtf8, PlatformError, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decryptCbc, encryptCbc } from '../../src/tokens/cbc.ts';
import { decryptGcm, encryptGcm, GCM_OVERHEAD } from '../../src/tokens/gcm.ts';
import { prepareSecret } from '../../src/tokens/token-key.ts';
import { countingRandom, thrownBy, vectorGroup, vectorsMissing } from '../operator-vectors.ts';

interface AesVector {
  mode: 'GCM' | 'CBC/PKCS7';
  key_hex: string;
  iv_ct_tag_hex?: string;
  iv_ct_hex?: string;
  plaintext: string;
}

const KEY = prepareSecret(new Uint8Array(32).fill(7));

describe.skipIf(vectorsMissing)('known answers', () => {
  it.each(vectorGroup<AesVector>('aes'))('$mode decrypts "$plaintext"', (vector) => {
    const key = prepareSecret(fromHex(vector.key_hex));
    const plaintext =
      vector.mode === 'GCM'
        ? decryptGcm(key, fromHex(vector.iv_ct_tag_hex ?? ''))
        : decryptCbc(key, fromHex(vector.iv_ct_hex ?? ''));
    expect(fromUtf8(plaintext)).toBe(vector.plaintext);
  });
});

describe('encryptGcm', () => {
  it('round-trips every plaintext with and without additional data', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.option(fc.uint8Array(), { nil: undefined }), (plaintext, aad) => {
        const sealed = encryptGcm(KEY, plaintext, countingRandom(), aad);
        expect(sealed).toHaveLength(plaintext.length + GCM_OVERHEAD);
        expect(new Uint8Array(decryptGcm(KEY, sealed, aad))).toEqual(plaintext);
      }),
    );
  });

  it('takes keys of all AES lengths and refuses others', () => {
    for (const size of [16, 24, 32]) {
      const key = prepareSecret(new Uint8Array(size));
      expect(fromUtf8(decryptGcm(key, encryptGcm(key, toUtf8('x'), countingRandom())))).toBe('x');
    }
    const key = prepareSecret(new Uint8Array(20));
    expect(thrownBy(() => encryptGcm(key, toUtf8('x'), countingRandom()))).toMatchObject({
      code: 'CIPHER_KEY_LENGTH_INVALID',
    });
  });
});

describe('decryptGcm', () => {
  const sealed = encryptGcm(KEY, toUtf8('attack at dawn'), countingRandom(), toUtf8('aad'));

  it('refuses every flipped bit, every truncation, another key and other additional data', () => {
    const aad = toUtf8('aad');
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = sealed.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(thrownBy(() => decryptGcm(KEY, changed, aad))).toMatchObject({ code: 'CIPHER_AUTHENTICATION_FAILED' });
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(thrownBy(() => decryptGcm(KEY, sealed.subarray(0, length), aad))).toMatchObject({
        code: length < GCM_OVERHEAD ? 'CIPHER_MESSAGE_TRUNCATED' : 'CIPHER_AUTHENTICATION_FAILED',
      });
    }
    for (const action of [
      () => decryptGcm(prepareSecret(new Uint8Array(32)), sealed, aad),
      () => decryptGcm(KEY, sealed),
    ]) {
      expect(thrownBy(action)).toMatchObject({ code: 'CIPHER_AUTHENTICATION_FAILED' });
    }
  });
});

describe('decryptCbc', () => {
  it('round-trips every plaintext', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (plaintext) => {
        expect(decryptCbc(KEY, encryptCbc(KEY, plaintext, countingRandom()))).toEqual(plaintext);
      }),
    );
  });

  it('fails with our errors only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decryptCbc(KEY, bytes);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(PlatformError);
        }
      }),
    );
    expect(thrownBy(() => decryptCbc(KEY, new Uint8Array(16)))).toMatchObject({ code: 'CIPHER_MESSAGE_TRUNCATED' });
    expect(thrownBy(() => decryptCbc(prepareSecret(new Uint8Array(5)), new Uint8Array(32)))).toMatchObject({
      code: 'CIPHER_KEY_LENGTH_INVALID',
    });
  });
});
