import { fromBase64, fromHex, toBase64, toBase64Url, toHex, VerificationError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { asRawUid } from '../../src/raw-uid/raw-uid.ts';
import {
  decodeAdvertisingToken,
  encodeAdvertisingToken,
  type AdvertisingTokenFields,
} from '../../src/tokens/advertising-token.ts';
import { decryptCbc, encryptCbc } from '../../src/tokens/cbc.ts';
import { decryptGcm } from '../../src/tokens/gcm.ts';
import { prepareSecret } from '../../src/tokens/token-key.ts';
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

interface TokenVector {
  version: 2 | 4;
  token: string;
  token_hex?: string;
  token_length?: number;
  same_fields_as_v3_token?: string;
  master_key_id: number;
  master_key_b64?: string;
  master_key_hex?: string;
  site_key_id: number;
  site_key_b64?: string;
  site_key_hex?: string;
  scope?: 'UID2' | 'EUID';
  identity_type?: 'Email' | 'Phone';
  now_ms?: number;
  established_ms?: number;
  expires_ms?: number;
  site_id?: number;
  privacy_bits?: number;
  site_iv_hex?: string;
  master_iv_hex?: string;
  raw_uid_b64?: string;
  site_payload_hex?: string;
  master_payload_hex?: string;
  decoded?: {
    type_byte: string;
    expires_ms: number;
    created_ms: number;
    site_id: number;
    privacy_bits: number;
    established_ms: number;
    refreshed_ms: number;
    raw_uid_b64: string;
  };
}

const MASTER = tokenKey(101, new Uint8Array(32).fill(1));
const SITE = tokenKey(104, new Uint8Array(32).fill(2));
const KEYS = keySource(MASTER, SITE);
const CODE = { code: 'ADVERTISING_TOKEN_INVALID' };

function keysOf(vector: TokenVector) {
  const bytes = (hex?: string, base64?: string) => (hex === undefined ? fromBase64(base64 ?? '') : fromHex(hex));
  return {
    master: tokenKey(vector.master_key_id, bytes(vector.master_key_hex, vector.master_key_b64)),
    site: tokenKey(vector.site_key_id, bytes(vector.site_key_hex, vector.site_key_b64)),
  };
}

function fieldsOf(vector: TokenVector): AdvertisingTokenFields {
  const { decoded } = vector;
  return {
    // Without a version 3 or 4 raw UID the token counts as a UID2 e-mail.
    scope: lowerScope(vector.scope ?? 'UID2'),
    type: lowerType(vector.identity_type ?? 'Email'),
    siteId: decoded?.site_id ?? vector.site_id ?? Number.NaN,
    privacyBits: decoded?.privacy_bits ?? vector.privacy_bits ?? Number.NaN,
    createdMs: decoded?.created_ms ?? vector.now_ms ?? Number.NaN,
    expiresMs: decoded?.expires_ms ?? vector.expires_ms ?? Number.NaN,
    establishedMs: decoded?.established_ms ?? vector.established_ms ?? Number.NaN,
    refreshedMs: decoded?.refreshed_ms ?? vector.now_ms ?? Number.NaN,
    rawUid: asRawUid(fromBase64(decoded?.raw_uid_b64 ?? vector.raw_uid_b64 ?? '')),
  };
}

function withPlainRawUid<T extends { rawUid: Uint8Array }>(token: T) {
  return { ...token, rawUid: toHex(token.rawUid) };
}

const sample = (rawUidSize: 32 | 33 = 33): AdvertisingTokenFields => ({
  scope: 'euid',
  type: 'phone',
  siteId: 123,
  privacyBits: 1,
  createdMs: 1_800_000_000_000,
  expiresMs: 1_800_003_600_000,
  establishedMs: 1_700_000_000_000,
  refreshedMs: 1_800_000_000_000,
  rawUid: asRawUid(new Uint8Array(rawUidSize).fill(0x34)),
});

const encode = (fields: AdvertisingTokenFields) =>
  encodeAdvertisingToken(fields, { master: MASTER, site: SITE }, countingRandom());

describe.skipIf(vectorsMissing)('known answers', () => {
  const vectors = vectorGroup<TokenVector>('advertising_token');

  it.each(vectors)('decodes version $version of site key $site_key_id: $token', (vector) => {
    const { master, site } = keysOf(vector);
    const expected = {
      version: vector.version,
      ...withPlainRawUid(fieldsOf(vector)),
      masterKeyId: vector.master_key_id,
      siteKeyId: vector.site_key_id,
    };
    expect(withPlainRawUid(decodeAdvertisingToken(vector.token, keySource(master, site)))).toEqual(expected);
    if (vector.same_fields_as_v3_token === undefined) return;
    const v3 = decodeAdvertisingToken(vector.same_fields_as_v3_token, keySource(master, site));
    expect(withPlainRawUid(v3)).toEqual({ ...expected, version: 3 });
  });

  it.each(vectors.filter((vector) => vector.token_hex !== undefined))('encodes $token', (vector) => {
    const keys = keysOf(vector);
    const random = scriptedRandom(vector.site_iv_hex ?? '', vector.master_iv_hex ?? '');
    const token = encodeAdvertisingToken(fieldsOf(vector), keys, random);
    expect(token).toBe(vector.token);
    expect(token).toHaveLength(vector.token_length ?? 0);
    const bytes = fromHex(vector.token_hex ?? '');
    expect(toBase64Url(bytes)).toBe(token);
    const master = decryptGcm(keys.master.secret, bytes.subarray(6));
    expect(toHex(master)).toBe(vector.master_payload_hex);
    expect(toHex(decryptGcm(keys.site.secret, master.subarray(33)))).toBe(vector.site_payload_hex);
  });

  it.each(vectors.filter((vector) => vector.version === 2))('version 2 layers of $token', (vector) => {
    const keys = keysOf(vector);
    const master = decryptCbc(keys.master.secret, fromBase64(vector.token).subarray(5));
    expect(toHex(master)).toBe(vector.master_payload_hex);
    expect(toHex(decryptCbc(keys.site.secret, master.subarray(12)))).toBe(vector.site_payload_hex);
    expect(vector.token).toHaveLength(vector.token_length ?? 0);
  });

  it.each(
    vectorGroup<{
      scope: 'UID2' | 'EUID';
      identity_type: 'Email' | 'Phone';
      token_version: 3 | 4;
      type_byte_hex: string;
      version_byte: number;
      token_first_two_chars: string;
    }>('token_type_byte'),
  )('$scope $identity_type version $token_version starts with $token_first_two_chars', (vector) => {
    const [scope, type] = [lowerScope(vector.scope), lowerType(vector.identity_type)];
    const header = fromHex(vector.type_byte_hex)[0] ?? 0;
    const rawUid = asRawUid(new Uint8Array(33).fill(header & 0x14));
    const bytes = fromBase64UrlToken(encode({ ...sample(), scope, type, rawUid }));
    expect(bytes[0]).toBe(header);
    // Versions 3 and 4 differ in the version byte and the alphabet alone.
    bytes[1] = vector.version_byte;
    const token = vector.token_version === 4 ? toBase64Url(bytes) : toBase64(bytes);
    expect(token.slice(0, 2)).toBe(vector.token_first_two_chars);
    expect(decodeAdvertisingToken(token, KEYS)).toMatchObject({ version: vector.token_version, scope, type });
  });
});

function fromBase64UrlToken(token: string): Uint8Array {
  return new Uint8Array(Buffer.from(token, 'base64url'));
}

describe('encodeAdvertisingToken', () => {
  it('makes 218 characters for 32-byte and 219 for 33-byte raw UIDs', () => {
    expect(encode(sample(32))).toHaveLength(218);
    expect(encode(sample(33))).toHaveLength(219);
  });

  it('round-trips every field', () => {
    const ms = fc.nat(8_000_000_000_000);
    fc.assert(
      fc.property(
        fc.record({
          scope: fc.constantFrom('uid2' as const, 'euid' as const),
          type: fc.constantFrom('email' as const, 'phone' as const),
          siteId: fc.integer(),
          privacyBits: fc.integer(),
          createdMs: ms,
          expiresMs: ms,
          establishedMs: ms,
          refreshedMs: ms,
          tail: fc.uint8Array({ minLength: 32, maxLength: 32 }),
        }),
        ({ tail, ...facts }) => {
          const first = (facts.scope === 'uid2' ? 0 : 0x10) | (facts.type === 'email' ? 0 : 4) | 0x20;
          const fields = { ...facts, rawUid: asRawUid(Uint8Array.of(first, ...tail)) };
          const decoded = decodeAdvertisingToken(encode(fields), KEYS);
          expect(withPlainRawUid(decoded)).toEqual({
            ...withPlainRawUid(fields),
            version: 4,
            masterKeyId: 101,
            siteKeyId: 104,
          });
        },
      ),
    );
  });
});

describe('decodeAdvertisingToken', () => {
  const token = encode(sample());

  it('treats tokens with 32-byte raw UIDs as UID2 e-mails whatever their header says', () => {
    expect(decodeAdvertisingToken(encode(sample(32)), KEYS)).toMatchObject({ scope: 'uid2', type: 'email' });
  });

  it('tolerates correct padding of version 4 and refuses the standard alphabet there', () => {
    const padded = `${encode(sample(32))}==`;
    expect(decodeAdvertisingToken(padded, KEYS).siteId).toBe(123);
    const standard = toBase64(fromBase64UrlToken(token));
    expect(/[+/]/.test(standard)).toBe(true);
    expect(thrownBy(() => decodeAdvertisingToken(standard, KEYS))).toMatchObject(CODE);
  });

  it('refuses a raw UID whose own scope or type contradicts the header', () => {
    for (const first of [0x24, 0x30, 0x20, 0x38]) {
      const rawUid = asRawUid(new Uint8Array(33).fill(first));
      expect(thrownBy(() => decodeAdvertisingToken(encode({ ...sample(), rawUid }), KEYS))).toMatchObject(CODE);
    }
  });

  it('refuses unknown keys and keys of another secret', () => {
    const wrongSite = tokenKey(104, new Uint8Array(32).fill(9));
    for (const keys of [keySource(), keySource(MASTER), keySource(SITE), keySource(MASTER, wrongSite)]) {
      expect(thrownBy(() => decodeAdvertisingToken(token, keys))).toMatchObject(CODE);
    }
  });

  it('refuses every truncation and every flipped bit', () => {
    const bytes = fromBase64UrlToken(token);
    for (let length = 0; length < token.length; length += 1) {
      expect(thrownBy(() => decodeAdvertisingToken(token.slice(0, length), KEYS))).toMatchObject(CODE);
    }
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // The low two and high three bits of the header carry nothing and are not authenticated.
      if (bit < 8 && [0, 1, 5, 6, 7].includes(bit)) continue;
      expect(thrownBy(() => decodeAdvertisingToken(toBase64Url(changed), KEYS))).toMatchObject(CODE);
    }
  });

  it('says what is wrong with a token that was cut short, and what it is once', () => {
    expect(thrownBy(() => decodeAdvertisingToken('A4AAxx', KEYS))).toMatchObject({
      ...CODE,
      message: 'advertising token: ends after 4 bytes, expected 4 more at offset 2',
    });
  });

  it('fails with its own error for arbitrary texts and for arbitrary plaintext under known keys', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.string({ unit: 'binary' })), (text) => {
        expect(thrownBy(() => decodeAdvertisingToken(text, KEYS))).toBeInstanceOf(VerificationError);
      }),
    );
    const secret = prepareSecret(new Uint8Array(32).fill(1));
    fc.assert(
      fc.property(fc.uint8Array(), (plaintext) => {
        const header = Uint8Array.of(2, 0, 0, 0, 101);
        const text = toBase64(Buffer.concat([header, encryptCbc(secret, plaintext, countingRandom())]));
        expect(thrownBy(() => decodeAdvertisingToken(text, KEYS))).toMatchObject(CODE);
      }),
    );
  });
});
