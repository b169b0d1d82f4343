import { fromBase64, fromUtf8, toBase64, toHex, toUtf8, concatBytes, PlatformError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decryptGcm, encryptGcm } from '../../src/tokens/gcm.ts';
import { unwrapRefreshToken, wrapRefreshToken } from '../../src/tokens/refresh-token-wrapper.ts';
import {
  countingRandom,
  keySource,
  lowerScope,
  scriptedRandom,
  thrownBy,
  tokenKey,
  vectorGroup,
  vectorsMissing,
} from '../operator-vectors.ts';

interface WrapperVector {
  scope: 'UID2' | 'EUID';
  inner_refresh_token: string;
  refresh_response_key_b64: string;
  refresh_key_id: number;
  refresh_key_b64: string;
  iv_hex: string;
  plaintext_json: string;
  wrapped: string;
  wrapped_length: number;
}

const KEY = tokenKey(102, new Uint8Array(32).fill(3));
const KEYS = keySource(KEY);
const INNER = 'A3'.padEnd(168, 'x');

/** A wrapper around any payload text. */
const wrapperOf = (payload: string) =>
  toBase64(concatBytes(Uint8Array.of(0, 0, 0, 0, 102), encryptGcm(KEY.secret, toUtf8(payload), countingRandom())));

describe.skipIf(vectorsMissing)('known answers', () => {
  it.each(vectorGroup<WrapperVector>('refresh_token_wrapper'))('wraps and unwraps $inner_refresh_token', (vector) => {
    const key = tokenKey(vector.refresh_key_id, fromBase64(vector.refresh_key_b64));
    const responseKey = fromBase64(vector.refresh_response_key_b64);
    const random = scriptedRandom(toHex(responseKey), vector.iv_hex);
    expect(wrapRefreshToken(vector.inner_refresh_token, lowerScope(vector.scope), key, random)).toEqual({
      text: vector.wrapped,
      refreshResponseKey: vector.refresh_response_key_b64,
    });
    expect(vector.wrapped).toHaveLength(vector.wrapped_length);
    expect(fromUtf8(decryptGcm(key.secret, fromBase64(vector.wrapped).subarray(5)))).toBe(vector.plaintext_json);
    const opened = unwrapRefreshToken(vector.wrapped, keySource(key));
    expect(opened.refreshToken).toBe(vector.inner_refresh_token);
    expect(toBase64(opened.refreshResponseKey.export())).toBe(vector.refresh_response_key_b64);
  });
});

describe('wrapRefreshToken', () => {
  it('always makes 388 characters from 168, and refuses to make any other number', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 126, maxLength: 126 }), (bytes) => {
        const inner = toBase64(bytes);
        const wrapped = wrapRefreshToken(inner, 'uid2', KEY, countingRandom());
        expect(wrapped.text).toHaveLength(388);
        expect(unwrapRefreshToken(wrapped.text, KEYS).refreshToken).toBe(inner);
      }),
    );
    expect(thrownBy(() => wrapRefreshToken('short', 'uid2', KEY, countingRandom()))).toMatchObject({
      code: 'REFRESH_WRAPPER_LENGTH_INVALID',
    });
  });
});

describe('unwrapRefreshToken', () => {
  const { text } = wrapRefreshToken(INNER, 'euid', KEY, countingRandom());
  const bytes = fromBase64(text);

  it('does not look at the scope byte', () => {
    const changed = bytes.slice();
    changed[0] = 0xff;
    expect(unwrapRefreshToken(toBase64(changed), KEYS).refreshToken).toBe(INNER);
  });

  it.each([
    '{"refresh_response_key":"QUJD","refresh_token":"A3xx"}',
    '{ "refresh_token": "A3xx", "refresh_response_key": "QUJD" }',
    '{"refresh_response_key":"QUJD","refresh_token":"\\u00413xx","more":1}',
    '{"refresh_response_key":"!","refresh_response_key":"QUJD","refresh_token":"A3xx"}',
  ])('reads a payload however its JSON is written: %s', (payload) => {
    const { refreshToken, refreshResponseKey } = unwrapRefreshToken(wrapperOf(payload), KEYS);
    expect([refreshToken, refreshResponseKey.export().toString()]).toEqual(['A3xx', 'ABC']);
  });

  it('says which key is unknown', () => {
    expect(thrownBy(() => unwrapRefreshToken(text, keySource()))).toMatchObject({
      code: 'REFRESH_WRAPPER_KEY_UNKNOWN',
      details: { keyId: 102 },
    });
  });

  it.each([
    ['text that is not Base64', `${text.slice(0, -1)}!`, 'REFRESH_WRAPPER_BASE64_INVALID'],
    ['a payload that is not JSON', wrapperOf('{'), 'REFRESH_WRAPPER_PAYLOAD_INVALID'],
    ['a payload that is no object', wrapperOf('[]'), 'REFRESH_WRAPPER_PAYLOAD_INVALID'],
    ['a payload without response key', wrapperOf('{"refresh_token":"x"}'), 'REFRESH_WRAPPER_PAYLOAD_INVALID'],
    [
      'a response key that is not Base64',
      wrapperOf('{"refresh_response_key":"!","refresh_token":"x"}'),
      'REFRESH_WRAPPER_PAYLOAD_INVALID',
    ],
    ['a payload without refresh token', wrapperOf('{"refresh_response_key":"QUJD"}'), 'REFRESH_TOKEN_INVALID'],
  ])('refuses %s', (_name, wrapped, code) => {
    expect(thrownBy(() => unwrapRefreshToken(wrapped, KEYS))).toMatchObject({ code });
  });

  it('refuses every flipped bit behind the header and every truncation', () => {
    for (let bit = 40; bit < bytes.length * 8; bit += 1) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(thrownBy(() => unwrapRefreshToken(toBase64(changed), KEYS))).toMatchObject({
        code: 'REFRESH_WRAPPER_DECRYPTION_FAILED',
      });
    }
    for (let length = 0; length < bytes.length; length += 1) {
      expect(thrownBy(() => unwrapRefreshToken(toBase64(bytes.subarray(0, length)), KEYS))).toBeInstanceOf(
        PlatformError,
      );
    }
  });
});
