import { get } from 'node:http';

import { listen } from '@holdfast/http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { allowAllResourcePolicy } from '../src/policies/resource-policies.ts';
import { adminToken, createMaterial, openBroker } from './broker.ts';
import type { Broker, Material } from './broker.ts';
import { Guest } from './guest.ts';

let material: Material;
let broker: Broker;

beforeAll(async () => {
  material = createMaterial();
  broker = await openBroker(material, { maxSessions: 10_000 });
  await broker.setResourcePolicy(allowAllResourcePolicy);
});
afterAll(() => material.remove());

const refusal = { type: expect.stringMatching(/errors\/[A-Za-z]+$/) as string, detail: expect.any(String) as string };

describe('hostile input to the broker', () => {
  it('is one refusal each, whatever the body', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const bodies = fc.oneof(fc.string(), fc.json(), fc.constantFrom('['.repeat(100_000), `{"a":${'['.repeat(5000)}`));
    await fc.assert(
      fc.asyncProperty(bodies, fc.constantFrom('auth', 'attest'), async (payload, endpoint) => {
        const answer = await broker.app.inject({
          method: 'POST',
          url: `/kbs/v0/${endpoint}`,
          payload,
          headers: { cookie: guest.cookie ?? '', 'content-type': 'application/json' },
        });
        expect(answer.statusCode).toBe(401);
        expect(answer.json()).toEqual(refusal);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    'resource/a/b/%2e%2e',
    'resource/a%2Fb/c/d',
    'resource/a/b',
    'resource/a/b/c/d',
    'resource/.a/b/c',
    'resource//a/b',
    'resource/a/b/c%00',
    `resource/a/b/${'c'.repeat(300)}`,
    'resource/a/b/\\x2F',
  ])('reads nothing at the path %s', async (path) => {
    const guest = new Guest(broker.app);
    await guest.auth();
    await guest.attest();
    const answer = await guest.get(path);
    expect([401, 404]).toContain(answer.statusCode);
    expect(answer.json()).toEqual(refusal);
    expect((await broker.admin('POST', path, Buffer.from('x'))).statusCode).not.toBe(200);
  });

  it('takes paths as they were sent: dots lead to no other path than the one that was authorized', async () => {
    const broker = await openBroker(material);
    const url = new URL(await listen(broker.app, { host: '127.0.0.1', port: 0 }));
    const token = adminToken(material.adminKey, 'reader', broker.clock.now);
    const ask = (path: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const options = { host: url.hostname, port: url.port, path, headers: { authorization: `Bearer ${token}` } };
        get(options, (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        }).on('error', reject);
      });
    await broker.register({ svn: ['1'] });
    expect(await ask('/kbs/v0/reference-value/svn')).toBe(200);
    for (const path of [
      '/kbs/v0/reference-value/../resource-policy',
      '/kbs/v0/reference-value/svn/../../resource-policy',
      '/kbs/v0/reference-value/%2e%2e/resource-policy',
      '/x/../kbs/v0/resource-policy',
      '/kbs/v0//resource-policy',
    ]) {
      expect([path, await ask(path)]).not.toEqual([path, 200]);
    }
    await broker.app.close();
  });

  it('gives no guest the session of another', async () => {
    const one = new Guest(broker.app);
    const two = new Guest(broker.app);
    await one.auth();
    await two.auth();
    const stolen = one.cookie;
    two.cookie = stolen;
    expect((await two.attest()).statusCode).toBe(401);
    expect((await one.attest()).statusCode).toBe(200);
    await broker.admin('POST', 'resource/default/test/one', Buffer.from('shhh'));
    const reply = await two.get('resource/default/test/one');
    // With a stolen cookie the reply comes, and only the guest that attested can open it.
    expect(() => two.open(reply.body)).toThrow(/./);
    expect(one.open(reply.body)).toBe('shhh');
  });

  it('is bounded at 10,000 half-open sessions', () => {
    for (let at = 0; at < 12_000; at++) broker.context.sessions.open('sample', 'nonce');
    expect(broker.context.sessions.size).toBe(10_000);
  });

  it('refuses keys of guests that are weak or oddly formed', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const good = guest.attestation();
    const bad = [
      { ...guest.jwk, kty: 'oct' },
      { ...guest.jwk, x: 'AAAA' },
      { ...guest.jwk, x: guest.jwk['y'] ?? '' },
      { ...guest.jwk, crv: 'P-384' },
      { kty: 'RSA', alg: 'RSA1_5', n: 'AQAB', e: 'AQAB' },
      { kty: 'RSA', alg: 'RSA-OAEP-256', n: 'AQAB', e: 'AQAB' },
    ];
    for (const key of bad) {
      const payload = good.replace(JSON.stringify(guest.jwk), JSON.stringify(key));
      expect((await guest.attest(payload)).statusCode).toBe(401);
    }
  });
});
