import { runsOf } from '@holdfast/base/testing/thorough';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bodyOf, keysetSnapshot, SITE, SITE_WITHOUT_KEYSET, textOf, World } from './world.ts';

const POSTS = [
  '/v2/token/generate',
  '/v2/token/refresh',
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

describe('the log line of an error reply', () => {
  it('names caller, path, status and message, and for 4xx referer and origin', async () => {
    const world = new World();
    const headers = { referer: 'https://a.example/page', origin: 'https://a.example', 'x-forwarded-for': '1.2.3.4, 5' };
    await world.call('/v2/token/generate', { email: 'nonsense' }, { headers });
    expect(JSON.parse(world.logLines[0] ?? '')).toMatchObject({
      level: 'info',
      msg: 'Response to http request.',
      errorStatus: 'client_error',
      contact: 'contact-0',
      siteId: SITE,
      path: '/v2/token/generate',
      statusCode: 400,
      clientAddress: '1.2.3.4',
      message: 'Invalid Identifier',
      referer: 'https://a.example/page',
      origin: 'https://a.example',
    });
  });

  it('success and 401 log nothing', async () => {
    const world = new World();
    await world.call('/v2/token/generate', { email: 'a@b.c' });
    await world.post('/v2/token/generate', 'x', { client: null });
    expect(world.logLines).toEqual([]);
  });

  it('Base64 text under the binary content type is told, with who sent it', async () => {
    const world = new World();
    await world.call('/v2/key/latest', undefined, { contentType: 'application/octet-stream' });
    expect(world.logLines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'info', contact: 'contact-0', siteId: SITE, path: '/v2/key/latest' },
    ]);
    await world.call('/v2/key/latest', undefined, { binary: true });
    expect(world.logLines).toHaveLength(1);
  });

  it('a site without keys of its own is told once for each version of the keysets', async () => {
    const world = new World();
    const client = world.addClient({ siteId: SITE_WITHOUT_KEYSET });
    const told = (): number => world.logLines.filter((line) => line.includes('no default keyset')).length;
    for (let round = 0; round < 3; round += 1) await world.call('/v2/token/generate', { email: 'a@b.c' }, { client });
    await world.call('/v2/token/generate', { email: 'a@b.c' });
    expect(told()).toBe(1);
    world.keysets = keysetSnapshot();
    await world.call('/v2/token/generate', { email: 'a@b.c' }, { client });
    expect(told()).toBe(2);
  });

  it('a bare 500 logs its cause as an error', async () => {
    const world = new World();
    await world.call('/v2/identity/buckets', undefined);
    expect(JSON.parse(world.logLines[0] ?? '')).toMatchObject({
      level: 'error',
      path: '/v2/identity/buckets',
      code: 'PAYLOAD_MISSING',
    });
  });
});

it('no key, secret, token or identity ever reaches the log', async () => {
  const world = new World();
  const canary = 'canary@example.com';
  const body = bodyOf(await world.call('/v2/token/generate', { email: canary }));
  const token = textOf(body, 'advertising_token');
  const wrapped = textOf(body, 'refresh_token');
  world.optOutFailure = new Error('away');
  for (const path of POSTS) {
    for (const payload of [{ email: canary }, { email: [canary], token }, { advertising_ids: token }, undefined]) {
      await world.call(path, payload);
    }
    await world.post(path, wrapped);
    await world.post(path, `${wrapped.slice(0, 300)}x${wrapped.slice(301)}`);
  }
  world.salts = [];
  for (const path of POSTS) await world.call(path, { email: canary, token });
  const log = world.logLines.join('');
  expect(log).not.toBe('');
  const secrets = [
    canary,
    token,
    wrapped.slice(0, 60),
    world.client.apiKey,
    world.client.secret.export().toString('base64'),
  ];
  for (const secret of secrets) expect(log).not.toContain(secret);
});

it('whatever bytes arrive on whatever route, the answer is one of the documented ones', async () => {
  const world = new World();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...POSTS),
      fc.uint8Array({ maxLength: 400 }),
      fc.constantFrom(undefined, 'application/octet-stream', 'text/plain', 'application/json'),
      async (path, bytes, contentType) => {
        const options = contentType === undefined ? {} : { contentType };
        const answer = await world.post(path, Buffer.from(bytes), options);
        expect([400, 500]).toContain(answer.statusCode);
        expect(['client_error', 'invalid_token', 'unknown']).toContain(answer.json().status);
      },
    ),
    { numRuns: runsOf(75, 300) },
  );
});

it('whatever JSON a caller sends, the answer is one of the documented ones', async () => {
  const world = new World();
  const names = fc.constantFrom(
    'email',
    'email_hash',
    'phone',
    'phone_hash',
    'token',
    'advertising_ids',
    'since_timestamp',
  );
  const payloads = fc.dictionary(names, fc.jsonValue(), { maxKeys: 2 });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...POSTS.filter((path) => path !== '/v2/token/refresh')),
      payloads,
      async (path, payload) => {
        const answer = await world.call(path, payload);
        expect([200, 400, 401, 500]).toContain(answer.status);
        if (answer.status === 500) expect(answer.text).toMatch(/^\{"status":"unknown"/);
      },
    ),
    { numRuns: runsOf(75, 300) },
  );
});
