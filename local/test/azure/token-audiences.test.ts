import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { buildEntraApp, buildManagedIdentityApp, KNOWN_RESOURCES, openTokenIssuer } from '../../src/azure/index.ts';
import type { TokenIssuer } from '../../src/azure/index.ts';
import { OPERATOR_IDENTITY } from './cloud.ts';

const TENANT = '72f988bf-0000-0000-0000-000000000001';
const clock = (): number => 1_700_000_000_000;

/** What the pods of the published articles ask tokens for. */
const AUDIENCES = [
  ['Key Vault', 'https://vault.azure.net'],
  ['SQL Database', 'https://database.windows.net'],
  ['Blob Storage', 'https://storage.azure.com'],
  ['Azure Resource Manager, as the ingress controller of an application gateway', 'https://management.azure.com'],
] as const;

let folder: string;
let tokenIssuer: TokenIssuer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-audiences-'));
  tokenIssuer = await openTokenIssuer({ folder, tenantId: TENANT, authorityUrl: 'https://127.0.0.1:1', clock });
});
afterAll(async () => rm(folder, { recursive: true }));

describe.each(AUDIENCES)('a token for %s', (_service, resource) => {
  const fromMetadata = async (asked: string) =>
    buildManagedIdentityApp({
      identities: [OPERATOR_IDENTITY],
      resources: KNOWN_RESOURCES,
      tokenIssuer,
      clock,
    }).inject({
      url: `/metadata/identity/oauth2/token?api-version=2018-02-01&resource=${encodeURIComponent(asked)}`,
      headers: { metadata: 'true' },
    });
  const fromEntra = async (scope: string) =>
    buildEntraApp({
      tokenIssuer,
      clock,
      applications: [{ clientId: 'cid', objectId: 'oid', secrets: [{ value: 'secret' }] }],
    }).inject({
      method: 'POST',
      url: `/${TENANT}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({
        client_id: 'cid',
        client_secret: 'secret',
        grant_type: 'client_credentials',
        scope,
      }).toString(),
    });
  const audienceOf = (token: string, audience: string): string =>
    tokenIssuer.verifyAccessToken(token, [audience]).audience;

  it.each([
    ['without', ''],
    ['with', '/'],
  ])('comes from the metadata service, asked %s a slash at the end', async (_, end) => {
    const answer = await fromMetadata(`${resource}${end}`);
    expect(answer.statusCode).toBe(200);
    const { access_token: token, resource: said } = answer.json<{ access_token: string; resource: string }>();
    expect([said, audienceOf(token, `${resource}${end}`)]).toEqual([`${resource}${end}`, `${resource}${end}`]);
  });

  it('comes from Entra ID for the scope .default, whose slash stays in the audience', async () => {
    for (const asked of [resource, `${resource}/`]) {
      const answer = await fromEntra(`${asked}/.default`);
      expect(answer.statusCode).toBe(200);
      expect(audienceOf(answer.json<{ access_token: string }>().access_token, asked)).toBe(asked);
    }
  });

  it('opens nothing else', async () => {
    const { access_token: token } = (await fromMetadata(resource)).json<{ access_token: string }>();
    const others = AUDIENCES.map(([, each]) => each).filter((each) => each !== resource);
    expect(() => tokenIssuer.verifyAccessToken(token, others)).toThrow(`the token is for ${resource}`);
  });
});
