import { loadVectors } from '@holdfast/base/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createWorld, get, postAttest, attestBody } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld({ config: { enable_test_endpoints: true } });
});
afterAll(async () => world.close());

it('the health check answers OK without a content type', async () => {
  const { status, text, headers } = await get(world, '/ops/healthcheck', undefined);
  expect([status, text, headers['content-type']]).toEqual([200, 'OK', undefined]);
});

it('unknown paths are 404 in HTML, known paths with another method 405 with Allow', async () => {
  const unknown = await get(world, '/nowhere', undefined);
  expect([unknown.status, unknown.text]).toEqual([404, '<html><body><h1>Resource not found</h1></body></html>']);
  const wrong = await world.app.inject({ method: 'DELETE', url: '/clients/refresh' });
  expect([wrong.statusCode, wrong.headers['allow'], wrong.body]).toEqual([405, 'GET', '']);
  const attest = await get(world, '/attest', undefined);
  expect([attest.status, attest.headers['allow']]).toEqual([405, 'POST']);
});

it('any origin may read, and a preflight is answered on any path', async () => {
  const origin = 'https://site.example';
  const preflight = await world.app.inject({
    method: 'OPTIONS',
    url: '/anything',
    headers: { origin, 'access-control-request-method': 'POST' },
  });
  expect(preflight.statusCode).toBe(204);
  expect(preflight.headers).toMatchObject({
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET,POST,OPTIONS',
    'access-control-allow-headers':
      'Access-Control-Request-Method,Access-Control-Allow-Credentials,Access-Control-Allow-Origin,Access-Control-Allow-Headers,Content-Type',
  });
  const refused = await get(world, '/clients/refresh', undefined, { origin });
  expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([401, origin]);
});

it('a GET that announces a form is refused with the text of the reference', async () => {
  for (const type of ['multipart/form-data; boundary=x', 'application/x-www-form-urlencoded']) {
    const answer = await world.app.inject({
      url: '/ops/healthcheck',
      headers: { 'content-type': type, 'content-length': '1' },
    });
    expect([answer.statusCode, answer.body]).toEqual([400, 'Content-Type "multipart/*" Not Allowed"']);
  }
  expect((await get(world, '/ops/healthcheck', undefined, { 'content-type': 'multipart/form-data' })).status).toBe(200);
});

it('the trace id of a load balancer comes back on authenticated routes, refusals included', async () => {
  const trace = { 'x-amzn-trace-id': 'Root=1-2-3' };
  expect((await get(world, '/clients/refresh', undefined, trace)).headers['x-amzn-trace-id']).toBe('Root=1-2-3');
  const attest = await postAttest(world, world.keys['public'], attestBody(), trace);
  expect(attest.headers['x-amzn-trace-id']).toBe('Root=1-2-3');
});

it('the test endpoint hands out a working token in clear, and exists only where it is switched on', async () => {
  const { json } = await get(world, '/attest/get_token', world.keys['azure']);
  const headers = { 'attestation-token': json.body.attestation_token };
  expect((await get(world, '/clients/refresh', world.keys['azure'], headers)).status).toBe(200);
  const usual = await createWorld();
  expect((await get(usual, '/attest/get_token', usual.keys['azure'])).status).toBe(404);
  await usual.close();
});

const vectors = (loadVectors('uid2-core.json') as { vectors: Record<string, unknown>[] } | undefined)?.vectors;

describe.skipIf(vectors === undefined)('known answers', () => {
  it('core-401', async () => {
    const cases = vectors?.find((vector) => vector['id'] === 'core-401')?.['cases'] as {
      when: string;
      body: unknown;
    }[];
    const keys = [undefined, world.keys['disabled'], world.keys['optout']];
    for (const [index, { when, body }] of cases.entries()) {
      const { status, json } = await get(world, '/clients/refresh', keys[index]);
      expect([when, status, json]).toEqual([when, 401, body]);
    }
    expect(cases).toHaveLength(keys.length);
  });
});
