import { expect, it } from 'vitest';

import { createApp, sendUntyped, useReferenceFallbacks } from '../src/index.ts';

function buildApp() {
  const failures: unknown[] = [];
  const app = createApp({ bodyLimitBytes: 8 });
  useReferenceFallbacks(app, (error) => failures.push(error));
  app.post('/echo', async (request) => request.body ?? 'none');
  app.get('/untyped', async (_request, reply) => sendUntyped(reply, 'OK'));
  app.get('/broken', async () => {
    throw new Error('canary');
  });
  return { app, failures };
}

it('createApp delivers a body of any content type, or none, as the bytes that arrived', async () => {
  const { app } = buildApp();
  for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain', 'nonsense']) {
    const answer = await app.inject({
      method: 'POST',
      url: '/echo',
      headers: { 'content-type': type },
      payload: Buffer.from('{"a'),
    });
    expect([type, answer.statusCode, answer.body]).toEqual([type, 200, '{"a']);
  }
  const bare = await app.inject({ method: 'POST', url: '/echo', payload: Buffer.from([0xff, 0]) });
  expect(bare.rawPayload).toEqual(Buffer.from([0xff, 0]));
  expect((await app.inject({ method: 'POST', url: '/echo' })).body).toBe('none');
});

it('sendUntyped sends no content type', async () => {
  const answer = await buildApp().app.inject('/untyped');
  expect([answer.statusCode, answer.body, answer.headers['content-type']]).toEqual([200, 'OK', undefined]);
});

it('an unknown path gets the HTML 404 of the UID2 reference', async () => {
  const answer = await buildApp().app.inject('/nowhere');
  expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([
    404,
    'text/html; charset=utf-8',
    '<html><body><h1>Resource not found</h1></body></html>',
  ]);
});

it('another method on a known path gets 405 with Allow, a trailing slash included', async () => {
  for (const url of ['/echo', '/echo/']) {
    const answer = await buildApp().app.inject({ method: 'GET', url });
    expect([answer.statusCode, answer.headers['allow'], answer.body]).toEqual([405, 'POST', '']);
  }
});

it('a body over the limit gets 413 and a thrown error 500, both as bare reason phrases', async () => {
  const { app, failures } = buildApp();
  const large = await app.inject({ method: 'POST', url: '/echo', payload: 'more than eight' });
  expect([large.statusCode, large.body, large.headers['content-type']]).toEqual([413, 'Request Too Long', undefined]);
  const broken = await app.inject('/broken');
  expect([broken.statusCode, broken.body]).toEqual([500, 'Internal Server Error']);
  expect(failures).toHaveLength(1);
});

it('a path with a malformed escape gets the bare 400, which does not repeat it', async () => {
  const answer = await buildApp().app.inject('/echo/%zz');
  expect([answer.statusCode, answer.body, answer.headers['content-type']]).toEqual([400, 'Bad Request', undefined]);
});

it.each(['/x/../echo', '/./echo', '/x/%2e%2e/echo?q=/../y', '//echo'])('the path %s reaches /echo', async (url) => {
  const answer = await buildApp().app.inject({ method: 'POST', url, payload: 'a' });
  expect([answer.statusCode, answer.body]).toEqual([200, 'a']);
});

it('a request target over 4096 bytes gets 414', async () => {
  const answer = await buildApp().app.inject(`/echo?${'a'.repeat(4096)}`);
  expect([answer.statusCode, answer.body]).toEqual([414, '']);
});

it('a route with a JSON schema is refused: nothing would check it', async () => {
  const { app } = buildApp();
  app.post('/checked', { schema: { body: { type: 'object' } } }, async () => 'never');
  await expect(app.ready()).rejects.toMatchObject({ code: 'SCHEMA_UNSUPPORTED' });
});
