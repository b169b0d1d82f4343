import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildApp } from '../src/app.ts';
import {
  affirmingResourcePolicy,
  allowAllResourcePolicy,
  denyAllResourcePolicy,
} from '../src/policies/resource-policies.ts';
import { adminToken, createMaterial, openBroker, sampleReferences } from './broker.ts';
import type { Broker, Material } from './broker.ts';
import { Guest } from './guest.ts';

let material: Material;
let broker: Broker;

beforeAll(() => {
  material = createMaterial();
});
afterAll(() => material.remove());
beforeEach(async () => {
  broker = await openBroker(material);
  await broker.setResourcePolicy(allowAllResourcePolicy);
  await broker.admin('POST', 'resource/default/test/one', Buffer.from('shhhhhhh'));
});

async function attested(target: Broker = broker, kind: 'P-256' | 'P-521' | 'RSA' = 'P-256'): Promise<Guest> {
  const guest = new Guest(target.app, kind);
  await guest.auth();
  expect((await guest.attest()).statusCode).toBe(200);
  return guest;
}

const variantOf = (answer: { json(): unknown }): string =>
  (answer.json() as { type: string }).type.replace('https://github.com/confidential-containers/kbs/errors/', '');

describe('the minimal conformance of a KBS', () => {
  it('1. answers an unauthenticated GET of a resource with 401 and a JSON error', async () => {
    const answer = await new Guest(broker.app).get('resource/default/test/one');
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toEqual({
      type: 'https://github.com/confidential-containers/kbs/errors/TokenNotFound',
      detail: 'Attestation Token not found',
    });
  });

  it('2. answers auth with a cookie and a nonce of 44 characters', async () => {
    const answer = await new Guest(broker.app).auth();
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ nonce: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/), 'extra-params': '' });
    expect(answer.headers['set-cookie']).toMatch(
      /^kbs-session-id=[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}; Expires=Sun, 22 Nov 2026 06:05:00 GMT$/,
    );
  });

  it('3. answers attest with a token for sample evidence', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const answer = await guest.attest();
    expect(answer.statusCode).toBe(200);
    const { token } = answer.json() as { token: string };
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >;
    expect(claims).toMatchObject({
      eat_profile: 'tag:github.com,2024:confidential-containers/Trustee',
      iss: 'CoCo-Attestation-Service',
      submods: { cpu0: { 'ear.status': 'contraindicated', 'ear.appraisal-policy-id': 'default' } },
    });
    expect((claims['exp'] as number) - (claims['iat'] as number)).toBe(300);
  });

  it.each(['P-256', 'P-521', 'RSA'] as const)(
    '4. encrypts a resource so that a guest with a %s key opens it',
    async (kind) => {
      const guest = await attested(broker, kind);
      const answer = await guest.get('resource/default/test/one');
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['content-type']).toBe('application/json');
      expect(guest.open(answer.body)).toBe('shhhhhhh');
    },
  );

  it('5. takes a bearer token at a second broker that trusts the same authority', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const { token } = (await guest.attest()).json() as { token: string };
    const second = await openBroker(material);
    await second.setResourcePolicy(allowAllResourcePolicy);
    await second.admin('POST', 'resource/default/test/one', Buffer.from('elsewhere'));
    const answer = await second.app.inject({
      method: 'GET',
      url: '/kbs/v0/resource/default/test/one',
      headers: { authorization: `Bearer ${token}` },
    });
    expect(guest.open(answer.body)).toBe('elsewhere');
  });

  it('6. refuses another nonce, another digest, and a body replayed in another session', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const first = guest.attestation();
    expect((await guest.attest(guest.attestation({ nonce: Buffer.alloc(32).toString('base64') }))).statusCode).toBe(
      401,
    );
    const wrong = { svn: '1', report_data: Buffer.alloc(48).toString('base64') };
    expect((await guest.attest(guest.attestation({ evidence: wrong }))).statusCode).toBe(401);
    await guest.auth();
    const replayed = await guest.attest(first);
    expect(replayed.statusCode).toBe(401);
    expect(replayed.json()).toEqual({
      type: 'https://github.com/confidential-containers/kbs/errors/AttestationError',
      detail: 'Attestation error: RCAR handshake Attest failed',
    });
  });

  it('7. refuses a session that is over, for attest and for resources', async () => {
    const late = new Guest(broker.app);
    await late.auth();
    const guest = await attested();
    broker.clock.now += 5 * 60_000;
    expect((await late.attest()).statusCode).toBe(401);
    expect(variantOf(await guest.get('resource/default/test/one'))).toBe('TokenNotFound');
  });

  it('8. answers PolicyDeny once the policy denies, without a restart', async () => {
    const guest = await attested();
    expect((await guest.get('resource/default/test/one')).statusCode).toBe(200);
    await broker.setResourcePolicy(denyAllResourcePolicy);
    const answer = await guest.get('resource/default/test/one');
    expect([answer.statusCode, variantOf(answer)]).toEqual([401, 'PolicyDeny']);
  });

  it('9. lets only the role of an administrator change anything', async () => {
    const ask = (authorization?: string) =>
      broker.app.inject({
        method: 'POST',
        url: '/kbs/v0/resource-policy',
        payload: '{}',
        ...(authorization === undefined ? {} : { headers: { authorization } }),
      });
    const token = (role: string | undefined, claims = {}) =>
      `Bearer ${adminToken(material.adminKey, role, broker.clock.now, claims)}`;
    const detail = async (authorization?: string) => (await ask(authorization)).json().detail;
    const prefix = 'admin access denied for endpoint resource-policy: ';
    expect(await detail()).toBe(`${prefix}Failed to parse HTTP Auth Bearer header`);
    expect(await detail(token('reader'))).toBe(
      `${prefix}Admin access denied: Role reader not allowed for path /kbs/v0/resource-policy`,
    );
    expect(await detail(token(undefined))).toBe(
      `${prefix}Admin access denied: Failed to parse claims from token: AdminAccessDenied { reason: "Missing required \`role\` claim in JWT" }`,
    );
    expect(await detail(token('admin', { exp: 1 }))).toBe(
      `${prefix}Admin access denied: Cannot verify token with any of the issuers`,
    );
    expect(await detail(`${token('admin').slice(0, -6)}AAAAAA`)).toBe(
      `${prefix}Admin access denied: Cannot verify token with any of the issuers`,
    );
    const denied = await openBroker(material, { adminMode: 'DenyAll' });
    const answer = await denied.app.inject({ method: 'POST', url: '/kbs/v0/resource/a/b/c', payload: 'x' });
    expect(answer.json()).toEqual({
      type: 'https://github.com/confidential-containers/kbs/errors/AdminAuthInitialization',
      detail:
        'failed to initialize [admin] configuration: Admin access denied: Admin access denied as DenyAll authorization_mode is enabled',
    });
  });

  it('10. gives every refusal a body that parses', async () => {
    const paths = [
      'auth',
      'nosuch/a',
      'resource/a',
      'resource/a/b/../c',
      'resource-policy',
      'reference-value/x',
      'attest',
    ];
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
      for (const path of paths) {
        const answer = await broker.app.inject({ method, url: `/kbs/v0/${path}`, payload: '[[[' });
        expect([401, 404]).toContain(answer.statusCode);
        expect(answer.json()).toEqual({
          type: expect.stringMatching(/errors\/[A-Za-z]+$/),
          detail: expect.any(String),
        });
      }
    }
  });
});

describe('a broker', () => {
  it('tells a client of another protocol version which one it speaks', async () => {
    const answer = await broker.app.inject({
      method: 'POST',
      url: '/kbs/v0/auth',
      payload: '{"version":"0.1.1","tee":"sample","extra-params":""}',
    });
    expect(answer.json()).toEqual({
      type: 'https://github.com/confidential-containers/kbs/errors/AttestationError',
      detail:
        'Attestation error: RCAR handshake Auth failed: KBS Client Protocol Version Mismatch: expect =0.4.0 while the request is 0.1.1',
    });
  });

  it('appraises with reference values, and again when one is gone', async () => {
    await broker.setResourcePolicy(affirmingResourcePolicy);
    expect((await broker.register(sampleReferences)).statusCode).toBe(200);
    const guest = await attested();
    expect(guest.open((await guest.get('resource/default/test/one')).body)).toBe('shhhhhhh');
    expect((await broker.admin('GET', 'reference-value/launch_digest')).json()).toEqual(['abcde']);
    expect((await broker.admin('DELETE', 'reference-value/launch_digest')).statusCode).toBe(200);
    const later = await attested();
    expect(variantOf(await later.get('resource/default/test/one'))).toBe('PolicyDeny');
    expect((await broker.admin('GET', 'reference-value/launch_digest')).json()).toEqual({
      type: 'https://github.com/confidential-containers/kbs/errors/RvpsError',
      detail:
        'RVPS configuration failed: Failed to get reference_values: No reference value found for the given id: launch_digest',
    });
  });

  it('binds devices and init data and publishes what they say', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const device = { svn: '2', report_data: guest.digest(null).toString('base64') };
    const additional = JSON.stringify({ sampledevice: device });
    const initData = 'algorithm = "sha256"\nversion = "0.1.0"\n\n[data]\n"cdh.toml" = \'\'\'\nsocket = "s"\n\'\'\'\n';
    const answer = await guest.attest(guest.attestation({ additional, initData }));
    const { token } = answer.json() as { token: string };
    const { submods } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      submods: Record<string, { 'ear.veraison.annotated-evidence': Record<string, unknown> }>;
    };
    expect(Object.keys(submods)).toEqual(['cpu0', 'gpu0']);
    expect(submods['cpu0']?.['ear.veraison.annotated-evidence']).toMatchObject({
      init_data_claims: { 'cdh.toml': { socket: 's' } },
      runtime_data_claims: { nonce: guest.nonce, 'additional-evidence': additional },
    });
  });

  it('gives up a challenge after five refused attempts', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const wrong = guest.attestation({ nonce: 'x' });
    for (let attempt = 0; attempt < 5; attempt++) expect((await guest.attest(wrong)).statusCode).toBe(401);
    expect((await guest.attest()).statusCode).toBe(401);
  });

  it('refuses sample evidence unless it is enabled', async () => {
    const strict = await openBroker(material, { allowSample: false });
    const guest = new Guest(strict.app);
    await guest.auth();
    expect((await guest.attest()).statusCode).toBe(401);
    expect(strict.log.join()).toContain('TRUSTEE_TEE_UNSUPPORTED');
  });

  it('never holds more sessions than it may and lets the oldest half-open one go', async () => {
    const small = await openBroker(material, { maxSessions: 3 });
    const first = await attested(small);
    const half = new Guest(small.app);
    await half.auth();
    for (let more = 0; more < 5; more++) await new Guest(small.app).auth();
    expect(await small.context.sessions.count()).toBe(3);
    expect((await half.attest()).statusCode).toBe(401);
    expect((await first.get('resource/default/test/nothing')).statusCode).toBe(401);
    small.clock.now += 6 * 60_000;
    await small.context.sessions.sweep();
    expect(await small.context.sessions.count()).toBe(0);
  });

  it('answers a forged token, another algorithm and a stripped signature alike', async () => {
    const guest = new Guest(broker.app);
    await guest.auth();
    const { token } = (await guest.attest()).json() as { token: string };
    const [head = '', body = '', signature = ''] = token.split('.');
    const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>;
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const forged = [
      `${head}.${body.slice(0, -4)}AAAA.${signature}`,
      `${encode({ ...header, alg: 'none' })}.${body}.`,
      `${encode({ ...header, alg: 'HS256' })}.${body}.${signature}`,
      `${encode({ ...header, jwk: guest.jwk })}.${body}.${signature}`,
      'x.y.z',
      `${head}.${body}.${signature}.`,
    ];
    for (const value of forged) {
      const answer = await new Guest(broker.app).get('resource/default/test/one', { authorization: `Bearer ${value}` });
      expect([answer.statusCode, variantOf(answer)]).toEqual([401, 'TokenVerifierError']);
    }
  });

  it('refuses a token whose signer another authority vouches for, and one that is expired', async () => {
    const elsewhere = createMaterial();
    const stranger = await openBroker(elsewhere);
    const guest = new Guest(stranger.app);
    await guest.auth();
    const { token } = (await guest.attest()).json() as { token: string };
    const bearer = { authorization: `Bearer ${token}` };
    const foreign = await new Guest(broker.app).get('resource/default/test/one', bearer);
    expect(variantOf(foreign)).toBe('TokenVerifierError');
    await stranger.setResourcePolicy(allowAllResourcePolicy);
    await stranger.admin('POST', 'resource/default/test/one', Buffer.from('own'));
    expect((await new Guest(stranger.app).get('resource/default/test/one', bearer)).statusCode).toBe(200);
    stranger.clock.now += 6 * 60_000 + 1000;
    expect(variantOf(await new Guest(stranger.app).get('resource/default/test/one', bearer))).toBe(
      'TokenVerifierError',
    );
    elsewhere.remove();
  });

  it('does not tell whether a resource exists to those who may not have it', async () => {
    await broker.setResourcePolicy(denyAllResourcePolicy);
    const guest = await attested();
    const there = await guest.get('resource/default/test/one');
    const missing = await guest.get('resource/default/test/two');
    expect(there.body).toBe(missing.body);
  });

  it('writes no secret into its log', async () => {
    const guest = await attested();
    await guest.get('resource/default/test/one');
    await broker.admin('POST', 'resource/default/test/two', Buffer.from('canary-secret'));
    const log = broker.log.join('\n');
    for (const secret of ['shhhhhhh', 'canary-secret', 'Bearer ', guest.cookie ?? '?', guest.nonce]) {
      expect(log).not.toContain(secret);
    }
    expect(log).toContain('"audit":true');
  });

  it.each(['LocalFs', 'LocalJson'] as const)('keeps everything but sessions in %s', async (storage) => {
    const one = await openBroker(material, { storage });
    await one.setResourcePolicy(affirmingResourcePolicy);
    await one.register(sampleReferences);
    await one.admin('POST', 'resource/default/test/kept', Buffer.from([0, 255, 10]));
    const again = await openBroker(material, { storage });
    expect(await again.context.resources?.get('default/test/kept')).toEqual(Uint8Array.of(0, 255, 10));
    expect(await again.context.references.list()).toEqual(Object.keys(sampleReferences).sort());
    expect((await again.admin('GET', 'resource-policy')).json()).toEqual(['resource-policy']);
    const guest = await attested(again);
    expect((await guest.get('resource/default/test/kept')).statusCode).toBe(200);
    expect((await again.admin('DELETE', 'resource/default/test/kept')).statusCode).toBe(200);
    expect(await again.context.resources?.list()).toEqual([]);
  });

  it('answers administrators through the sample plugin where it is loaded', async () => {
    const withSample = await openBroker(material, { changes: { plugins: [{ name: 'sample' }] } });
    const answer = await withSample.admin('GET', 'sample/anything');
    expect([answer.statusCode, answer.body]).toEqual([200, 'sample plugin response']);
    const stranger = await withSample.app.inject('/kbs/v0/sample/anything');
    expect([stranger.statusCode, variantOf(stranger)]).toEqual([401, 'AdminAuthInitialization']);
    expect((await broker.admin('GET', 'sample/anything')).statusCode).toBe(404);
  });

  it.each(['swid', 'corim'])('refuses manifests of type %s and says what to send', async (type) => {
    const message = JSON.stringify({ version: '0.1.0', type, payload: 'e30=' });
    const answer = await broker.admin('POST', 'reference-value', message);
    expect(variantOf(answer)).toBe('RvpsError');
    expect(answer.json().detail).toContain(`type ${type} are not read here: send their values as type sample`);
  });

  it('keeps administrators and guests apart where each has an address', async () => {
    const guests = buildApp(broker.context, 'guests');
    const administrators = buildApp(broker.context, 'administrators');
    const headers = { authorization: `Bearer ${adminToken(material.adminKey, 'admin', broker.clock.now)}` };
    for (const [method, path] of [
      ['POST', 'resource/default/test/two'],
      ['DELETE', 'resource/default/test/one'],
      ['POST', 'resource-policy'],
      ['GET', 'resource-policy'],
      ['POST', 'attestation-policy'],
      ['GET', 'reference-value/svn'],
      ['POST', 'reference-value'],
    ] as const) {
      const answer = await guests.inject({ method, url: `/kbs/v0/${path}`, headers, payload: 'x' });
      expect([path, answer.statusCode, variantOf(answer)]).toEqual([path, 401, 'AdminAuthAccess']);
    }
    const stored = { method: 'POST', url: '/kbs/v0/resource/default/test/two', headers, payload: 'two' } as const;
    expect((await administrators.inject(stored)).statusCode).toBe(200);
    const guest = new Guest(guests);
    await guest.auth();
    expect((await guest.attest()).statusCode).toBe(200);
    expect(guest.open((await guest.get('resource/default/test/two')).body)).toBe('two');
    for (const [method, path] of [
      ['POST', 'auth'],
      ['POST', 'attest'],
      ['GET', 'resource/default/test/two'],
    ] as const) {
      const answer = await administrators.inject({ method, url: `/kbs/v0/${path}`, headers, payload: '{}' });
      expect([path, answer.statusCode, variantOf(answer)]).toEqual([path, 404, 'PluginNotFound']);
    }
  });

  it('refuses policies that are none and says where', async () => {
    const answer = await broker.setResourcePolicy('package policy\n\nallow if {\n  x == \n}');
    expect(variantOf(answer)).toBe('PolicyEngineError');
    expect(answer.json().detail).toContain('resource-policy.rego:5:1');
    const envelope = await broker.admin('POST', 'resource-policy', '{"policy":7}');
    expect(envelope.json().detail).toContain('Failed to parse policy: `policy` field is not');
  });

  it('serves health and metrics, and refuses what is too long', async () => {
    expect((await broker.app.inject('/healthz')).statusCode).toBe(200);
    await attested();
    const metrics = await broker.app.inject('/metrics');
    expect(metrics.body).toContain('kbs_attest_total{tee="sample",outcome="success",application="trustee"} 1');
    expect(metrics.body).toContain(
      'kbs_request_duration_seconds_count{application="trustee",endpoint="attest",status="200"} ',
    );
    expect(metrics.body).toMatch(/^kbs_sessions\{.*\} [1-9]/m);
    expect((await broker.app.inject({ method: 'POST', url: '/metrics' })).statusCode).toBe(405);
    expect((await broker.app.inject({ method: 'PATCH', url: '/kbs/v0/auth' })).statusCode).toBe(405);
    const long = await broker.app.inject({ method: 'POST', url: '/kbs/v0/attest', payload: Buffer.alloc(2 ** 21 + 1) });
    expect(long.statusCode).toBe(413);
  });
});
