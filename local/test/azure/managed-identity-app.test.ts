import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadVectors } from '@holdfast/base/testing';
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { buildManagedIdentityApp, openTokenIssuer } from '../../src/azure/index.ts';
import type { ManagedIdentity, TokenIssuer } from '../../src/azure/index.ts';

const PATH = '/metadata/identity/oauth2/token';
const RESOURCE = 'https://vault.azure.net';
const MULTIPLE =
  'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request';

function identity(name: string, kind: ManagedIdentity['kind'] = 'user-assigned'): ManagedIdentity {
  return { kind, clientId: `client-${name}`, principalId: `object-${name}`, resourceId: `/subscriptions/s/${name}` };
}

describe('buildManagedIdentityApp', () => {
  let folder: string;
  let tokenIssuer: TokenIssuer;
  let now = 1_700_000_000_000;
  const clock = (): number => now;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-identity-'));
    tokenIssuer = await openTokenIssuer({ folder, tenantId: 't1', authorityUrl: 'https://127.0.0.1:1', clock });
  });
  afterAll(async () => rm(folder, { recursive: true }));

  const ask = async (
    identities: readonly ManagedIdentity[],
    url: string,
    headers: Record<string, string> = { metadata: 'true' },
  ): Promise<LightMyRequestResponse> =>
    buildManagedIdentityApp({ identities, tokenIssuer, clock }).inject({ url, headers });
  const query = (more = ''): string => `${PATH}?api-version=2018-02-01&resource=${encodeURIComponent(RESOURCE)}${more}`;

  it('answers a token with numbers as text, in the members of the metadata service', async () => {
    const answer = await ask([identity('a')], query());
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
    const { access_token: token, ...rest } = answer.json<Record<string, string>>();
    expect(rest).toEqual({
      client_id: 'client-a',
      expires_in: '86399',
      expires_on: '1700086399',
      ext_expires_in: '86399',
      not_before: '1700000000',
      resource: RESOURCE,
      token_type: 'Bearer',
    });
    expect(tokenIssuer.verifyAccessToken(token ?? '', [RESOURCE])).toMatchObject({
      audience: RESOURCE,
      clientId: 'client-a',
      objectId: 'object-a',
    });
  });

  it.each([`${PATH}/`, `/${PATH}`, '/Metadata/identity/oauth2/token', '/METADATA/identity/oauth2/token/'])(
    'accepts the path %s',
    async (path) => {
      expect((await ask([identity('a')], `${path}?resource=r`)).statusCode).toBe(200);
    },
  );

  it.each(['/metadata/Identity/oauth2/token', '/other/identity/oauth2/token', '/metadata/identity/oauth2'])(
    'knows no path %s',
    async (path) => {
      expect((await ask([identity('a')], `${path}?resource=r`)).statusCode).toBe(404);
    },
  );

  it('answers a probe without query and header at once with 400 JSON', async () => {
    const answer = await ask([identity('a')], PATH, {});
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { error: 'invalid_request', error_description: 'Required metadata header not specified' },
    ]);
  });

  it.each([
    ['a forwarded request', query(), { metadata: 'true', 'x-forwarded-for': '10.0.0.1' }],
    ['Metadata: false', query(), { metadata: 'false' }],
    ['an old api-version', `${PATH}?api-version=2017-01-01&resource=r`, { metadata: 'true' }],
    ['an api-version that is no date', `${PATH}?api-version=x&resource=r`, { metadata: 'true' }],
    ['no resource', `${PATH}?api-version=2018-02-01`, { metadata: 'true' }],
    ['an empty resource', `${PATH}?resource=`, { metadata: 'true' }],
    ['two identity parameters', query('&client_id=client-a&object_id=object-a'), { metadata: 'true' }],
  ])('refuses %s with 400 invalid_request', async (_what, url, headers) => {
    const answer = await ask([identity('a')], url, headers);
    expect([answer.statusCode, answer.json<{ error: string }>().error]).toEqual([400, 'invalid_request']);
  });

  it.each([
    ['client_id', 'CLIENT-B'],
    ['object_id', 'object-b'],
    ['principal_id', 'object-b'],
    ['msi_res_id', '/Subscriptions/s/B'],
    ['mi_res_id', '/subscriptions/s/b'],
  ])('selects the identity by %s, whatever the case', async (name, value) => {
    const answer = await ask([identity('a'), identity('b')], query(`&${name}=${encodeURIComponent(value)}`));
    expect(answer.json()).toMatchObject({ client_id: 'client-b' });
  });

  it('answers Identity not found for an unknown id, and where nothing is attached', async () => {
    for (const [identities, more] of [
      [[identity('a')], '&client_id=nobody'],
      [[], ''],
    ] as const) {
      const answer = await ask(identities, query(more));
      expect([answer.statusCode, answer.json()]).toEqual([
        400,
        { error: 'invalid_request', error_description: 'Identity not found' },
      ]);
    }
  });

  it('hands the same token out again until it has less than five minutes to live', async () => {
    const app = buildManagedIdentityApp({ identities: [identity('a')], tokenIssuer, clock });
    const token = async (): Promise<Record<string, string>> =>
      (await app.inject({ url: query(), headers: { metadata: 'true' } })).json<Record<string, string>>();
    const start = now;
    const first = await token();
    now = start + 20 * 3_600_000;
    const later = await token();
    expect([later['access_token'] === first['access_token'], later['expires_in']]).toEqual([true, '14399']);
    now = start + 86_300_000;
    expect((await token())['access_token']).not.toBe(first['access_token']);
    now = start;
  });

  const vectors = loadVectors('identity.json') as
    | { cases: { id: string; title: string; input: Record<string, unknown>; expect: Record<string, unknown> }[] }
    | undefined;
  describe.skipIf(vectors === undefined)('known answers', () => {
    const vector = (id: string): { input: Record<string, unknown>; expect: Record<string, unknown> } => {
      const found = vectors?.cases.find((known) => known.id === id);
      if (found === undefined) throw new Error(`no vector ${id}`);
      return found;
    };

    it('IE-01 no Metadata header', async () => {
      const { input, expect: expected } = vector('IE-01');
      const answer = await ask([identity('u1')], input['path'] as string, input['headers'] as Record<string, string>);
      expect([answer.statusCode, answer.json()]).toEqual([expected['status'], expected['json']]);
    });

    it('IE-02 two user-assigned identities, none named', async () => {
      const { input, expect: expected } = vector('IE-02');
      const identities = (input['identities'] as string[]).map((name) => identity(name));
      const answer = await ask(identities, `${PATH}?${input['query'] as string}`);
      expect([answer.statusCode, answer.json()]).toEqual([expected['status'], expected['json']]);
      expect(answer.json()).toMatchObject({ error_description: MULTIPLE });
    });

    it('IE-04 system-assigned wins when none named', async () => {
      const { input } = vector('IE-04');
      const identities = (input['identities'] as string[]).map((name) => identity(name));
      const answer = await ask(
        [...identities, identity('system', 'system-assigned')],
        `${PATH}?${input['query'] as string}`,
      );
      expect([answer.statusCode, answer.json()]).toMatchObject([200, { client_id: 'client-system' }]);
    });
  });

  it('answers the certificates of the host where there are any, and only with the Metadata header', async () => {
    const app = buildManagedIdentityApp({ identities: [], tokenIssuer, clock, hostCertificates: () => '{"tcbm":"1"}' });
    const url = '/metadata/THIM/amd/certification';
    const answer = await app.inject({ url, headers: { metadata: 'true' } });
    expect([answer.statusCode, answer.json()]).toEqual([200, { tcbm: '1' }]);
    expect((await app.inject({ url })).statusCode).toBe(400);
    expect((await ask([], url)).statusCode).toBe(404);
  });
});
