import { Buffer } from 'node:buffer';
import { createSecretKey, randomBytes } from 'node:crypto';

import {
  decodeAdvertisingToken,
  decodeRefreshResponse,
  decodeRefreshToken,
  encodeRefreshToken,
  encryptGcm,
  unwrapRefreshToken,
  wrapRefreshToken,
} from '@holdfast/uid2';
import type { JsonObject, RefreshTokenFields } from '@holdfast/uid2';
import type { LightMyRequestResponse } from 'fastify';
import { describe, expect, it } from 'vitest';

import {
  bodyOf,
  errorText,
  flhOf,
  keyset,
  keysetSnapshot,
  NOW_MS,
  saltSnapshot,
  SITE,
  World,
  textOf,
} from '../world.ts';

const PATH = '/v2/token/refresh';

interface Pair {
  readonly wrapped: string;
  readonly responseKey: string;
}

async function generate(world: World, payload: JsonObject = { email: 'test@uid2.com' }): Promise<Pair> {
  const body = bodyOf(await world.call('/v2/token/generate', payload));
  return { wrapped: textOf(body, 'refresh_token'), responseKey: textOf(body, 'refresh_response_key') };
}

function refreshKey(world: World) {
  const key = world.keysets.refreshKey(world.nowMs);
  if (key === undefined) throw new Error('the world has no refresh key');
  return key;
}

function innerToken(world: World, overrides: Partial<RefreshTokenFields> = {}): string {
  return encodeRefreshToken(
    {
      scope: 'uid2',
      type: 'email',
      createdMs: NOW_MS,
      expiresMs: NOW_MS + 86_400_000,
      siteId: SITE,
      publisherId: 0,
      clientKeyId: 0,
      privacyBits: 1,
      establishedMs: NOW_MS,
      firstLevelHash: flhOf('email', 'test@uid2.com'),
      ...overrides,
    },
    refreshKey(world),
    randomBytes,
  );
}

function wrap(world: World, inner: string): Pair {
  const { text, refreshResponseKey } = wrapRefreshToken(inner, 'uid2', refreshKey(world), randomBytes);
  return { wrapped: text, responseKey: refreshResponseKey };
}

function open(answer: LightMyRequestResponse, responseKey: string): JsonObject {
  const sealed =
    answer.headers['content-type'] === 'application/octet-stream'
      ? new Uint8Array(answer.rawPayload)
      : new Uint8Array(Buffer.from(answer.body, 'base64'));
  return decodeRefreshResponse(sealed, createSecretKey(Buffer.from(responseKey, 'base64'))).payload;
}

/** A wrapped token around any content, padded to the length that marks it as wrapped. */
function wrapContent(world: World, content: (pad: string) => string): string {
  const key = refreshKey(world);
  const pad = 'p'.repeat(258 - content('').length);
  const head = Buffer.alloc(5);
  head.writeInt32BE(key.id, 1);
  return Buffer.concat([head, encryptGcm(key.secret, Buffer.from(content(pad)), randomBytes)]).toString('base64');
}

describe('token refresh, wrapped', () => {
  it('gives new tokens, sealed with the old response key: no time, no nonce, and nobody needs a key', async () => {
    const world = new World();
    const { wrapped, responseKey } = await generate(world);
    world.nowMs += 60_000;
    const answer = await world.post(PATH, wrapped, { client: null });
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/plain']);
    const reply = open(answer, responseKey);
    const body = reply['body'] as JsonObject;
    expect(reply['status']).toBe('success');
    expect(textOf(body, 'refresh_token')).toHaveLength(388);
    expect(body['refresh_response_key']).not.toBe(responseKey);
    expect(body['identity_expires']).toBe(world.nowMs + 3_600_000);
    expect(decodeAdvertisingToken(textOf(body, 'advertising_token'), world.keysets)).toMatchObject({
      siteId: SITE,
      establishedMs: NOW_MS,
      refreshedMs: world.nowMs,
    });
  });

  it('an octet-stream request gets raw bytes', async () => {
    const world = new World();
    const { wrapped, responseKey } = await generate(world);
    const answer = await world.post(PATH, wrapped, { contentType: 'application/octet-stream' });
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    expect(open(answer, responseKey)['status']).toBe('success');
  });

  it('keeps site, privacy bits and established time of the old token, whatever site the caller has', async () => {
    const world = new World();
    const establishedMs = NOW_MS - 1_000_000;
    const { wrapped, responseKey } = wrap(world, innerToken(world, { siteId: 777, privacyBits: 3, establishedMs }));
    const body = open(await world.post(PATH, wrapped), responseKey)['body'] as JsonObject;
    const { refreshToken } = unwrapRefreshToken(textOf(body, 'refresh_token'), world.keysets);
    expect(decodeRefreshToken(refreshToken, world.keysets)).toMatchObject({
      siteId: 777,
      privacyBits: 3,
      establishedMs,
      createdMs: NOW_MS,
    });
  });

  it('an opted-out user gets optout, sealed', async () => {
    const world = new World();
    const { wrapped, responseKey } = await generate(world);
    world.optOut([['email', 'test@uid2.com']]);
    expect(open(await world.post(PATH, wrapped, { client: null }), responseKey)).toEqual({ status: 'optout' });
  });

  it.each([
    [{ email: 'refresh-optout@example.com' }, 'optout'],
    [{ phone: '+00000000002' }, 'optout'],
    [{ email: 'validate@example.com' }, 'success'],
  ])('test identity %j gets %s', async (payload, status) => {
    const world = new World();
    const { wrapped, responseKey } = await generate(world, payload);
    world.optOut([['email', 'validate@example.com']]);
    expect(open(await world.post(PATH, wrapped), responseKey)['status']).toBe(status);
  });

  it.each([
    ['not Base64', () => '*'.repeat(388), 'Invalid body: Body is not valid base64.'],
    [
      'an unknown key id',
      () => Buffer.concat([Buffer.from([0, 0, 0, 3, 231]), Buffer.alloc(286)]).toString('base64'),
      'Invalid key: Generator of this token (Key ID: 999) does not exist.',
    ],
    [
      'a changed byte',
      (wrapped: string) => `${wrapped.slice(0, 100)}${wrapped[100] === 'A' ? 'B' : 'A'}${wrapped.slice(101)}`,
      'Invalid data: Check encryption method and encryption key.',
    ],
  ])('%s is 400 client_error', async (_name, spoil, message) => {
    const world = new World();
    const { wrapped } = await generate(world);
    const answer = await world.post(PATH, spoil(wrapped));
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
      400,
      'application/json',
      errorText('client_error', message),
    ]);
  });

  it.each([
    ['no JSON', (pad: string) => `nonsense${pad}`],
    ['no response key', (pad: string) => JSON.stringify({ refresh_token: 'x', pad })],
    ['a response key that is not Base64', (pad: string) => JSON.stringify({ refresh_response_key: '*', pad })],
  ])('content with %s is 400 client_error', async (_name, content) => {
    const world = new World();
    const answer = await world.post(PATH, wrapContent(world, content));
    expect(answer.body).toBe(
      errorText('client_error', 'Invalid format: Payload is not valid json or missing required data.'),
    );
  });

  it('content without a refresh token is an invalid token', async () => {
    const world = new World();
    const text = wrapContent(world, (pad) => JSON.stringify({ refresh_response_key: 'AAAA', pad }));
    expect(text).toHaveLength(388);
    expect((await world.post(PATH, text)).body).toBe(errorText('invalid_token', 'Invalid Token presented'));
  });

  it('a response key of no AES length surfaces only as the 500 of an unbuildable reply', async () => {
    const world = new World();
    const inner = innerToken(world);
    const text = wrapContent(world, (pad) =>
      JSON.stringify({ refresh_response_key: 'AAAA', refresh_token: inner, pad }),
    );
    const answer = await world.post(PATH, text);
    expect([answer.statusCode, answer.body]).toEqual([500, errorText('error', '')]);
  });
});

describe('token refresh, bare', () => {
  it('a bare token gets plain JSON, with wrapped tokens inside', async () => {
    const world = new World();
    const answer = await world.post(PATH, innerToken(world), { client: null });
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json']);
    const { status, body } = answer.json();
    expect([status, body.refresh_token.length, body.refresh_response_key.length]).toEqual(['success', 388, 44]);
  });

  it.each([
    ['an empty body', () => undefined],
    ['no Base64', () => '***'],
    ['an unknown version', () => Buffer.alloc(124, 5).toString('base64')],
    [
      'an unknown key',
      (inner: string) => {
        const bytes = Buffer.from(inner, 'base64');
        bytes.writeInt32BE(999, 2);
        return bytes.toString('base64');
      },
    ],
    [
      'another type outside than inside',
      (inner: string) => {
        const bytes = Buffer.from(inner, 'base64');
        bytes[0] = 0x07;
        return bytes.toString('base64');
      },
    ],
  ])('%s is invalid_token with a key and a bare error without', async (_name, spoil) => {
    const world = new World();
    const text = spoil(innerToken(world));
    const known = await world.post(PATH, text);
    const unknown = await world.post(PATH, text, { client: null });
    expect([known.statusCode, known.body]).toEqual([400, errorText('invalid_token', 'Invalid Token presented')]);
    expect([unknown.statusCode, unknown.body]).toEqual([400, errorText('error', 'Error refreshing token')]);
  });

  it.each([
    ['cut short', (inner: string) => inner.slice(0, 100)],
    ['shorter than two bytes', () => 'AA'],
    ['changed', (inner: string) => `${inner.slice(0, 80)}${inner[80] === 'A' ? 'B' : 'A'}${inner.slice(81)}`],
  ])('a token that is %s is a 500, not invalid', async (_name, spoil) => {
    const world = new World();
    const answer = await world.post(PATH, spoil(innerToken(world)));
    expect([answer.statusCode, answer.body]).toEqual([
      500,
      errorText('unknown', 'Unknown error while refreshing token v2'),
    ]);
  });

  it('a token of the other scope is invalid', async () => {
    const world = new World();
    expect((await world.post(PATH, innerToken(world, { scope: 'euid' }))).body).toBe(
      errorText('invalid_token', 'Invalid Token presented'),
    );
  });

  it('a token established before 2021-03-08T17:00:00Z is opted out, even unauthenticated and expired', async () => {
    const world = new World();
    const cutOff = Date.UTC(2021, 2, 8, 17);
    const old = innerToken(world, { establishedMs: cutOff - 1, expiresMs: 0 });
    const answer = await world.post(PATH, old, { client: null });
    expect([answer.statusCode, answer.body]).toEqual([200, '{"status":"optout"}']);
    expect((await world.post(PATH, innerToken(world, { establishedMs: cutOff }))).json().status).toBe('success');
  });

  it('a token expires after its last millisecond', async () => {
    const world = new World();
    expect((await world.post(PATH, innerToken(world, { expiresMs: NOW_MS }))).statusCode).toBe(200);
    const expired = innerToken(world, { expiresMs: NOW_MS - 1 });
    const known = await world.post(PATH, expired);
    expect([known.statusCode, known.body]).toEqual([400, errorText('expired_token', 'Expired Token presented')]);
    expect((await world.post(PATH, expired, { client: null })).body).toBe(errorText('error', 'Error refreshing token'));
  });

  it('a disabled key still counts as a key', async () => {
    const world = new World();
    const client = world.addClient({ disabled: true });
    const answer = await world.post(PATH, innerToken(world, { expiresMs: 0 }), { client });
    expect(answer.body).toBe(errorText('expired_token', 'Expired Token presented'));
  });

  it('without an active key a known caller gets 500 and others nothing useful', async () => {
    const world = new World();
    const inner = innerToken(world);
    world.keysets = keysetSnapshot([], [], (id) => id !== 101);
    const known = await world.post(PATH, inner);
    expect([known.statusCode, known.body]).toEqual([500, errorText('unknown', 'No active encryption key available')]);
    expect((await world.post(PATH, inner, { client: null })).body).toBe(errorText('error', 'Error refreshing token'));
  });

  it.each([
    ['two default keysets', (world: World) => (world.keysets = keysetSnapshot([keyset(900, SITE)]))],
    [
      'a bucket without material',
      (world: World) =>
        (world.salts = [
          saltSnapshot({ lines: [0, 1, 2, 3, 4].map((id) => `${id},1795996800001,,1803772800000,,,,,,,`) }),
        ]),
    ],
  ])('%s make a valid token invalid', async (_name, spoil) => {
    const world = new World();
    const inner = innerToken(world);
    spoil(world);
    expect((await world.post(PATH, inner)).body).toBe(errorText('invalid_token', 'Invalid Token presented'));
  });
});
