import { createSecretKey, randomBytes } from 'node:crypto';

import { fromBase64, fromHex, PlatformError, RequestError, toBase64, toHex, toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeRequestEnvelope, parseRequestEnvelope, readRequestBody } from '../../src/envelope/request-envelope.ts';
import type { EnvelopeContext } from '../../src/envelope/request-envelope.ts';
import { fixedBytes, seededBytes } from '../fixed-random.ts';
import { hasVectors, operatorGroup } from '../uid2-vectors.ts';

interface RequestCase {
  readonly client_secret_b64?: string;
  readonly now_ms?: number;
  readonly envelope_b64?: string;
  readonly content_type?: string;
  readonly body?: string | null;
  readonly body_utf8?: string;
  readonly body_hex?: string;
  readonly expect?: string;
  readonly expect_error?: string;
  readonly timestamp_ms?: number;
  readonly nonce_hex?: string;
  readonly iv_hex?: string;
  readonly payload?: string;
  readonly source: string;
}

const NOW = 1_800_000_000_000;
const key = createSecretKey(fromHex('11'.repeat(32)));
const nonce = fromHex('0102030405060708');
const context: EnvelopeContext = { key, nowMs: NOW, scope: 'uid2' };

function envelope(json?: string, nowMs = NOW): Uint8Array {
  return encodeRequestEnvelope({ nowMs, nonce, ...(json === undefined ? {} : { json }) }, key, seededBytes('iv'));
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof PlatformError) return error.code;
    throw error;
  }
  return undefined;
}

describe.skipIf(!hasVectors)('readRequestBody, known answers', () => {
  it.each(operatorGroup<RequestCase>('request_envelope').map((entry, index) => [index, entry.source, entry] as const))(
    'gives the documented outcome of request_envelope[%i] (%s)',
    (_index, _source, entry) => {
      const secret = entry.client_secret_b64 === undefined ? randomBytes(32) : fromBase64(entry.client_secret_b64);
      const text = entry.envelope_b64 ?? entry.body_utf8 ?? entry.body ?? undefined;
      const body =
        entry.body_hex !== undefined ? fromHex(entry.body_hex) : text === undefined ? undefined : toUtf8(text);
      const type =
        entry.content_type === 'text' || entry.content_type === undefined ? 'text/plain' : entry.content_type;
      const read = (): unknown =>
        readRequestBody(type, body, { key: createSecretKey(secret), nowMs: entry.now_ms ?? NOW, scope: 'uid2' });
      if (entry.expect_error !== undefined) {
        expect(read).toThrow(RequestError);
        expect(read).toThrow(expect.objectContaining({ message: entry.expect_error }));
        return;
      }
      expect(entry.expect).toBe('valid');
      const result = readRequestBody(type, body, {
        key: createSecretKey(secret),
        nowMs: entry.now_ms ?? NOW,
        scope: 'uid2',
      });
      expect(result.mode).toBe('text');
      if (entry.timestamp_ms !== undefined) expect(result.requestTimeMs).toBe(entry.timestamp_ms);
      if (entry.nonce_hex !== undefined) expect(toHex(result.nonce)).toBe(entry.nonce_hex);
      if (entry.payload !== undefined) expect(result.payload).toEqual(JSON.parse(entry.payload));
      if (entry.iv_hex !== undefined && entry.payload !== undefined) {
        const made = encodeRequestEnvelope(
          { nowMs: entry.timestamp_ms ?? 0, nonce: fromHex(entry.nonce_hex ?? ''), json: entry.payload },
          createSecretKey(secret),
          fixedBytes(fromHex(entry.iv_hex)),
        );
        expect(toBase64(made)).toBe(entry.envelope_b64);
      }
    },
  );

  it.each(operatorGroup<{ request_timestamp_minus_now_ms: number; accepted: boolean }>('request_envelope_clock'))(
    'judges a request made $request_timestamp_minus_now_ms ms from now: accepted $accepted',
    ({ request_timestamp_minus_now_ms: ahead, accepted }) => {
      const code = codeOf(() => parseRequestEnvelope(envelope('{}', NOW + ahead), context));
      expect(code).toBe(accepted ? undefined : 'ENVELOPE_CLOCK_DRIFT');
    },
  );
});

describe('parseRequestEnvelope', () => {
  it('opens what encodeRequestEnvelope seals', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (payload) => {
        const text = JSON.stringify(payload);
        expect(parseRequestEnvelope(envelope(text), context)).toEqual({
          requestTimeMs: NOW,
          nonce,
          payload: JSON.parse(text) as unknown,
        });
      }),
    );
  });

  it('has a null payload when nothing follows the nonce', () => {
    expect(parseRequestEnvelope(envelope(), context).payload).toBeNull();
  });

  it.each(['[]', '1', '{', 'null', ' '])('refuses the payload %j', (json) => {
    expect(codeOf(() => parseRequestEnvelope(envelope(json), context))).toBe('ENVELOPE_PAYLOAD_INVALID');
  });

  it('refuses every truncation', () => {
    const whole = envelope('{"email":"a@b.c"}');
    for (let length = 0; length < whole.length; length++) {
      const code = codeOf(() => parseRequestEnvelope(whole.subarray(0, length), context));
      expect(code).toBe(
        length === 0 ? 'ENVELOPE_MISSING' : length < 45 ? 'ENVELOPE_TOO_SHORT' : 'ENVELOPE_KEY_MISMATCH',
      );
    }
  });

  it('refuses every single flipped bit', () => {
    const whole = envelope('{"email":"a@b.c"}');
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const changed = Uint8Array.from(whole);
      changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      const code = codeOf(() => parseRequestEnvelope(changed, context));
      expect(code).toBe(bit < 8 ? 'ENVELOPE_VERSION_UNKNOWN' : 'ENVELOPE_KEY_MISMATCH');
    }
  });

  it('refuses a time at either end of the range', () => {
    for (const extreme of [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]) {
      expect(codeOf(() => parseRequestEnvelope(envelope('{}', extreme), context))).toBe('ENVELOPE_CLOCK_DRIFT');
    }
  });

  it('names the EUID site in EUID scope', () => {
    expect(() => parseRequestEnvelope(new Uint8Array(5), { ...context, scope: 'euid' })).toThrow(
      'Invalid body: Body too short. Check encryption method. See https://euid.eu/docs/getting-started/gs-encryption-decryption for details on the request envelope format.',
    );
  });

  it('lets only RequestError escape from any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => parseRequestEnvelope(bytes, context)).toThrow(RequestError);
      }),
    );
  });
});

describe('readRequestBody', () => {
  const sealed = envelope('{"a":1}');
  const text = toUtf8(toBase64(sealed));

  it('takes raw bytes under application/octet-stream in any case', () => {
    expect(readRequestBody('Application/Octet-Stream', sealed, context)).toMatchObject({ mode: 'binary' });
  });

  it('takes Base64 under application/octet-stream and then answers in text', () => {
    expect(readRequestBody('application/octet-stream', text, context)).toMatchObject({
      mode: 'text',
      payload: { a: 1 },
    });
  });

  it('treats application/octet-stream with a parameter as text', () => {
    const type = 'application/octet-stream; charset=utf-8';
    expect(readRequestBody(type, text, context).mode).toBe('text');
    expect(codeOf(() => readRequestBody(type, sealed, context))).toBe('ENVELOPE_NOT_BASE64');
  });

  it('takes Base64 under every other content type, and none', () => {
    for (const type of [undefined, '', 'text/plain', 'application/json', 'text/plain; charset="iso-8859-1"']) {
      expect(readRequestBody(type, text, context).mode).toBe('text');
    }
  });

  it('does not trim text', () => {
    expect(codeOf(() => readRequestBody('text/plain', toUtf8(`${toBase64(sealed)}\n`), context))).toBe(
      'ENVELOPE_NOT_BASE64',
    );
  });

  it('decodes text by its charset', () => {
    const utf16 = Uint8Array.from(Buffer.from(toBase64(sealed), 'utf16le'));
    expect(readRequestBody('text/plain; charset=utf-16le', utf16, context).payload).toEqual({ a: 1 });
    expect(codeOf(() => readRequestBody('text/plain; charset=klingon', text, context))).toBe(
      'ENVELOPE_CHARSET_UNKNOWN',
    );
  });

  it('counts a missing body, an empty body and a well-formed form as missing', () => {
    const form = toUtf8('--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--xx--\r\n');
    expect(codeOf(() => readRequestBody('text/plain', undefined, context))).toBe('ENVELOPE_MISSING');
    expect(codeOf(() => readRequestBody('text/plain', new Uint8Array(0), context))).toBe('ENVELOPE_MISSING');
    expect(codeOf(() => readRequestBody('application/octet-stream', undefined, context))).toBe('ENVELOPE_MISSING');
    expect(codeOf(() => readRequestBody('multipart/form-data; boundary=xx', form, context))).toBe('ENVELOPE_MISSING');
  });

  it('recognises unencrypted JSON, commented JSON included', () => {
    for (const type of ['text/plain', 'application/octet-stream']) {
      expect(codeOf(() => readRequestBody(type, toUtf8('{"email":"a@b.c" /* hi */}'), context))).toBe(
        'ENVELOPE_PLAIN_JSON',
      );
    }
  });
});
