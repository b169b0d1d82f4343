import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createTokenSigner, jwksFor, parseJsonObject } from '@holdfast/attestation';
import type { Certificate, JsonObject, SimulatedPlatform } from '@holdfast/attestation';
import { toBase64, toBase64Url, toUtf8 } from '@holdfast/base';
import type { HttpAnswer } from '@holdfast/http';
import type { LightMyRequestResponse } from 'fastify';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  buildApp,
  createAdministrators,
  createSigningKey,
  createSigningKeyRotation,
  openManagementStore,
} from '../src/index.ts';
import type { AttestationContext, SigningKey } from '../src/index.ts';
import { NOW, random, requestBody, rsaKeyPem, simulatedPlatform, testContext } from './instance.ts';

const TENANT_ISSUER = 'https://sts.windows.net/tenant/';
const ADMIN = 'aaaaaaaa-1111-4111-8111-111111111111';
const POLICY = 'version=1.0; authorizationrules { => permit(); }; issuancerules { => issue(type="team", value="a"); };';
const DENY = 'version=1.0; authorizationrules { => deny(); }; issuancerules { };';

interface Signer {
  readonly privateKey: KeyObject;
  readonly certificate: Certificate;
}
function signer(modulusLength = 2048): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength });
  const { certificate } = createTokenSigner({
    issuer: 'https://signer.test',
    privateKey,
    publicKey,
    serial: random(8),
    notBefore: NOW,
    notAfter: NOW + 1000,
  });
  return { privateKey, certificate };
}
function encode(value: unknown): string {
  return toBase64Url(toUtf8(JSON.stringify(value)));
}
function jws(payload: unknown, by?: Signer, header: object = {}): string {
  if (by === undefined) return `${encode({ alg: 'none', ...header })}.${encode(payload)}.`;
  const input = `${encode({ alg: 'RS256', x5c: [toBase64(by.certificate.der)], ...header })}.${encode(payload)}`;
  return `${input}.${toBase64Url(sign('sha256', toUtf8(input), by.privateKey))}`;
}
const policyStatement = (text: string): object => ({ AttestationPolicy: toBase64Url(toUtf8(text)) });

describe('the management interface', () => {
  let platform: SimulatedPlatform;
  let folder: string;
  let stateFile: string;
  const tenant = signer();
  const tenantKid = jwksFor(tenant.certificate).keys[0]?.kid ?? '';

  beforeAll(async () => {
    platform = await simulatedPlatform();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-attestation-'));
    stateFile = join(folder, 'state.json');
  });
  afterEach(async () => rm(folder, { recursive: true }));

  const contextWith = async (
    signers: readonly Certificate[] = [],
  ): Promise<{ context: AttestationContext; logged: () => string }> => {
    const { context, logged } = testContext(platform);
    const lines: string[] = [];
    const write = (facts: object): void => void lines.push(JSON.stringify(facts));
    const administrators = createAdministrators({
      issuer: TENANT_ISSUER,
      keysUrl: 'https://entra.test/keys',
      audience: 'https://attest.azure.net',
      objectIds: [ADMIN],
      client: {
        send: async (): Promise<HttpAnswer> =>
          Promise.resolve({ status: 200, headers: {}, body: toUtf8(JSON.stringify(jwksFor(tenant.certificate))) }),
      },
      clock: () => NOW,
    });
    const store = await openManagementStore(stateFile, signers);
    const management = { administrators, store, logger: { info: write, warn: write } };
    return { context: { ...context, management }, logged: () => logged() + lines.join('\n') };
  };
  const accessToken = (over: JsonObject = {}): string => {
    const claims = {
      iss: TENANT_ISSUER,
      aud: 'https://attest.azure.net',
      oid: ADMIN,
      nbf: NOW / 1000,
      exp: NOW / 1000 + 60,
      ...over,
    };
    const input = `${encode({ alg: 'RS256', kid: tenantKid, typ: 'JWT' })}.${encode(claims)}`;
    return `${input}.${toBase64Url(sign('sha256', toUtf8(input), tenant.privateKey))}`;
  };
  const call = async (
    context: AttestationContext,
    method: 'GET' | 'PUT' | 'POST',
    url: string,
    payload?: string,
    token = accessToken(),
  ): Promise<LightMyRequestResponse> =>
    buildApp(context).inject({
      method,
      url: `${url}?api-version=2022-08-01`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'text/plain' },
      ...(payload === undefined ? {} : { payload }),
    });
  const claimsOf = (answer: LightMyRequestResponse): JsonObject => {
    const part = answer.json<{ token?: string }>().token?.split('.')[1];
    if (part === undefined) throw new Error(answer.body);
    return parseJsonObject(Buffer.from(part, 'base64url'), 'X');
  };
  const attest = async (context: AttestationContext): Promise<LightMyRequestResponse> => {
    const runtime = toUtf8('{}');
    const reportData = new Uint8Array(64);
    reportData.set(createHash('sha256').update(runtime).digest());
    return buildApp(context).inject({
      method: 'POST',
      url: '/attest/SevSnpVm?api-version=2022-08-01',
      headers: { 'content-type': 'application/json' },
      payload: requestBody(platform, runtime, reportData),
    });
  };
  const codeOf = (answer: LightMyRequestResponse): [number, string] => [
    answer.statusCode,
    answer.json<{ error: { code: string } }>().error.code,
  ];

  it('shows, sets and resets the policy that attestation goes by, across restarts', async () => {
    const { context } = await contextWith();
    const before = claimsOf(await call(context, 'GET', '/policies/SevSnpVm'));
    expect(before['x-ms-policy']).toMatch(/^eyJhbGciOiJub25lIn0\.[\w-]+\.$/);
    const statement = jws(policyStatement(POLICY));
    const set = await call(context, 'PUT', '/policies/sevsnpvm', statement);
    expect([set.statusCode, claimsOf(set)]).toMatchObject([
      200,
      {
        'x-ms-policy-result': 'Updated',
        'x-ms-policy-token-hash': createHash('sha256').update(statement).digest('base64url'),
        iss: 'https://attest.test',
      },
    ]);
    const first = claimsOf(await attest(context));
    expect(first['team']).toBe('a');
    expect((await stat(stateFile)).mode & 0o777).toBe(0o600);

    const { context: restarted } = await contextWith();
    expect(claimsOf(await call(restarted, 'GET', '/policies/SevSnpVm'))['x-ms-policy']).toBe(statement);
    expect(claimsOf(await attest(restarted))['x-ms-policy-hash']).toBe(first['x-ms-policy-hash']);
    expect(claimsOf(await call(restarted, 'POST', '/policies/SevSnpVm:reset'))['x-ms-policy-result']).toBe('Removed');
    expect(claimsOf(await attest(restarted))).not.toHaveProperty('team');
  });

  it('refuses evidence that the policy denies', async () => {
    const { context } = await contextWith();
    await call(context, 'PUT', '/policies/SevSnpVm', jws(policyStatement(DENY)));
    expect(codeOf(await attest(context))).toEqual([400, 'PolicyEvaluationError']);
  });

  it('refuses a policy that cannot be evaluated, and keeps the one in force', async () => {
    const { context } = await contextWith();
    expect(codeOf(await call(context, 'PUT', '/policies/SevSnpVm', jws(policyStatement('version=1.2;'))))).toEqual([
      400,
      'PolicyParsingError',
    ]);
    expect((await attest(context)).statusCode).toBe(200);
  });

  it.each<[string, JsonObject]>([
    ['another issuer', { iss: 'https://sts.windows.net/other/' }],
    ['another audience', { aud: 'https://vault.azure.net' }],
    ['another principal', { oid: 'bbbbbbbb-1111-4111-8111-111111111111' }],
    ['no principal', { oid: 1 }],
    ['an expired token', { exp: NOW / 1000 - 301 }],
    ['a token of tomorrow', { nbf: NOW / 1000 + 86_400 }],
  ])('refuses %s with the same 401, and says which in the log', async (_what, over) => {
    const { context, logged } = await contextWith();
    const answer = await call(context, 'GET', '/policies/SevSnpVm', undefined, accessToken(over));
    expect([answer.statusCode, answer.json()]).toEqual([
      401,
      { error: { code: 'Unauthorized', message: 'The access token is not accepted.' } },
    ]);
    expect(logged()).toContain('MANAGEMENT_TOKEN_REFUSED');
  });

  it('refuses tokens that the tenant did not sign', async () => {
    const { context } = await contextWith();
    const [header, payload] = accessToken().split('.', 2);
    for (const token of ['x', `${header}.${payload}.AAAA`, jws({ oid: ADMIN })]) {
      expect((await call(context, 'GET', '/certificates', undefined, token)).statusCode).toBe(401);
    }
  });

  describe('with policy signers', () => {
    const first = signer();
    const second = signer();

    it('takes only statements of a signer', async () => {
      const { context } = await contextWith([first.certificate]);
      const set = await call(context, 'PUT', '/policies/SevSnpVm', jws(policyStatement(POLICY), first));
      expect(claimsOf(set)).toMatchObject({ 'x-ms-policy-signer': { x5c: [toBase64(first.certificate.der)] } });
      for (const statement of [
        jws(policyStatement(POLICY)),
        jws(policyStatement(POLICY), second),
        jws(policyStatement(POLICY), { ...second, certificate: first.certificate }),
        jws(policyStatement(POLICY), first, { alg: 'HS256' }),
        jws(policyStatement(POLICY), first, { crit: ['x'] }),
        jws(policyStatement(POLICY), first, { x5c: [] }),
        jws({}, first),
        'text',
        '',
      ]) {
        expect(codeOf(await call(context, 'PUT', '/policies/SevSnpVm', statement))).toEqual([400, 'InvalidParameter']);
      }
      expect(codeOf(await call(context, 'POST', '/policies/SevSnpVm:reset', jws({})))).toEqual([
        400,
        'InvalidParameter',
      ]);
      expect((await call(context, 'POST', '/policies/SevSnpVm:reset', jws({}, first))).statusCode).toBe(200);
    });

    it('adds and removes signers, and never the last', async () => {
      const { context } = await contextWith([first.certificate]);
      const about = ({ certificate }: Signer): object => ({
        policyCertificate: { kty: 'RSA', x5c: [toBase64(certificate.der)] },
      });
      const added = await call(context, 'POST', '/certificates:add', jws(about(second), first));
      expect(claimsOf(added)).toMatchObject({
        'x-ms-policycertificates-result': 'IsPresent',
        'x-ms-certificate-thumbprint': createHash('sha1').update(second.certificate.der).digest('hex').toUpperCase(),
      });
      const { 'x-ms-policy-certificates': list } = claimsOf(await call(context, 'GET', '/certificates'));
      expect(list).toMatchObject({
        keys: [{ x5c: [toBase64(first.certificate.der)] }, { x5c: [toBase64(second.certificate.der)] }],
      });
      const removed = await call(context, 'POST', '/certificates:remove', jws(about(first), second));
      expect(claimsOf(removed)['x-ms-policycertificates-result']).toBe('IsAbsent');
      for (const statement of [
        jws(about(second), second),
        jws(about(second), first),
        jws(about(signer(1024)), second),
      ]) {
        expect((await call(context, 'POST', '/certificates:remove', statement)).statusCode).toBe(400);
      }
      const { context: restarted } = await contextWith([first.certificate]);
      expect(claimsOf(await call(restarted, 'GET', '/certificates'))).toMatchObject({
        'x-ms-policy-certificates': { keys: [{ x5c: [toBase64(second.certificate.der)] }] },
      });
    });

    it('does not give signers to an instance that was made without', async () => {
      const { context } = await contextWith();
      const statement = jws({ policyCertificate: { x5c: [toBase64(first.certificate.der)] } }, first);
      expect(codeOf(await call(context, 'POST', '/certificates:add', statement))).toEqual([400, 'InvalidOperation']);
    });
  });

  it('does not start with a state file that is damaged', async () => {
    await writeFile(stateFile, '{"version":1}');
    await expect(contextWith()).rejects.toMatchObject({ code: 'MANAGEMENT_STATE_UNREADABLE' });
  });
});

describe('createSigningKeyRotation', () => {
  const key = (): SigningKey => {
    const keyPem = rsaKeyPem();
    return createSigningKey({ keyPem, certificatePem: undefined, issuer: 'https://a.test', clock: () => NOW, random });
  };

  it('signs with the newest key and publishes the others until their tokens are over', () => {
    let now = NOW;
    const [one, two, three] = [key(), key(), key()];
    const rotation = createSigningKeyRotation(one, () => now);
    const published = (): readonly string[] => rotation.current.jwks.keys.map(({ kid }) => kid);
    expect(rotation.rotate(one)).toBe(false);
    expect(rotation.rotate(two)).toBe(true);
    expect([rotation.current.kid, published()]).toEqual([two.kid, [two.kid, one.kid]]);
    now += 3_600_000;
    rotation.rotate(three);
    expect(published()).toEqual([three.kid, two.kid, one.kid]);
    rotation.rotate(one);
    expect(published()).toEqual([one.kid, three.kid, two.kid]);
    now += 8 * 3_600_000 + 1;
    expect(published()).toEqual([one.kid, three.kid, two.kid]);
    now += 3_600_000;
    expect(published()).toEqual([one.kid]);
  });
});
