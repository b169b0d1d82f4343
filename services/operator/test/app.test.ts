import { Buffer } from 'node:buffer';

import { describe, expect, it } from 'vitest';

import { errorText, World } from './world.ts';

const ENVELOPED = [
  '/v2/token/generate',
  '/v2/token/validate',
  '/v2/token/logout',
  '/v2/identity/map',
  '/v3/identity/map',
  '/v2/identity/buckets',
  '/v2/optout/status',
  '/v2/key/latest',
  '/v2/key/sharing',
  '/v2/key/bidstream',
];
const UNAUTHORIZED = '{"status":"unauthorized"}';

describe('authentication', () => {
  const world = new World();

  it.each(ENVELOPED)('%s answers 401 without a message when there is no key', async (path) => {
    const answer = await world.post(path, 'anything', { client: null });
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
      401,
      'application/json',
      UNAUTHORIZED,
    ]);
  });

  it('an unknown, a disabled and a role-less key all look the same', async () => {
    const disabled = world.addClient({ disabled: true });
    const mapper = world.addClient({ roles: ['MAPPER'] });
    const stranger = new World().client;
    for (const client of [disabled, mapper, stranger]) {
      const answer = await world.post('/v2/token/generate', 'anything', { client });
      expect([answer.statusCode, answer.body]).toEqual([401, UNAUTHORIZED]);
    }
  });

  it.each([
    ['/v2/token/generate', 'GENERATOR'],
    ['/v2/token/validate', 'GENERATOR'],
    ['/v2/token/logout', 'OPTOUT'],
    ['/v2/identity/map', 'MAPPER'],
    ['/v3/identity/map', 'MAPPER'],
    ['/v2/identity/buckets', 'MAPPER'],
    ['/v2/optout/status', 'MAPPER'],
    ['/v2/optout/status', 'SHARER'],
    ['/v2/optout/status', 'ID_READER'],
    ['/v2/key/latest', 'ID_READER'],
    ['/v2/key/sharing', 'SHARER'],
    ['/v2/key/sharing', 'ID_READER'],
    ['/v2/key/bidstream', 'ID_READER'],
  ] as const)('%s opens for %s alone', async (path, role) => {
    const answer = await world.call(path, undefined, { client: world.addClient({ roles: [role] }) });
    expect(answer.status).not.toBe(401);
  });

  it.each(['bearer ', 'BEARER ', '  Bearer '])('the scheme %j is accepted', async (scheme) => {
    const headers = { authorization: `${scheme}${world.client.apiKey}` };
    expect((await world.call('/v2/token/generate', { email: 'test@uid2.com' }, { headers })).status).toBe(200);
  });

  it('a load balancer trace id comes back, also with a 401', async () => {
    const headers = { 'x-amzn-trace-id': 'Root=1-2' };
    const good = await world.call('/v2/token/generate', { email: 'test@uid2.com' }, { headers });
    const bad = await world.post('/v2/token/generate', 'x', { headers: { ...headers, authorization: 'no' } });
    expect([good.raw.headers['x-amzn-trace-id'], bad.statusCode, bad.headers['x-amzn-trace-id']]).toEqual([
      'Root=1-2',
      401,
      'Root=1-2',
    ]);
  });
});

describe('limits and unmatched requests', () => {
  const world = new World();

  it('a body over 1 MiB gets 413 before anybody looks at the key', async () => {
    const answer = await world.post('/v2/identity/map', Buffer.alloc(1_048_577), { client: null });
    expect([answer.statusCode, answer.body, answer.headers['content-type']]).toEqual([
      413,
      'Request Too Long',
      undefined,
    ]);
  });

  it('a body of exactly 1 MiB is read', async () => {
    expect((await world.post('/v2/identity/map', Buffer.alloc(1_048_576))).statusCode).toBe(400);
  });

  it.each(['/v1/token/generate', '/v2/Token/generate', '/v2/token/client-generate', '/'])(
    'unknown path %s gets the HTML 404',
    async (path) => {
      const answer = await world.post(path, 'x');
      expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
        404,
        'text/html; charset=utf-8',
        '<html><body><h1>Resource not found</h1></body></html>',
      ]);
    },
  );

  it('another method gets 405 with Allow and no body', async () => {
    const answer = await world.app.inject({ method: 'GET', url: '/v2/token/generate' });
    expect([answer.statusCode, answer.headers['allow'], answer.body]).toEqual([405, 'POST', '']);
    expect((await world.app.inject({ method: 'POST', url: '/ops/healthcheck' })).headers['allow']).toBe('GET');
  });

  it('one trailing slash and doubled slashes are ignored', async () => {
    for (const path of ['/v2/token/generate/', '//v2//token/generate']) {
      expect((await world.call(path, { email: 'test@uid2.com' })).status).toBe(200);
    }
  });

  it('the opt-out status route exists only when it is enabled', async () => {
    const without = new World({ optOutStatusApiEnabled: false });
    expect((await without.call('/v2/optout/status', { advertising_ids: [] })).status).toBe(404);
  });
});

describe('CORS', () => {
  const world = new World();
  const origin = 'https://publisher.example';
  const preflight = (url: string) =>
    world.app.inject({
      method: 'OPTIONS',
      url,
      headers: { origin, 'access-control-request-method': 'POST' },
    });

  it('preflight is answered on any path, existing or not', async () => {
    for (const url of ['/v2/token/refresh', '/nowhere']) {
      const answer = await preflight(url);
      expect([answer.statusCode, answer.body, answer.headers['access-control-allow-origin']]).toEqual([
        204,
        '',
        origin,
      ]);
      expect(new Set(String(answer.headers['access-control-allow-methods']).split(','))).toEqual(
        new Set(['GET', 'POST', 'OPTIONS']),
      );
      expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
      expect(answer.headers['access-control-max-age']).toBeUndefined();
    }
  });

  it('a browser may send a key to token/validate and nowhere else', async () => {
    const allowed = async (url: string) =>
      String((await preflight(url)).headers['access-control-allow-headers']).split(',');
    expect(await allowed('/v2/token/validate')).toContain('Authorization');
    expect(await allowed('/v2/token/generate')).not.toContain('Authorization');
    expect(new Set(await allowed('/v2/token/generate'))).toEqual(
      new Set([
        'X-UID2-Client-Version',
        'Access-Control-Request-Method',
        'Access-Control-Allow-Credentials',
        'Access-Control-Allow-Origin',
        'Access-Control-Allow-Headers',
        'Content-Type',
      ]),
    );
  });

  it('success and every kind of error carry the headers', async () => {
    const headers = { origin };
    const answers = [
      (await world.call('/v2/token/generate', { email: 'test@uid2.com' }, { headers })).raw,
      (await world.call('/v2/token/generate', {}, { headers })).raw,
      await world.post('/v2/token/generate', 'x', { headers: { ...headers, authorization: '' } }),
      await world.post('/nowhere', 'x', { headers }),
      await world.post('/v2/token/generate', Buffer.alloc(1_048_577), { headers }),
      (await world.call('/v2/identity/buckets', undefined, { headers })).raw,
    ];
    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 400, 401, 404, 413, 500]);
    for (const answer of answers) {
      expect([answer.headers['access-control-allow-origin'], answer.headers['vary']]).toEqual([origin, 'origin']);
    }
  });

  it('without an origin there is only Vary', async () => {
    const answer = await world.app.inject('/ops/healthcheck');
    expect([answer.headers['access-control-allow-origin'], answer.headers['vary']]).toEqual([undefined, 'origin']);
  });
});

describe('ops', () => {
  it('a healthy operator answers exactly OK without a content type', async () => {
    const answer = await new World().app.inject('/ops/healthcheck');
    expect([answer.statusCode, answer.body, answer.headers['content-type']]).toEqual([200, 'OK', undefined]);
  });

  it('an unhealthy one answers 503 and a line for each component', async () => {
    const world = new World();
    world.unhealthy = [
      { component: 'salt-rotator', reason: 'still starting' },
      { component: 'PodTerminationMonitor', reason: null },
    ];
    const answer = await world.app.inject('/ops/healthcheck');
    expect([answer.statusCode, answer.body, answer.headers['content-type']]).toEqual([
      503,
      'salt-rotator: still starting\nPodTerminationMonitor: null',
      undefined,
    ]);
  });

  it('the status page is JSON', async () => {
    const answer = await new World().app.inject('/ops/status');
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
      200,
      'application/json',
      '{"healthy":true}',
    ]);
  });
});

describe('the gate fails closed', () => {
  it.each([...ENVELOPED, '/v2/token/refresh'])('%s answers 503 while the opt-out list is too old', async (path) => {
    const world = new World();
    world.gate = { reason: 'the opt-out list is older than 43200 seconds' };
    const answer = await world.post(path, 'anything');
    expect([answer.statusCode, answer.headers['content-type'], answer.headers['retry-after'], answer.body]).toEqual([
      503,
      'application/json',
      '60',
      errorText('error', 'the opt-out list is older than 43200 seconds'),
    ]);
  });

  it('health and status stay reachable behind it', async () => {
    const world = new World();
    world.gate = { reason: 'old' };
    expect((await world.app.inject('/ops/status')).statusCode).toBe(200);
    expect((await world.app.inject('/ops/healthcheck')).statusCode).toBe(200);
  });
});
