import { createSecretKey } from 'node:crypto';

import { fromBase64, fromHex, MalformedError, PlatformError, toBase64, toHex, VerificationError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  decodeRefreshResponse,
  decodeResponseEnvelope,
  encodeRefreshResponse,
  encodeResponseEnvelope,
} from '../../src/envelope/response-envelope.ts';
import { fixedBytes, seededBytes } from '../fixed-random.ts';
import { hasVectors, operatorGroup } from '../uid2-vectors.ts';

interface ResponseCase {
  readonly client_secret_b64: string;
  readonly iv_hex?: string;
  readonly timestamp_ms: number;
  readonly nonce_hex: string;
  readonly json: string;
  readonly response_b64: string;
}

interface RefreshCase {
  readonly refresh_response_key_b64: string;
  readonly iv_hex?: string;
  readonly json: string;
  readonly response_b64: string;
}

const key = createSecretKey(fromHex('22'.repeat(32)));
const nonce = fromHex('0102030405060708');

describe.skipIf(!hasVectors)('response envelopes, known answers', () => {
  it.each(operatorGroup<ResponseCase>('response_envelope'))('opens and makes $json', (entry) => {
    const secret = createSecretKey(fromBase64(entry.client_secret_b64));
    const sealed = fromBase64(entry.response_b64);
    const opened = decodeResponseEnvelope(sealed, secret, fromHex(entry.nonce_hex));
    expect(opened.responseTimeMs).toBe(entry.timestamp_ms);
    expect(toHex(opened.nonce)).toBe(entry.nonce_hex);
    expect(opened.json).toBe(entry.json);
    const iv = entry.iv_hex === undefined ? sealed.subarray(0, 12) : fromHex(entry.iv_hex);
    const made = encodeResponseEnvelope(entry.json, opened.nonce, secret, entry.timestamp_ms, fixedBytes(iv));
    expect(toBase64(made)).toBe(entry.response_b64);
  });

  it.each(operatorGroup<RefreshCase>('refresh_response'))('opens and makes the refresh reply $json', (entry) => {
    const responseKey = createSecretKey(fromBase64(entry.refresh_response_key_b64));
    const sealed = fromBase64(entry.response_b64);
    expect(decodeRefreshResponse(sealed, responseKey).json).toBe(entry.json);
    const iv = entry.iv_hex === undefined ? sealed.subarray(0, 12) : fromHex(entry.iv_hex);
    expect(toBase64(encodeRefreshResponse(entry.json, responseKey, fixedBytes(iv)))).toBe(entry.response_b64);
  });
});

describe('decodeResponseEnvelope', () => {
  const sealed = encodeResponseEnvelope('{"status":"success"}', nonce, key, 1_800_000_000_000, seededBytes('r'));

  it('refuses a reply to another request', () => {
    expect(() => decodeResponseEnvelope(sealed, key, fromHex('ffffffffffffffff'))).toThrow(
      expect.objectContaining({ code: 'ENVELOPE_RESPONSE_MISMATCH' }),
    );
  });

  it('refuses every truncation and every flipped bit', () => {
    for (let length = 0; length < sealed.length; length++) {
      expect(() => decodeResponseEnvelope(sealed.subarray(0, length), key)).toThrow(VerificationError);
    }
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Uint8Array.from(sealed);
      changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => decodeResponseEnvelope(changed, key)).toThrow(VerificationError);
    }
  });

  it('refuses a sealed text that is no reply', () => {
    expect(() => decodeResponseEnvelope(encodeRefreshResponse('{}', key, seededBytes('x')), key)).toThrow(
      MalformedError,
    );
    const list = encodeResponseEnvelope('[]', nonce, key, 0, seededBytes('x'));
    expect(() => decodeResponseEnvelope(list, key)).toThrow(MalformedError);
  });

  it('lets only our errors escape from any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => decodeRefreshResponse(bytes, key)).toThrow(PlatformError);
      }),
    );
  });
});
