import { generateKeyPairSync, sign } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadVectors } from '@holdfast/base/testing';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { buildEntraApp, openTokenIssuer } from '../../src/azure/index.ts';
import type { EntraAppOptions, FederatedCredential, TokenIssuer } from '../../src/azure/index.ts';

const TENANT = '72f988bf-0000-0000-0000-000000000001';
const NOW = 1_700_000_000_000;
const TOKEN_PATH = `/${TENANT}/oauth2/v2.0/token?client-request-id=1`;
const FORM = {
  client_id: 'cid',
  scope: 'https://vault.azure.net/.default',
  grant_type: 'client_credentials',
  client_secret: 'sec~ret',
};

describe('buildEntraApp', () => {
  let folder: string;
  let tokenIssuer: TokenIssuer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-entra-'));
    tokenIssuer = await openTokenIssuer({
      folder,
      tenantId: TENANT,
      authorityUrl: 'https://127.0.0.1:8443/',
      clock: () => NOW,
    });
  });
  afterAll(async () => rm(folder, { recursive: true }));

  const appWith = (options: Partial<EntraAppOptions> = {}): FastifyInstance =>
    buildEntraApp({
      tokenIssuer,
      clock: () => NOW,
      applications: [
        { clientId: 'cid', objectId: 'oid', secrets: [{ value: 'sec~ret' }, { value: 'old', expiresAt: NOW - 1 }] },
      ],
      ...options,
    });
  const post = async (
    form: Record<string, string> | string,
    options: Partial<EntraAppOptions> = {},
    url = TOKEN_PATH,
  ): Promise<LightMyRequestResponse> =>
    appWith(options).inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded;charset=utf-8' },
      payload: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
    });

  it('publishes an OpenID configuration of its own address, for the tenant in any case', async () => {
    const answer = await appWith().inject(`/${TENANT.toUpperCase()}/v2.0/.well-known/openid-configuration`);
    expect(answer.json()).toMatchObject({
      issuer: `https://127.0.0.1:8443/${TENANT}/v2.0`,
      token_endpoint: `https://127.0.0.1:8443/${TENANT}/oauth2/v2.0/token`,
      jwks_uri: `https://127.0.0.1:8443/${TENANT}/discovery/v2.0/keys`,
    });
  });

  it('publishes the key that verifies its tokens, without private members', async () => {
    const answer = await appWith().inject(`/${TENANT}/discovery/v2.0/keys`);
    const { keys } = answer.json<{ keys: Record<string, string>[] }>();
    expect(keys).toHaveLength(1);
    expect(Object.keys(keys[0] ?? {}).sort()).toEqual(['e', 'issuer', 'kid', 'kty', 'n', 'use', 'x5t']);
  });

  it('answers instance discovery with its own host', async () => {
    const answer = await appWith().inject('/common/discovery/instance?api-version=1.1');
    expect(answer.json()).toMatchObject({ 'api-version': '1.1', metadata: [{ preferred_network: '127.0.0.1:8443' }] });
  });

  it('issues a token for a client secret', async () => {
    const answer = await post(FORM);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
    const { access_token: token, ...rest } = answer.json<Record<string, unknown>>();
    expect(rest).toEqual({ token_type: 'Bearer', expires_in: 3600, ext_expires_in: 3600 });
    expect(tokenIssuer.verifyAccessToken(String(token), ['https://vault.azure.net'])).toMatchObject({
      clientId: 'cid',
      objectId: 'oid',
      issuer: `https://sts.windows.net/${TENANT}/`,
      expiresOn: NOW / 1000 + 3600,
    });
  });

  it.each([
    ['another tenant', FORM, '/other/oauth2/v2.0/token', 400, 'invalid_request', 90002],
    ['no form at all', '', TOKEN_PATH, 400, 'invalid_request', 900144],
    ['another grant', { ...FORM, grant_type: 'password' }, TOKEN_PATH, 400, 'unsupported_grant_type', 70003],
    ['no client id', { ...FORM, client_id: '' }, TOKEN_PATH, 400, 'invalid_request', 900144],
    ['an unknown client', { ...FORM, client_id: 'nobody' }, TOKEN_PATH, 400, 'unauthorized_client', 700016],
    ['a wrong secret', { ...FORM, client_secret: 'no' }, TOKEN_PATH, 401, 'invalid_client', 7000215],
    ['an expired secret', { ...FORM, client_secret: 'old' }, TOKEN_PATH, 401, 'invalid_client', 7000222],
    [
      'a scope without /.default',
      { ...FORM, scope: 'https://vault.azure.net' },
      TOKEN_PATH,
      400,
      'invalid_scope',
      70011,
    ],
    ['two scopes', { ...FORM, scope: 'a/.default b/.default' }, TOKEN_PATH, 400, 'invalid_scope', 70011],
  ])('refuses %s with its AADSTS number', async (_what, form, url, status, error, code) => {
    const answer = await post(form, {}, url);
    const body = answer.json<{ error_description: string }>();
    expect([answer.statusCode, body]).toMatchObject([
      status,
      {
        error,
        error_codes: [code],
        timestamp: '2023-11-14 22:13:20Z',
        error_uri: expect.stringContaining(`=${code}`) as string,
      },
    ]);
    expect(body.error_description).toMatch(
      new RegExp(`^AADSTS${code}: .+ Trace ID: \\S+ Correlation ID: \\S+ Timestamp: 2023-11-14 22:13:20Z$`),
    );
  });

  it('refuses a client without any credential, and a JSON body as a form without parameters', async () => {
    const { client_secret: _, ...bare } = FORM;
    expect((await post(bare)).json()).toMatchObject({ error_codes: [7000216] });
    const json = await appWith().inject({ method: 'POST', url: TOKEN_PATH, payload: FORM });
    expect([json.statusCode, json.json()]).toMatchObject([400, { error_codes: [900144] }]);
  });

  it('answers 413 to a form over the limit and 404 to unknown paths, as JSON', async () => {
    const large = await post(`grant_type=${'a'.repeat(300 * 1024)}`);
    expect([large.statusCode, large.json()]).toMatchObject([413, { error: 'invalid_request' }]);
    const unknown = await appWith().inject('/nowhere');
    expect([unknown.statusCode, unknown.json()]).toEqual([404, { error: 'not_found' }]);
  });

  describe('client assertions', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1' } as JsonWebKey & { kid: string };
    const credentials: FederatedCredential[] = [
      {
        issuer: 'https://issuer.example/',
        subject: 'system:serviceaccount:ns:sa',
        audiences: ['api://AzureADTokenExchange'],
      },
    ];
    const claims = {
      iss: 'https://issuer.example/',
      sub: 'system:serviceaccount:ns:sa',
      aud: ['api://AzureADTokenExchange'],
      exp: NOW / 1000 + 600,
    };
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = (payload: unknown, header: unknown = { alg: 'RS256', kid: 'k1' }): string => {
      const input = `${encode(header)}.${encode(payload)}`;
      return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`;
    };
    const exchange = async (
      assertion: string,
      over: Partial<EntraAppOptions> & { federated?: readonly FederatedCredential[]; now?: number } = {},
    ): Promise<LightMyRequestResponse> => {
      const { federated = credentials, now = NOW, ...options } = over;
      const { client_secret: _, ...form } = FORM;
      return post(
        {
          ...form,
          client_assertion: assertion,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        },
        {
          applications: [{ clientId: 'cid', objectId: 'oid', federatedCredentials: federated }],
          fetchIssuerKeys: async () => Promise.resolve([jwk]),
          clock: () => now,
          ...options,
        },
      );
    };

    it('exchanges an assertion that a federated credential trusts, with white space around it', async () => {
      expect((await exchange(`${signed(claims)}\n`)).statusCode).toBe(200);
    });

    it.each([
      ['no JWT', 'aaa.bbb', 700027],
      ['a changed claim', signed(claims).replace(/\.[^.]+\./, `.${encode({ ...claims, sub: 'x' })}.`), 700027],
      ['an unknown key', signed(claims, { alg: 'RS256', kid: 'k2' }), 700027],
      ['no algorithm', signed(claims, { alg: 'none', kid: 'k1' }), 700027],
      ['another audience', signed({ ...claims, aud: 'other' }), 700212],
      ['no expiry', signed({ ...claims, exp: undefined }), 700024],
      ['a life of a year', signed({ ...claims, iat: NOW / 1000, exp: NOW / 1000 + 365 * 86_400 }), 70023],
      ['an algorithm of another kind of key', signed(claims, { alg: 'ES256', kid: 'k1' }), 700027],
      ['an expiry before any calendar', signed({ ...claims, exp: -1e300 }), 700024],
      ['an expiry that is a text', signed({ ...claims, exp: '9e999' }), 700024],
      ['an expiry that is an object', signed({ ...claims, exp: { a: 1 } }), 700024],
    ])('refuses %s', async (_what, assertion, code) => {
      const answer = await exchange(assertion);
      expect([answer.statusCode, answer.json()]).toMatchObject([401, { error: 'invalid_client', error_codes: [code] }]);
    });

    it('refuses an assertion whose issuer publishes a key that is none', async () => {
      const broken = { kty: 'RSA', kid: 'k1', n: 'AA', e: '' };
      const answer = await exchange(signed(claims), { fetchIssuerKeys: async () => Promise.resolve([broken]) });
      expect([answer.statusCode, answer.json()]).toMatchObject([401, { error_codes: [700027] }]);
    });

    it('says when the keys of the issuer cannot be fetched', async () => {
      const answer = await exchange(signed(claims), {
        fetchIssuerKeys: async () => Promise.reject(new Error('offline')),
      });
      expect([answer.statusCode, answer.json()]).toMatchObject([400, { error_codes: [90061] }]);
    });

    const vectors = loadVectors('identity.json') as
      | { cases: { id: string; group: string; title: string; input: unknown; expect: unknown }[] }
      | undefined;
    const cases = (vectors?.cases ?? []).filter((known) => known.group === 'fic-emulator');
    it.skipIf(vectors === undefined).each(cases)('known answer $id: $title', async ({ input, expect: expected }) => {
      const { fics, claims, now } = input as { fics: FederatedCredential[]; claims: unknown; now: number };
      const { status, error, code } = expected as { status: number; error?: string; code?: number };
      const answer = await exchange(signed(claims), { federated: fics, now: now * 1000 });
      expect(answer.statusCode).toBe(status);
      if (error !== undefined) expect(answer.json()).toMatchObject({ error, error_codes: [code] });
    });
  });
});
