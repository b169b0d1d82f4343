import { concatBytes, fromBase64, fromHex, PlatformError, toBase64, toHex, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decryptCbc, encryptCbc } from '../../src/tokens/cbc.ts';
import { decryptGcm } from '../../src/tokens/gcm.ts';
import { decodeRefreshToken, encodeRefreshToken, type RefreshTokenFields } from '../../src/tokens/refresh-token.ts';
import {
  countingRandom,
  keySource,
  lowerScope,
  lowerType,
  scriptedRandom,
  thrownBy,
  tokenKey,
  vectorGroup,
  vectorsMissing,
} from '../operator-vectors.ts';

interface RefreshVector {
  version: 2 | 3;
  scope?: 'UID2' | 'EUID';
  identity_type?: 'Email' | 'Phone';
  created_ms: number;
  expires_ms: number;
  valid_till_ms?: number;
  site_id: number;
  privacy_bits: number;
  established_ms: number;
  first_level_hash_b64: string;
  refresh_key_id: number;
  refresh_key_b64: string;
  iv_hex: string;
  payload_hex: string;
  token_hex: string;
  token: string;
  token_length: number;
}

const KEY = tokenKey(102, new Uint8Array(32).fill(3));
const KEYS = keySource(KEY);
const INVALID = { code: 'REFRESH_TOKEN_INVALID', family: 'verification' };
const CORRUPT = { code: 'REFRESH_TOKEN_CORRUPT', family: 'malformed' };

const SAMPLE: RefreshTokenFields = {
  scope: 'euid',
  type: 'phone',
  createdMs: 1_800_000_000_000,
  expiresMs: 1_800_086_400_000,
  siteId: 123,
  publisherId: 0,
  clientKeyId: 0,
  privacyBits: 3,
  establishedMs: 1_700_000_000_000,
  firstLevelHash: new Uint8Array(32).fill(0xab),
};

function fieldsOf(vector: RefreshVector): RefreshTokenFields {
  return {
    scope: lowerScope(vector.scope ?? 'UID2'),
    type: lowerType(vector.identity_type ?? 'Email'),
    createdMs: vector.created_ms,
    expiresMs: vector.valid_till_ms ?? vector.expires_ms,
    siteId: vector.site_id,
    publisherId: 0,
    clientKeyId: 0,
    privacyBits: vector.privacy_bits,
    establishedMs: vector.established_ms,
    firstLevelHash: fromBase64(vector.first_level_hash_b64),
  };
}

function plain<T extends { firstLevelHash: Uint8Array }>(token: T) {
  return { ...token, firstLevelHash: toHex(token.firstLevelHash) };
}

describe.skipIf(vectorsMissing)('known answers', () => {
  const vectors = vectorGroup<RefreshVector>('refresh_token');

  it.each(vectors)('decodes version $version: $token', (vector) => {
    const key = tokenKey(vector.refresh_key_id, fromBase64(vector.refresh_key_b64));
    expect(plain(decodeRefreshToken(vector.token, keySource(key)))).toEqual({
      ...plain(fieldsOf(vector)),
      version: vector.version,
      refreshKeyId: vector.refresh_key_id,
    });
    const bytes = fromHex(vector.token_hex);
    expect(toBase64(bytes)).toBe(vector.token);
    expect(vector.token).toHaveLength(vector.token_length);
    const payload =
      vector.version === 3 ? decryptGcm(key.secret, bytes.subarray(6)) : decryptCbc(key.secret, bytes.subarray(29));
    expect(toHex(payload)).toBe(vector.payload_hex);
  });

  it.each(vectors.filter((vector) => vector.version === 3))('encodes $token', (vector) => {
    const key = tokenKey(vector.refresh_key_id, fromBase64(vector.refresh_key_b64));
    expect(encodeRefreshToken(fieldsOf(vector), key, scriptedRandom(vector.iv_hex))).toBe(vector.token);
  });
});

describe('encodeRefreshToken', () => {
  it('round-trips every field in 168 characters', () => {
    const ms = fc.nat(8_000_000_000_000);
    fc.assert(
      fc.property(
        fc.record({
          scope: fc.constantFrom('uid2' as const, 'euid' as const),
          type: fc.constantFrom('email' as const, 'phone' as const),
          createdMs: ms,
          expiresMs: ms,
          siteId: fc.integer(),
          publisherId: fc.maxSafeInteger(),
          clientKeyId: fc.integer(),
          privacyBits: fc.integer(),
          establishedMs: ms,
          firstLevelHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        }),
        (fields) => {
          const token = encodeRefreshToken(fields, KEY, countingRandom());
          expect(token).toHaveLength(168);
          expect(plain(decodeRefreshToken(token, KEYS))).toEqual({ ...plain(fields), version: 3, refreshKeyId: 102 });
        },
      ),
    );
  });
});

describe('decodeRefreshToken', () => {
  const token = encodeRefreshToken(SAMPLE, KEY, countingRandom());
  const bytes = fromBase64(token);
  const flipped = (bit: number) => {
    const changed = bytes.slice();
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return toBase64(changed);
  };

  it.each([
    ['an empty text', ''],
    ['text that is not Base64', 'not base64!'],
    ['the URL-safe alphabet', token.replaceAll('+', '-').replaceAll('/', '_').replace(/^A3/, 'A_')],
    ['an unknown version', toBase64(Uint8Array.of(3, 113, 0, 0, 0, 102))],
    ['a version 4 header', toBase64(Uint8Array.of(3, 128, 0, 0, 0, 102))],
  ])('calls %s invalid', (_name, text) => {
    expect(thrownBy(() => decodeRefreshToken(text, KEYS))).toMatchObject(INVALID);
  });

  it('calls an unknown key invalid', () => {
    expect(thrownBy(() => decodeRefreshToken(token, keySource()))).toMatchObject(INVALID);
  });

  it('calls a header that contradicts the sealed type byte invalid', () => {
    for (const bit of [2, 3, 4]) expect(thrownBy(() => decodeRefreshToken(flipped(bit), KEYS))).toMatchObject(INVALID);
  });

  it('calls every truncation that still shows version and key corrupt', () => {
    expect(thrownBy(() => decodeRefreshToken('Ag', KEYS))).toMatchObject(CORRUPT);
    for (let length = 2; length < bytes.length; length += 1) {
      expect(thrownBy(() => decodeRefreshToken(toBase64(bytes.subarray(0, length)), KEYS))).toMatchObject(CORRUPT);
    }
  });

  it('calls every flipped bit of the sealed part corrupt, and never decodes a flipped bit outside the free header bits', () => {
    for (let bit = 48; bit < bytes.length * 8; bit += 1) {
      expect(thrownBy(() => decodeRefreshToken(flipped(bit), KEYS))).toMatchObject(CORRUPT);
    }
    for (let bit = 8; bit < 48; bit += 1) {
      expect(thrownBy(() => decodeRefreshToken(flipped(bit), KEYS))).toBeInstanceOf(PlatformError);
    }
  });

  it('fails with our errors only for arbitrary bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.constantFrom<readonly number[]>([], [3, 112, 0, 0, 0, 102], [2]),
        (tail, head) => {
          const text = toBase64(concatBytes(Uint8Array.from(head), tail));
          expect(thrownBy(() => decodeRefreshToken(text, KEYS))).toBeInstanceOf(PlatformError);
        },
      ),
    );
  });

  describe('of version 2', () => {
    const version2 = (identity: Uint8Array) => {
      const header = fromHex(`02${'00'.repeat(24)}00000066`);
      return toBase64(concatBytes(header, encryptCbc(KEY.secret, identity, countingRandom())));
    };
    const identity = (length: number, text: string) =>
      concatBytes(
        Uint8Array.of(0, 0, 0, 9),
        Uint8Array.of(length >> 24, length >> 16, length >> 8, length),
        toUtf8(text),
      );

    it.each([
      ['a length beyond the end', identity(1000, 'QUJD')],
      ['a negative length', identity(-1, 'QUJD')],
      ['an identity that is not Base64', identity(4, '!!!!'.padEnd(40, 'x'))],
      ['an identity beyond ASCII', identity(2, `é${'x'.repeat(40)}`)],
    ])('calls %s invalid', (_name, plaintext) => {
      expect(thrownBy(() => decodeRefreshToken(version2(plaintext), KEYS))).toMatchObject(INVALID);
    });

    it('calls a cut-off tail and bad padding corrupt', () => {
      expect(thrownBy(() => decodeRefreshToken(version2(identity(4, 'QUJD')), KEYS))).toMatchObject(CORRUPT);
      expect(thrownBy(() => decodeRefreshToken(version2(new Uint8Array(3)), KEYS))).toMatchObject(CORRUPT);
      const token = fromBase64(version2(identity(4, 'QUJD')));
      expect(thrownBy(() => decodeRefreshToken(toBase64(token.subarray(0, -1)), KEYS))).toMatchObject(CORRUPT);
    });

    it('fails with our errors only for arbitrary plaintext', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 40 }), (plaintext) => {
          try {
            decodeRefreshToken(version2(plaintext), KEYS);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(PlatformError);
          }
        }),
      );
    });
  });
});
