import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';

import { fromBase64, PlatformError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { clientSideAdditionalData } from '../../src/client-side/additional-data.ts';
import {
  decodeClientSideResponse,
  encodeClientSideResponse,
  openClientSidePayload,
  sealClientSideRequest,
} from '../../src/client-side/client-side-exchange.ts';
import {
  agreeOnClientSideKey,
  generateClientSideKeys,
  importClientPublicKey,
  importClientSidePrivateKey,
} from '../../src/client-side/client-side-key.ts';
import { parseClientSideRequest } from '../../src/client-side/client-side-request.ts';
import type { ClientSideRequest } from '../../src/client-side/client-side-request.ts';
import { scriptedRandom, thrownBy, vectorGroup, vectorsMissing } from '../operator-vectors.ts';

interface RequestVector {
  readonly shared_secret_b64: string;
  readonly aad_utf8: string;
  readonly inner_json: string;
  readonly request_json: object;
}

interface ResponseVector {
  readonly shared_secret_b64: string;
  readonly iv_hex: string;
  readonly json: string;
  readonly response_body_b64: string;
}

const secretOf = (base64: string) => createSecretKey(Buffer.from(base64, 'base64'));

function open(key: ReturnType<typeof secretOf>, request: ClientSideRequest | null): string | undefined {
  if (request?.payload === undefined || request.iv === undefined) return undefined;
  const additionalData = clientSideAdditionalData(request.timestamp, request.appName);
  const plain = openClientSidePayload(key, fromBase64(request.iv), fromBase64(request.payload), additionalData);
  return plain === undefined ? undefined : Buffer.from(plain).toString('utf8');
}

describe.skipIf(vectorsMissing)('client-side exchange on known answers', () => {
  it.for([...vectorGroup<RequestVector>('cstg_request').entries()])('opens request %i', ([, vector]) => {
    const request = parseClientSideRequest(JSON.stringify(vector.request_json));
    const additionalData = clientSideAdditionalData(request?.timestamp ?? 0n, request?.appName);
    expect(Buffer.from(additionalData).toString('utf8')).toBe(vector.aad_utf8);
    expect(open(secretOf(vector.shared_secret_b64), request)).toBe(vector.inner_json);
  });

  it.for([...vectorGroup<ResponseVector>('cstg_response').entries()])('seals reply %i', ([, vector]) => {
    const key = secretOf(vector.shared_secret_b64);
    expect(encodeClientSideResponse(vector.json, key, scriptedRandom(vector.iv_hex))).toBe(vector.response_body_b64);
    expect(decodeClientSideResponse(vector.response_body_b64, key)).toEqual(JSON.parse(vector.json));
  });
});

describe('client-side exchange', () => {
  const server = generateClientSideKeys('uid2', 'L', randomBytes);
  const clientKeys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

  function seal(appName?: string) {
    return sealClientSideRequest(
      {
        serverPublicKey: server.publicKey,
        subscriptionId: 'subscription',
        clientKeys,
        nowMs: 1_700_000_000_000,
        json: '{"email_hash":"x"}',
        ...(appName === undefined ? {} : { appName }),
      },
      randomBytes,
    );
  }

  function serverKey(request: ClientSideRequest | null) {
    return agreeOnClientSideKey(
      importClientSidePrivateKey(server.privateKey),
      importClientPublicKey(request?.publicKey ?? ''),
    );
  }

  it('the server opens what a client sealed, for any app name', () => {
    fc.assert(
      fc.property(fc.option(fc.string({ unit: 'binary' }), { nil: undefined }), (appName) => {
        const request = parseClientSideRequest(seal(appName).body);
        expect(open(serverKey(request), request)).toBe('{"email_hash":"x"}');
      }),
      { numRuns: 30 },
    );
  });

  it('a request for another time or app does not open', () => {
    const request = parseClientSideRequest(seal('app').body);
    const key = serverKey(request);
    if (request === null) throw new Error('no request');
    expect(open(key, request)).toBeDefined();
    expect(open(key, { ...request, timestamp: request.timestamp + 1n })).toBeUndefined();
    expect(open(key, { ...request, appName: 'App' })).toBeUndefined();
    expect(open(key, { ...request, appName: undefined })).toBeUndefined();
  });

  it('one flipped bit or a missing byte of a payload never opens', () => {
    const request = parseClientSideRequest(seal().body);
    const key = serverKey(request);
    const payload = fromBase64(request?.payload ?? '');
    const iv = fromBase64(request?.iv ?? '');
    const additionalData = clientSideAdditionalData(request?.timestamp ?? 0n, undefined);
    for (let bit = 0; bit < payload.length * 8; bit += 1) {
      const changed = Uint8Array.from(payload);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openClientSidePayload(key, iv, changed, additionalData)).toBeUndefined();
    }
    for (let length = 0; length < payload.length; length += 1) {
      expect(openClientSidePayload(key, iv, payload.subarray(0, length), additionalData)).toBeUndefined();
    }
  });

  it('a reply opens with the key of its request only', () => {
    const { key } = seal();
    const reply = encodeClientSideResponse('{"status":"optout"}', key, randomBytes);
    expect(decodeClientSideResponse(reply, key)).toEqual({ status: 'optout' });
    const other = createSecretKey(randomBytes(32));
    expect(thrownBy(() => decodeClientSideResponse(reply, other))).toMatchObject({
      code: 'ENVELOPE_RESPONSE_UNREADABLE',
    });
    const array = encodeClientSideResponse('[]', key, randomBytes);
    expect(thrownBy(() => decodeClientSideResponse(array, key))).toMatchObject({ code: 'ENVELOPE_RESPONSE_MALFORMED' });
  });

  it('only our errors escape from arbitrary replies', () => {
    const key = createSecretKey(randomBytes(32));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        try {
          decodeClientSideResponse(text, key);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
    );
  });
});
