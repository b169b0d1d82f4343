import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  buildAppServiceIdentityApp,
  buildManagedIdentityApp,
  identityVariables,
  KNOWN_RESOURCES,
  openTokenIssuer,
} from '../../src/azure/index.ts';
import type { ManagedIdentityAppOptions, TokenIssuer } from '../../src/azure/index.ts';
import { OPERATOR_IDENTITY } from './cloud.ts';

const URL_PATH = '/MSI/token?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net';
const clock = () => 1_700_000_000_000;

describe('managed identity endpoints beside the plain metadata service', () => {
  let folder: string;
  let tokenIssuer: TokenIssuer;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-msi-'));
    tokenIssuer = await openTokenIssuer({ folder, tenantId: 't1', authorityUrl: 'https://127.0.0.1:1', clock });
  });
  afterAll(async () => rm(folder, { recursive: true }));

  const ask = async (url = URL_PATH, headers: Record<string, string> = { 'x-identity-header': 'h' }) =>
    buildAppServiceIdentityApp({
      identities: [OPERATOR_IDENTITY],
      identityHeader: 'h',
      resources: KNOWN_RESOURCES,
      tokenIssuer,
      clock,
    }).inject({ url, headers });
  const imds = async (options: Partial<ManagedIdentityAppOptions>, resource = 'https://vault.azure.net') =>
    buildManagedIdentityApp({ identities: [OPERATOR_IDENTITY], tokenIssuer, clock, ...options }).inject({
      url: `/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${encodeURIComponent(resource)}`,
      headers: { metadata: 'true' },
    });

  it('answers a token in the form of App Service, to whoever has the header', async () => {
    const answer = await ask();
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      access_token: expect.any(String) as string,
      client_id: OPERATOR_IDENTITY.clientId,
      expires_on: '1700086399',
      resource: 'https://vault.azure.net',
      token_type: 'Bearer',
    });
  });

  it.each([
    ['no header', URL_PATH, {}, 401],
    ['a wrong header', URL_PATH, { 'x-identity-header': 'x' }, 401],
    ['another api-version', URL_PATH.replace('2019-08-01', '2018-02-01'), undefined, 400],
    ['no resource', '/MSI/token?api-version=2019-08-01', undefined, 400],
    ['an identity it does not have', `${URL_PATH}&client_id=x`, undefined, 400],
    ['an unknown resource', URL_PATH.replace('vault.azure.net', 'nobody.example'), undefined, 400],
  ])('refuses %s', async (_, url, headers, status) => {
    const answer = await ask(url, headers);
    expect([answer.statusCode, answer.json()]).toMatchObject([
      status,
      { statusCode: status, message: expect.any(String) as string, correlationId: expect.any(String) as string },
    ]);
  });

  it('names the variables of both variants', () => {
    expect(identityVariables('http://127.0.0.1:1/')).toEqual({
      AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:1',
    });
    expect(identityVariables('http://127.0.0.1:1', 'h')).toEqual({
      IDENTITY_ENDPOINT: 'http://127.0.0.1:1/MSI/token',
      IDENTITY_HEADER: 'h',
      IDENTITY_API_VERSION: '2019-08-01',
    });
  });

  it('refuses a resource that nobody has as the metadata service does, where the resources are known', async () => {
    const refused = await imds({ resources: KNOWN_RESOURCES }, 'https://nobody.example');
    expect([refused.statusCode, refused.json()]).toMatchObject([400, { error: 'invalid_resource' }]);
    expect((await imds({ resources: KNOWN_RESOURCES }, 'https://database.windows.net/')).statusCode).toBe(200);
  });

  it('writes expires_on as clients are to meet it, and answers a fault in the place of a token', async () => {
    expect((await imds({ expiresOn: 'number' })).json()).toMatchObject({ expires_on: 1_700_086_399 });
    expect((await imds({ expiresOn: 'iso' })).json()).toMatchObject({ expires_on: '2023-11-15T22:13:19.000Z' });
    const fault = { status: 503, headers: { 'retry-after': '1' }, body: 'x' };
    const answer = await imds({ fault: () => fault });
    expect([answer.statusCode, answer.body, answer.headers['retry-after']]).toEqual([503, 'x', '1']);
  });

  it('has an identity only once it is attached', async () => {
    const identities: (typeof OPERATOR_IDENTITY)[] = [];
    expect((await imds({ identities: () => identities })).json()).toMatchObject({
      error_description: 'Identity not found',
    });
    identities.push(OPERATOR_IDENTITY);
    expect((await imds({ identities: () => identities })).statusCode).toBe(200);
  });
});
