import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';

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

const ATTEST_FAILED = {
  type: 'https://github.com/confidential-containers/kbs/errors/AttestationError',
  detail: 'Attestation error: RCAR handshake Attest failed',
};

/** Policies that would keep the broker busy. */
const ENDLESS: Readonly<Record<string, string>> = {
  'counts to a billion':
    'allow if {\n\tsome a in numbers.range(1, 1000)\n\tsome b in numbers.range(1, 1000)\n\tsome c in numbers.range(1, 1000)\n\ta + b + c < 0\n}',
  'doubles a text': `allow if {\n\tx0 := "aaaaaaaaaaaaaaaa"\n${Array.from({ length: 60 }, (_, at) => `\tx${at + 1} := concat("", [x${at}, x${at}])`).join('\n')}\n\tx60 == ""\n}`,
  'asks itself': 'allow if not allow',
  'nests too deeply': `allow if ${'['.repeat(5000)}1${']'.repeat(5000)}`,
  'makes a huge range': 'allow if count(numbers.range(1, 100000000)) > 0',
};

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

  it('is bounded at 10,000 half-open sessions, which end by themselves', async () => {
    const crowded = await openBroker(material, { maxSessions: 10_000 });
    const attested = new Guest(crowded.app);
    await attested.auth();
    expect((await attested.attest()).statusCode).toBe(200);
    await crowded.setResourcePolicy(allowAllResourcePolicy);
    await crowded.admin('POST', 'resource/default/test/one', Buffer.from('shhh'));
    const { sessions } = crowded.context;
    for (let at = 0; at < 12_000; at++) await sessions.open('sample', 'nonce');
    expect(await sessions.count()).toBe(10_000);
    // Who came through keeps the token; only half-open sessions give way, and newcomers are let in.
    expect((await attested.get('resource/default/test/one')).statusCode).toBe(200);
    const late = new Guest(crowded.app);
    expect((await late.auth()).statusCode).toBe(200);
    expect((await late.attest()).statusCode).toBe(200);
    crowded.clock.now += 5 * 60_000;
    await new Guest(crowded.app).auth();
    expect(await sessions.count()).toBe(1);
  });

  it.each(['az-tdx-vtpm', 'nvidia', 'sgx', 'tdx', 'cca', 'csv', 'se', 'hygondcu', 'tpm'])(
    'refuses evidence of kind %s, for which there is no verifier, as any other evidence',
    async (tee) => {
      const guest = new Guest(broker.app);
      expect((await guest.auth(tee)).statusCode).toBe(200);
      const before = broker.records('attestation refused').length;
      const answer = await guest.attest();
      expect([answer.statusCode, answer.json()]).toEqual([401, ATTEST_FAILED]);
      expect(broker.records('attestation refused').slice(before)).toMatchObject([
        { tee, codes: ['TRUSTEE_TEE_UNSUPPORTED'] },
      ]);
    },
  );

  it('refuses huge evidence of every kind, deep, wide and long, in bounded time', async () => {
    const strict = await openBroker(material, { changes: { holdfast: { environment: 'test', allow_sample: true } } });
    const big: Readonly<Record<string, string>> = {
      deep: `${'['.repeat(1000)}${']'.repeat(1000)}`,
      wide: `{${Array.from({ length: 60_000 }, (_, at) => `"m${at}":0`).join()}}`,
      long: JSON.stringify({ svn: '1', report_data: 'A'.repeat(1_500_000) }),
      bytes: JSON.stringify({ attestation_report: { chip_id: Array.from({ length: 400_000 }, () => 255) } }),
      certificates: JSON.stringify({
        attestation_report: {},
        cert_chain: Array.from({ length: 9 }, () => ({ data: [] })),
      }),
      number: '9'.repeat(100_000),
      pcrs: JSON.stringify({ version: 2, tpm_quote: { pcrs: Array.from({ length: 20_000 }, () => '00'.repeat(32)) } }),
    };
    for (const tee of ['sample', 'snp', 'az-snp-vtpm']) {
      for (const [kind, evidence] of Object.entries(big)) {
        const guest = new Guest(strict.app);
        await guest.auth(tee);
        const answer = await guest.attest(guest.attestation({ evidence: 'EVIDENCE' }).replace('"EVIDENCE"', evidence));
        expect([tee, kind, answer.statusCode, answer.json()]).toEqual([tee, kind, 401, ATTEST_FAILED]);
      }
    }
  });

  it('refuses more devices than it appraises, and devices that are none', async () => {
    const device = { svn: '2', report_data: '' };
    for (const additional of [
      JSON.stringify(Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`d${at}`, device]))),
      JSON.stringify({ toaster: device }),
      '[]',
      'x',
      `{"sampledevice":${'['.repeat(500)}`,
    ]) {
      const guest = new Guest(broker.app);
      await guest.auth();
      const answer = await guest.attest(guest.attestation({ additional }));
      expect([answer.statusCode, answer.json()]).toEqual([401, ATTEST_FAILED]);
    }
  });

  it('never takes a nonce twice, in its own session or another', async () => {
    const one = new Guest(broker.app);
    await one.auth();
    const body = one.attestation();
    const first = await one.attest(body);
    expect(first.statusCode).toBe(200);
    // The session is attested: the same token again, and no new evaluation.
    const evaluations = broker.records('attestation token issued').length;
    expect((await one.attest(body)).body).toBe(first.body);
    expect(broker.records('attestation token issued')).toHaveLength(evaluations);
    const two = new Guest(broker.app);
    await two.auth();
    expect((await two.attest(body)).statusCode).toBe(401);
    const stranger = new Guest(broker.app);
    stranger.cookie = `kbs-session-id=${'0'.repeat(32)}`;
    expect((await stranger.attest(body)).statusCode).toBe(401);
  });

  it.each([
    'kbs-session-id=../../etc/passwd',
    'kbs-session-id=',
    'kbs-session-id=__proto__',
    `kbs-session-id=${'a'.repeat(10_000)}`,
    'other=1; kbs-session-id',
    ';;;=;',
  ])('finds no session behind the cookie %#', async (cookie) => {
    const guest = new Guest(broker.app);
    await guest.auth();
    guest.cookie = cookie;
    expect((await guest.attest()).json()).toEqual(ATTEST_FAILED);
    expect((await guest.get('resource/default/test/one')).json()).toMatchObject({
      detail: 'Attestation Token not found',
    });
  });

  it.each(Object.entries(ENDLESS))('stops a policy that %s, and releases nothing', async (_, rule) => {
    const stubborn = await openBroker(material);
    await stubborn.admin('POST', 'resource/default/test/one', Buffer.from('shhh'));
    const guest = new Guest(stubborn.app);
    await guest.auth();
    await guest.attest();
    const stored = await stubborn.setResourcePolicy(
      `package policy\n\nimport rego.v1\n\ndefault allow := false\n\n${rule}\n`,
    );
    if (stored.statusCode === 200) {
      const answer = await guest.get('resource/default/test/one');
      expect(answer.json()).toMatchObject({ type: expect.stringMatching(/errors\/PolicyEngineError$/) as string });
      expect(answer.body).not.toMatch(/shhh|REGO|steps/);
      expect(stubborn.log.join()).toMatch(/REGO_LIMIT_EXCEEDED|REGO_RECURSION/);
    } else {
      expect(stored.json()).toMatchObject({ type: expect.stringMatching(/errors\/PolicyEngineError$/) as string });
    }
  });

  it('takes no administrator whose token chose its own algorithm or key', async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(broker.clock.now / 1000) + 300;
    const body = part({ exp, role: 'admin' });
    const publicPem = readFileSync(join(material.folder, 'admin.pem'));
    const own = generateKeyPairSync('ed25519');
    const hs256 = `${part({ alg: 'HS256', typ: 'JWT' })}.${body}`;
    const jwkHeader = `${part({ alg: 'EdDSA', jwk: own.publicKey.export({ format: 'jwk' }) })}.${body}`;
    const good = adminToken(material.adminKey, 'admin', broker.clock.now);
    const [head = '', claims = '', signature = ''] = good.split('.');
    const crit = `${part({ alg: 'EdDSA', crit: ['x'], x: 1 })}.${claims}`;
    const forged = [
      `${part({ alg: 'none' })}.${body}.`,
      `${hs256}.${createHmac('sha256', publicPem).update(hs256).digest('base64url')}`,
      `${jwkHeader}.${sign(null, Buffer.from(jwkHeader), own.privateKey).toString('base64url')}`,
      `${crit}.${sign(null, Buffer.from(crit), material.adminKey).toString('base64url')}`,
      `${head}.${part({ exp, role: 'admin', extra: true })}.${signature}`,
      `${head}.${part({ role: 'admin' })}.${signature}`,
      adminToken(material.adminKey, 'admin', broker.clock.now, { exp: undefined }),
      adminToken(material.adminKey, 'admin', broker.clock.now, { role: ['admin'] }),
    ];
    for (const [at, token] of forged.entries()) {
      const answer = await broker.app.inject({
        method: 'POST',
        url: '/kbs/v0/resource/default/test/one',
        payload: 'mine',
        headers: { authorization: `Bearer ${token}` },
      });
      expect([at, answer.statusCode]).toEqual([at, 401]);
    }
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
