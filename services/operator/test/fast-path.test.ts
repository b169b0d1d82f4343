import { createSecretKey } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

import { toBase64 } from '@holdfast/base';
import { encodeRequestEnvelope } from '@holdfast/uid2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { bodyOf, textOf, World } from './world.ts';

const SECRET = createSecretKey(Buffer.alloc(32, 7));
const zeros = (length: number): Uint8Array => new Uint8Array(length);

/** Node reads a request with this header, the fast path does not; nobody else looks at it. */
const NOT_PLAIN = 'X_Any: a\r\n';

/** A world whose replies do not depend on chance, behind a real listener. */
class ServedWorld extends World {
  readonly client0 = this.addClient({ secret: SECRET });
  /** Requests that node:http read. */
  nodeRequests = 0;
  #port = 0;

  async open(): Promise<void> {
    this.random = zeros;
    this.app.server.on('request', () => (this.nodeRequests += 1));
    await this.app.listen({ port: 0, host: '127.0.0.1' });
    const address = this.app.server.address();
    this.#port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** The reply as it is on the wire, but for the time of day. */
  async send(path: string, headers: readonly string[], body: Buffer, more: string): Promise<string> {
    const socket = connect(this.#port, '127.0.0.1');
    const lines = [`POST ${path} HTTP/1.1`, 'Host: operator.example', ...headers, `Content-Length: ${body.length}`];
    socket.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n${more}\r\n`), body]));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    await once(socket, 'close');
    return text.replace(/\r\nDate: .*\r\n/, '\r\n').replace(/\r\nConnection: .*\r\n(?:Keep-Alive: .*\r\n)?/, '\r\n');
  }

  async countedLines(): Promise<readonly string[]> {
    const text = await this.metricsText();
    return text.split('\n').filter((line) => line.startsWith('uid2_') && !line.includes('_bucket'));
  }

  /** The log but for times, ports and what differs from process to process. */
  logged(): readonly string[] {
    return this.logLines.map((line) => line.replace(/"time":[^,]*,/, ''));
  }
}

let plain: ServedWorld;
let other: ServedWorld;

beforeEach(async () => {
  [plain, other] = [new ServedWorld(), new ServedWorld()];
  await Promise.all([plain.open(), other.open()]);
});

afterEach(async () => {
  await Promise.all([plain.app.close(), other.app.close()]);
});

interface Case {
  readonly path: string;
  readonly payload?: unknown;
  /** The body itself instead of a sealed payload. */
  readonly body?: (world: World) => Promise<string> | string;
  readonly headers?: readonly string[];
  readonly keyless?: boolean;
  readonly binary?: boolean;
  readonly before?: (world: World) => void;
  readonly status: number;
}

const GENERATE = '/v2/token/generate';
const user = { email: 'someone@example.com' };

async function wrappedRefreshToken(world: World): Promise<string> {
  return textOf(bodyOf(await world.call(GENERATE, user)), 'refresh_token');
}

const CASES: readonly (readonly [string, Case])[] = [
  ['new tokens', { path: GENERATE, payload: user, status: 200 }],
  ['new tokens in binary', { path: GENERATE, payload: user, binary: true, status: 200 }],
  [
    'tokens from a page',
    {
      path: GENERATE,
      payload: user,
      headers: ['Origin: https://a.example', 'Referer: https://a.example/x'],
      status: 200,
    },
  ],
  [
    'tokens behind a load balancer',
    { path: GENERATE, payload: user, headers: ['X-Amzn-Trace-Id: Root=1', 'X-Forwarded-For: 1.2.3.4'], status: 200 },
  ],
  [
    'tokens for an SDK',
    {
      path: GENERATE,
      payload: user,
      headers: ['X-UID2-Client-Version: uid2-sdk-2.0.0', 'X-UID2-AppVersion: app=1;x'],
      status: 200,
    },
  ],
  ['a malformed content type', { path: GENERATE, payload: user, headers: ['Content-Type: ,'], status: 200 }],
  [
    'a user who opted out',
    { path: GENERATE, payload: user, before: (world) => world.optOut([['email', user.email]]), status: 200 },
  ],
  ['an invalid identity', { path: GENERATE, payload: { email: 'nobody' }, status: 400 }],
  ['a body that is no envelope', { path: GENERATE, body: () => 'not Base64!', status: 400 }],
  ['no key', { path: GENERATE, payload: user, keyless: true, status: 401 }],
  [
    'a gate that is closed',
    { path: GENERATE, payload: user, before: (world) => (world.gate = { reason: 'closed' }), status: 503 },
  ],
  ['no salts', { path: GENERATE, payload: user, before: (world) => (world.salts = []), status: 500 }],
  [
    'an unknown charset',
    { path: GENERATE, payload: user, headers: ['Content-Type: text/plain; charset=none'], status: 500 },
  ],
  ['a refresh', { path: '/v2/token/refresh', body: wrappedRefreshToken, status: 200 }],
  ['a refresh without a key', { path: '/v2/token/refresh', body: wrappedRefreshToken, keyless: true, status: 200 }],
  ['a refresh of nonsense', { path: '/v2/token/refresh', body: () => 'nonsense', status: 400 }],
  ['validate', { path: '/v2/token/validate', payload: { ...user, token: 'x' }, status: 400 }],
  ['logout', { path: '/v2/token/logout', payload: user, status: 200 }],
  ['map V2', { path: '/v2/identity/map', payload: { email: [user.email] }, status: 200 }],
  ['map V3', { path: '/v3/identity/map', payload: { email: [user.email] }, status: 200 }],
  ['buckets', { path: '/v2/identity/buckets', payload: { since_timestamp: '2026-01-01T00:00:00' }, status: 200 }],
  ['opt-out status', { path: '/v2/optout/status', payload: { advertising_ids: [] }, status: 200 }],
  ['latest keys', { path: '/v2/key/latest', payload: {}, status: 200 }],
  ['sharing keys', { path: '/v2/key/sharing', payload: {}, status: 200 }],
  ['bidstream keys', { path: '/v2/key/bidstream', payload: {}, status: 200 }],
];

async function ask(world: ServedWorld, asked: Case, more: string): Promise<string> {
  asked.before?.(world);
  const { path, payload, keyless = false, binary = false, headers = [] } = asked;
  const nonce = Buffer.from('12345678');
  const sealed = encodeRequestEnvelope({ nowMs: world.nowMs, nonce, json: JSON.stringify(payload) }, SECRET, zeros);
  const text = asked.body === undefined ? toBase64(sealed) : await asked.body(world);
  const key = keyless ? [] : [`Authorization: Bearer ${world.client0.apiKey}`];
  const type = binary ? ['Content-Type: application/octet-stream'] : [];
  return world.send(path, [...key, ...type, ...headers], binary ? Buffer.from(sealed) : Buffer.from(text), more);
}

describe('on the fast path and through node:http, reply, log, metrics and statistics are the same', () => {
  it.each(CASES)('for %s', async (_what, asked) => {
    const reply = await ask(plain, asked, '');
    expect(reply).toBe(await ask(other, asked, NOT_PLAIN));
    expect(reply).toMatch(new RegExp(`^HTTP/1.1 ${asked.status} `));
    expect([plain.nodeRequests, other.nodeRequests]).toEqual([0, 1]);
    expect(await plain.countedLines()).toEqual(await other.countedLines());
    expect(plain.logged()).toEqual(other.logged());
    // The statistics are written with the first request that comes a minute later.
    for (const world of [plain, other]) {
      world.nowMs += 61_000;
      world.gate = undefined;
      await world.app.inject({ url: '/ops/healthcheck' });
    }
    expect(plain.logged()).toEqual(other.logged());
    expect(plain.logged().join('\n')).toContain('domainList');
  });
});

it('every POST route of the API is on the fast path', async () => {
  const routes = plain.app.printRoutes({ commonPrefix: false }).match(/\/\S+(?= \(POST\))/g) ?? [];
  expect(routes.length).toBeGreaterThan(9);
  for (const path of routes) await plain.send(path, [], Buffer.from('x'), '');
  expect(plain.nodeRequests).toBe(0);
});
