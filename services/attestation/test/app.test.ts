import { createHash } from 'node:crypto';

import { parseAttestationJwks, verifyAttestationToken } from '@holdfast/attestation';
import type { SimulatedPlatform } from '@holdfast/attestation';
import { toUtf8 } from '@holdfast/base';
import fc from 'fast-check';
import type { LightMyRequestResponse } from 'fastify';
import { beforeAll, describe, expect, it } from 'vitest';

import { buildApp } from '../src/index.ts';
import type { AttestationContext } from '../src/index.ts';
import { ISSUER, NOW, requestBody, simulatedPlatform, testContext } from './instance.ts';

const RUNTIME = toUtf8('{"location":"East US","publicKey":"AA=="}');
const PATH = '/attest/SevSnpVm?api-version=2022-08-01';

describe('the attestation service', () => {
  let platform: SimulatedPlatform;
  let context: AttestationContext;
  let logged: () => string;
  let body: string;

  beforeAll(async () => {
    platform = await simulatedPlatform();
    ({ context, logged } = testContext(platform));
    body = requestBody(platform, RUNTIME, reportData(), { nonce: '18446744073709551615' });
  });

  function reportData(data: Uint8Array = RUNTIME): Uint8Array {
    return Buffer.concat([createHash('sha256').update(data).digest(), Buffer.alloc(32)]);
  }
  const attest = async (
    payload: string | Buffer,
    url = PATH,
    contentType: string | undefined = 'application/json',
  ): Promise<LightMyRequestResponse> =>
    buildApp(context).inject({
      method: 'POST',
      url,
      payload,
      headers: contentType === undefined ? {} : { 'content-type': contentType },
    });

  it('issues a token that its own published keys verify, over the claims of the evidence', async () => {
    const answer = await attest(body);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
    expect(answer.headers['x-ms-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    const { token } = answer.json<{ token: string }>();
    const certs = await buildApp(context).inject('/certs');
    const verified = verifyAttestationToken(token, {
      keys: parseAttestationJwks(certs.body),
      issuers: [ISSUER],
      now: () => NOW,
      expect: {
        allowTestRoot: true,
        complianceStatus: 'azure-compliant-uvm',
        hostData: ['07'.repeat(32)],
        nonce: '18446744073709551615',
        runtimeData: RUNTIME,
      },
    });
    expect(verified.expiresAt).toBe(NOW / 1000 + 28_800);
    expect(verified.sevSnpVm).toMatchObject({
      attestationType: 'sevsnpvm',
      debuggable: false,
      vmpl: 0,
      testRoot: true,
      runtime: { location: 'East US', publicKey: 'AA==' },
    });
  });

  it('writes the header members in the order alg, jku, kid, typ', async () => {
    const { token } = (await attest(body)).json<{ token: string }>();
    const header = Buffer.from(token.split('.')[0] ?? '', 'base64url').toString();
    const { kid } = JSON.parse(header) as { kid: string };
    expect(header).toBe(`{"alg":"RS256","jku":"${ISSUER}/certs","kid":"${kid}","typ":"JWT"}`);
  });

  it.each(['/attest/SevSnpVM', '/attest/sevsnpvm', '/attest/SEVSNPVM/'])(
    'takes the type without case: %s',
    async (path) => {
      expect((await attest(body, `${path}?api-version=2020-10-01`)).statusCode).toBe(200);
    },
  );

  it('reports a debug guest and a guest without endorsement without a compliance status', async () => {
    for (const over of [{ debug: true }, { endorsed: false }]) {
      const answer = await attest(requestBody(platform, RUNTIME, reportData(), over));
      const claims = claimsOf(answer);
      expect([answer.statusCode, claims['x-ms-sevsnpvm-is-debuggable'], claims['x-ms-compliance-status']]).toEqual([
        200,
        over.debug === true,
        undefined,
      ]);
    }
  });

  it('does not believe a root that its configuration does not name', async () => {
    const trust = { ...context.trust, roots: [] };
    const answer = await buildApp({ ...context, trust }).inject({
      method: 'POST',
      url: PATH,
      payload: JSON.parse(body) as object,
    });
    expect([answer.statusCode, answer.json()]).toMatchObject([400, { error: { code: 'InvalidParameter' } }]);
    expect(answer.body).not.toContain('token');
  });

  it.each([
    ['no body', ''],
    ['no JSON', 'report'],
    ['an array', '[]'],
    ['no report', '{}'],
    ['a report that is no Base64', '{"report":"*"}'],
    ['a report that is no bundle', '{"report":"e30"}'],
    ['a byte that is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('refuses %s with 400 InvalidParameter', async (_what, payload) => {
    const answer = await attest(payload);
    expect([answer.statusCode, answer.json()]).toMatchObject([400, { error: { code: 'InvalidParameter' } }]);
  });

  it('refuses runtime data that the report does not bind, and a second half of report data that is not zero', async () => {
    for (const data of [reportData(toUtf8('{}')), Buffer.from(reportData()).fill(1, 32)]) {
      const answer = await attest(requestBody(platform, RUNTIME, data));
      expect([answer.statusCode, answer.json()]).toMatchObject([400, { error: { code: 'InvalidParameter' } }]);
    }
  });

  it('answers an unsigned token for a draft policy, under which a caller could issue any claim', async () => {
    const withPolicy = (draft: string): string =>
      JSON.stringify({ ...(JSON.parse(body) as object), draftPolicyForAttestation: draft });
    const policy =
      'version=1.0; authorizationrules { => permit(); }; issuancerules { => issue(type="x", value="y"); };';
    const answer = await attest(withPolicy(policy));
    const [header = '', payload = '', signature] = answer.json<{ token: string }>().token.split('.');
    const decode = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect([answer.statusCode, decode(header), signature]).toEqual([200, { alg: 'none', typ: 'JWT' }, '']);
    expect(decode(payload)).toMatchObject({ x: 'y', iss: ISSUER });
    const denied = await attest(withPolicy('version=1.0; authorizationrules { => deny(); }; issuancerules { };'));
    expect([denied.statusCode, denied.json()]).toMatchObject([400, { error: { code: 'PolicyEvaluationError' } }]);
    const broken = await attest(withPolicy('version=2.0;'));
    expect([broken.statusCode, broken.json()]).toMatchObject([400, { error: { code: 'PolicyParsingError' } }]);
  });

  it.each(['', '?api-version=', '?api-version=2019-01-01', '?api-version=2022-08-01&api-version=2022-08-01'])(
    'refuses the query "%s" with 400',
    async (query) => {
      const answer = await attest(body, `/attest/SevSnpVm${query}`);
      expect([answer.statusCode, answer.json()]).toMatchObject([400, { error: { code: 'InvalidParameter' } }]);
    },
  );

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'nonsense'])(
    'refuses the content type %s with 415',
    async (type) => {
      const answer = await attest(body, PATH, type);
      expect([answer.statusCode, answer.json()]).toMatchObject([415, { error: { code: 'InvalidParameter' } }]);
    },
  );

  it('accepts a content type with parameters', async () => {
    expect((await attest(body, PATH, 'Application/JSON; charset=utf-8')).statusCode).toBe(200);
  });

  it('refuses a body of more than 1 MiB with 413', async () => {
    const answer = await attest(`{"report":"${'A'.repeat(1024 * 1024)}"}`);
    expect([answer.statusCode, answer.json()]).toMatchObject([413, { error: { code: 'InvalidParameter' } }]);
  });

  it.each([
    ['AzureGuest', 501],
    ['SgxEnclave', 501],
    ['OpenEnclave', 501],
    ['Tpm', 501],
    ['Other', 400],
  ])('does not attest %s: %i InvalidOperation', async (type, status) => {
    const answer = await attest(body, `/attest/${type}?api-version=2022-08-01`);
    expect([answer.statusCode, answer.json()]).toMatchObject([status, { error: { code: 'InvalidOperation' } }]);
  });

  it('publishes keys and OpenID metadata of its issuer', async () => {
    const app = buildApp(context);
    const { keys } = (await app.inject('/certs')).json<{ keys: Record<string, unknown>[] }>();
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatchObject({ alg: 'RS256', kty: 'RSA', use: 'sig', kid: context.instance().signingKey.kid });
    const document = (await app.inject('/.well-known/openid-configuration')).json<Record<string, unknown>>();
    expect(document).toMatchObject({
      issuer: ISSUER,
      jwks_uri: `${ISSUER}/certs`,
      response_types_supported: ['token', 'none'],
      id_token_signing_alg_values_supported: ['RS256'],
    });
  });

  it.each([
    ['GET', '/policies/SevSnpVm'],
    ['PUT', '/policies/SevSnpVm'],
    ['POST', '/policies/SevSnpVm:reset'],
    ['GET', '/certificates'],
    ['POST', '/certificates:add'],
  ] as const)('%s %s needs a bearer, and is not served with one', async (method, url) => {
    const app = buildApp(context);
    expect((await app.inject({ method, url })).statusCode).toBe(401);
    const answer = await app.inject({ method, url, headers: { authorization: 'Bearer x' } });
    expect([answer.statusCode, answer.json()]).toMatchObject([501, { error: { code: 'InvalidOperation' } }]);
  });

  it('answers unknown paths and methods with 404 JSON', async () => {
    for (const [method, url] of [
      ['GET', '/attest/SevSnpVm'],
      ['GET', '/nowhere'],
      ['POST', '/certs'],
    ] as const) {
      const answer = await buildApp(context).inject({ method, url });
      expect([answer.statusCode, answer.json()]).toMatchObject([404, { error: { code: 'NotFound' } }]);
    }
  });

  it('hides its own failures behind a request id', async () => {
    const broken: AttestationContext = {
      ...context,
      instance: () => {
        throw new Error('canary');
      },
    };
    const answer = await buildApp(broken).inject({ method: 'POST', url: PATH, payload: JSON.parse(body) as object });
    expect([answer.statusCode, answer.json()]).toMatchObject([500, { error: { code: 'InternalServerError' } }]);
    expect(answer.body).not.toContain('canary');
    expect(answer.body).toContain(String(answer.headers['x-ms-request-id']));
    expect(logged()).toContain('canary');
  });

  it('logs why evidence was refused, with the request id', async () => {
    const answer = await attest('{}');
    const line = logged()
      .split('\n')
      .find((candidate) => candidate.includes(String(answer.headers['x-ms-request-id'])));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 'warn', status: 400, code: 'MAA_REQUEST_INVALID' });
  });

  it('never issues a token for a request with one character of the evidence changed', async () => {
    const { report } = JSON.parse(body) as { report: string };
    const bundle = Buffer.from(report, 'base64url').toString();
    const snpReport = (JSON.parse(bundle) as { SnpReport: string }).SnpReport;
    await fc.assert(
      fc.asyncProperty(fc.nat(0x2a0 - 1), fc.integer({ min: 0, max: 7 }), async (at, bit) => {
        const bytes = Buffer.from(snpReport, 'base64url');
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
        const changed = bundle.replace(snpReport, bytes.toString('base64url'));
        const answer = await attest(
          JSON.stringify({ ...(JSON.parse(body) as object), report: Buffer.from(changed).toString('base64url') }),
        );
        expect(answer.statusCode).toBe(400);
      }),
      { numRuns: 50 },
    );
  });

  function claimsOf(answer: LightMyRequestResponse): Record<string, unknown> {
    const payload = answer.json<{ token?: string }>().token?.split('.')[1];
    if (payload === undefined) throw new Error(`no token: ${answer.body}`);
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  }
});
