import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadVectors } from '@holdfast/base/testing';
import { HttpClient, listen } from '@holdfast/http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  buildEntraApp,
  buildIssuerApp,
  createIssuerKeys,
  issuerConfiguration,
  issuerKey,
  openCertificateAuthority,
  openClusterIssuer,
  openTokenIssuer,
} from '../../src/azure/index.ts';
import type { FetchIssuerKeys, FederatedCredential } from '../../src/azure/index.ts';
import { parseCompactJwt } from '../../src/azure/jwt.ts';

const HOUR = 60 * 60 * 1000;
const AUDIENCE = 'api://AzureADTokenExchange';
const TOKEN = {
  namespace: 'kafka',
  serviceAccount: { name: 'workload-identity-sa', uid: 'sa-uid' },
  audiences: [AUDIENCE],
  expirationSeconds: 3600,
  pod: { name: 'p', uid: 'pod-uid' },
};

interface Case {
  readonly id: string;
  readonly group: string;
  readonly title: string;
  readonly input: { readonly publicKeyPem?: string; readonly issuer?: string };
  readonly expect: Readonly<Record<string, unknown>>;
}
const vectors = loadVectors('identity.json') as { readonly cases: readonly Case[] } | undefined;

describe.skipIf(vectors === undefined)('known answers of issuer documents', () => {
  const cases = (vectors?.cases ?? []).filter(({ group }) => group === 'jwks');
  it.each(cases)('$id $title', ({ input, expect: expected }) => {
    if (input.publicKeyPem !== undefined)
      expect(issuerKey(createPublicKey(input.publicKeyPem))).toMatchObject(expected);
    else expect(issuerConfiguration(input.issuer ?? '')).toEqual(expected);
  });
});

describe('the issuer of a cluster', () => {
  let folder: string;
  let url = '';
  let now = 1_700_000_000_000;
  let close: () => Promise<void>;
  let fetchIssuerKeys: FetchIssuerKeys;
  const clock = () => now;
  const open = async (name: string) =>
    openClusterIssuer({ file: join(folder, `${name}.json`), issuer: () => `${url}/tenant/${name}/`, clock });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-issuer-'));
    const authority = await openCertificateAuthority(join(folder, 'ca'));
    const server = await authority.issueServerCertificate({ hosts: ['127.0.0.1'] });
    const issuers = [await open('one'), await open('two')];
    const app = buildIssuerApp({
      issuers: () => issuers,
      tls: { key: server.keyPem, cert: server.certificatePem },
    });
    url = await listen(app, { host: '127.0.0.1', port: 0 });
    const client = new HttpClient({ ca: authority.caPem });
    fetchIssuerKeys = createIssuerKeys(client);
    close = async () => {
      await app.close();
      await client.close();
      await rm(folder, { recursive: true });
    };
  });
  afterAll(async () => close());

  it('signs the claims that Kubernetes writes, and keeps its key between starts', async () => {
    const issuer = await open('one');
    const { token, expiresAt } = issuer.issueToken(TOKEN);
    const { header, payload } = parseCompactJwt(token);
    expect(header).toEqual({ alg: 'RS256', kid: issuer.jwks().keys[0]?.kid });
    expect(payload).toMatchObject({
      iss: `${url}/tenant/one/`,
      sub: 'system:serviceaccount:kafka:workload-identity-sa',
      aud: [AUDIENCE],
      iat: now / 1000,
      nbf: now / 1000,
      exp: now / 1000 + 3600,
      'kubernetes.io': {
        namespace: 'kafka',
        pod: { name: 'p', uid: 'pod-uid' },
        serviceaccount: { name: 'workload-identity-sa', uid: 'sa-uid' },
      },
    });
    expect(expiresAt).toBe(now + HOUR);
    expect((await open('one')).jwks()).toEqual(issuer.jwks());
    expect((await stat(join(folder, 'one.json'))).mode & 0o777).toBe(0o600);
  });

  it('publishes old and new key together until the last token of the old one is over', async () => {
    const issuer = await open('rotating');
    const old = issuer.jwks().keys[0]?.kid;
    await issuer.rotate();
    expect(issuer.jwks().keys.map(({ kid }) => kid)).toHaveLength(2);
    const { header } = parseCompactJwt(issuer.issueToken(TOKEN).token);
    expect(header['kid']).not.toBe(old);
    now += 24 * HOUR;
    expect(issuer.jwks().keys.map(({ kid }) => kid)).toEqual([header['kid']]);
  });

  it('lives a day at most', async () => {
    const { expiresAt } = (await open('one')).issueToken({ ...TOKEN, expirationSeconds: 10 * 24 * 3600 });
    expect(expiresAt).toBe(now + 24 * HOUR);
  });

  it('says which file is broken', async () => {
    await writeFile(join(folder, 'broken.json'), '{}');
    await expect(open('broken')).rejects.toMatchObject({ code: 'LOCAL_VAULT_UNREADABLE' });
  });

  describe('with Entra ID', () => {
    const exchange = async (options: {
      readonly credential?: Partial<FederatedCredential>;
      readonly token?: Partial<typeof TOKEN>;
      readonly assertion?: string;
      readonly scope?: string;
    }) => {
      const tokenIssuer = await openTokenIssuer({ folder, tenantId: 't1', authorityUrl: 'https://127.0.0.1:1', clock });
      const issuer = await open('one');
      const app = buildEntraApp({
        tokenIssuer,
        clock,
        fetchIssuerKeys,
        applications: [
          {
            clientId: 'cid',
            objectId: 'oid',
            managedIdentityResourceId: '/subscriptions/s/uami',
            federatedCredentials: [
              {
                issuer: issuer.issuer,
                subject: 'system:serviceaccount:kafka:workload-identity-sa',
                audiences: [AUDIENCE],
                ...options.credential,
              },
            ],
          },
        ],
      });
      const form = new URLSearchParams({
        client_id: 'cid',
        scope: options.scope ?? 'https://vault.azure.net/.default',
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: options.assertion ?? issuer.issueToken({ ...TOKEN, ...options.token }).token,
      });
      const answer = await app.inject({
        method: 'POST',
        url: '/t1/oauth2/v2.0/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: form.toString(),
      });
      return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
    };

    it('exchanges a token of the cluster for one of the identity, which lives a day', async () => {
      const { status, body } = await exchange({});
      expect([status, body['expires_in']]).toEqual([200, 86_399]);
      expect(parseCompactJwt(String(body['access_token'])).payload).toMatchObject({
        appid: 'cid',
        oid: 'oid',
        xms_mirid: '/subscriptions/s/uami',
        aud: 'https://vault.azure.net',
      });
    });

    it.each([
      ['an issuer without its slash', { credential: { issuer: 'https://127.0.0.1/tenant/one' } }, 700211],
      ['a credential that is not known everywhere yet', { credential: { effectiveAt: 9_999_999_999_999 } }, 700211],
      ['another audience', { token: { audiences: ['api://AKSIdentityBinding'] } }, 700212],
      ['another namespace', { token: { namespace: 'default' } }, 700213],
      [
        'a subject in another case',
        { credential: { subject: 'system:serviceaccount:KAFKA:workload-identity-sa' } },
        700213,
      ],
      ['a resource that nobody has', { scope: 'https://nobody.example/.default' }, 500011],
      ['two resources', { scope: 'https://vault.azure.net/.default https://storage.azure.com/.default' }, 70011],
      [
        'a subject and a resource that are both wrong, by the subject',
        { token: { namespace: 'x' }, scope: 'x' },
        700213,
      ],
    ])('refuses %s', async (_, options, code) => {
      expect((await exchange(options)).body['error_codes']).toEqual([code]);
    });

    it('refuses an issuer whose documents cannot be had', async () => {
      const absent = await openClusterIssuer({
        file: join(folder, 'absent.json'),
        issuer: () => `${url}/tenant/absent/`,
        clock,
      });
      const { status, body } = await exchange({
        credential: { issuer: absent.issuer },
        assertion: absent.issueToken(TOKEN).token,
      });
      expect([status, body['error_codes']]).toEqual([400, [90061]]);
    });
  });
});
