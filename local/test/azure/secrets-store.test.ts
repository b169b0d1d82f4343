import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HttpClient, listen } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  buildEntraApp,
  buildIssuerApp,
  buildKeyVaultApp,
  buildManagedIdentityApp,
  createIssuerKeys,
  openCertificateAuthority,
  openCertificateStore,
  openClusterIssuer,
  openKeyStore,
  openKeyVault,
  openTokenIssuer,
} from '../../src/azure/index.ts';
import type { ClusterIssuer, KeyVault, TokenIssuer, VaultProperties } from '../../src/azure/index.ts';
import { APPLICATION, OPERATOR_IDENTITY, TENANT } from './cloud.ts';
import { runSdkProcess } from './sdk-process.ts';

const EXCHANGE = 'api://AzureADTokenExchange';
const BINDING = 'api://AKSIdentityBinding';
const SECRET_USER = 'Key Vault Secrets User';
const OBJECTS = `array:
- |
  objectName: redis-key
  objectType: secret
  objectAlias: REDIS_PWD
  filePermission: "0600"
`;

/** The provider of services/secrets-store and the SDKs of Key Vault against the local Azure; each call in a process of its own. */
describe('Key Vault objects through the unmodified SDKs', { timeout: 120_000 }, () => {
  const urls = { entra: '', vault: '', issuer: '', identity: '' };
  const apps: FastifyInstance[] = [];
  let folder: string;
  let caFile: string;
  let tls: { readonly key: string; readonly cert: string };
  let tokenIssuer: TokenIssuer;
  let issuer: ClusterIssuer;
  let vault: KeyVault;
  let properties: VaultProperties;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-mount-'));
    const clock = Date.now;
    const authority = await openCertificateAuthority(join(folder, 'ca'));
    caFile = authority.caFile;
    const server = await authority.issueServerCertificate({ hosts: ['127.0.0.1', 'localhost'] });
    tls = { key: server.keyPem, cert: server.certificatePem };
    const serve = async (app: FastifyInstance): Promise<string> => {
      apps.push(app);
      return listen(app, { host: '127.0.0.1', port: 0 });
    };
    tokenIssuer = await openTokenIssuer({ folder, tenantId: TENANT, authorityUrl: () => urls.entra, clock });
    issuer = await openClusterIssuer({ file: join(folder, 'issuer.json'), issuer: () => `${urls.issuer}/c1/`, clock });
    urls.issuer = await serve(buildIssuerApp({ issuers: () => [issuer], tls }));
    const federated = {
      ...OPERATOR_IDENTITY,
      objectId: OPERATOR_IDENTITY.principalId,
      managedIdentityResourceId: OPERATOR_IDENTITY.resourceId,
      federatedCredentials: [
        { issuer: issuer.issuer, subject: 'system:serviceaccount:default:vote', audiences: [EXCHANGE, BINDING] },
      ],
    };
    const client = new HttpClient({ ca: authority.caPem });
    urls.entra = await serve(
      buildEntraApp({
        tokenIssuer,
        clock,
        tls,
        applications: [APPLICATION, federated],
        fetchIssuerKeys: createIssuerKeys(client),
      }),
    );
    urls.identity = await serve(buildManagedIdentityApp({ identities: [OPERATOR_IDENTITY], tokenIssuer, clock }));
    vault = await openKeyVault({ file: join(folder, 'vault.json'), clock });
    const keys = await openKeyStore({ file: join(folder, 'keys.json'), clock });
    const file = join(folder, 'certificates.json');
    const certificates = await openCertificateStore({ file, secrets: vault, keys, clock });
    urls.vault = await serve(
      buildKeyVaultApp({
        vault,
        tokenIssuer,
        vaultUrl: () => urls.vault,
        properties: () => properties,
        keys: { store: keys, clock },
        certificates,
        tls,
      }),
    );
    await vault.setSecret('redis-key', 'first');
    await certificates.createCertificate('made', { x509_props: { subject: 'CN=made' } }, {});
    await keys.createKey('curve', { kty: 'EC', crv: 'P-256' });
  });
  beforeEach(() => {
    properties = allow(OPERATOR_IDENTITY.principalId, SECRET_USER);
  });
  afterAll(async () => {
    await Promise.all(apps.map(async (app) => app.close()));
    await rm(folder, { recursive: true });
  });

  const allow = (principalId: string, ...roles: readonly string[]): VaultProperties => ({
    enableRbacAuthorization: true,
    roleAssignments: roles.map((role) => ({ principalId, role })),
  });
  const mount = async (
    parameters: Readonly<Record<string, string>>,
    more: { readonly secrets?: object; readonly nmiUrl?: string; readonly tokenProxyUrl?: string } = {},
    env: Readonly<Record<string, string>> = {},
  ) =>
    runSdkProcess(
      {
        operation: 'mount',
        attributes: {
          'csi.storage.k8s.io/pod.name': 'azure-vote-1',
          'csi.storage.k8s.io/pod.namespace': 'default',
          keyvaultName: 'azure-vote',
          tenantId: TENANT,
          objects: OBJECTS,
          ...parameters,
        },
        vaultUrl: urls.vault,
        authorityUrl: urls.entra,
        ...more,
      },
      { NODE_EXTRA_CA_CERTS: caFile, ...env },
    );
  const tokens = (audience: string, account = 'vote'): Readonly<Record<string, string>> => {
    const issued = issuer.issueToken({
      namespace: 'default',
      serviceAccount: { name: account, uid: 'u' },
      audiences: [audience],
      expirationSeconds: 3600,
    });
    const entry = { token: issued.token, expirationTimestamp: new Date(issued.expiresAt).toISOString() };
    return {
      clientID: OPERATOR_IDENTITY.clientId,
      'csi.storage.k8s.io/serviceAccount.tokens': JSON.stringify({ [audience]: entry }),
    };
  };
  const FILES = { files: [{ path: 'REDIS_PWD', mode: 0o600, text: 'first' }], ids: ['secret/redis-key'] };

  describe('the provider', () => {
    it('reads a secret with workload identity', async () => {
      expect(await mount(tokens(EXCHANGE))).toEqual({ ok: FILES });
    });

    it('reads it with a managed identity of the node', async () => {
      const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: urls.identity };
      const parameters = { useVMManagedIdentity: 'true', userAssignedIdentityID: OPERATOR_IDENTITY.clientId };
      expect(await mount(parameters, {}, env)).toEqual({ ok: FILES });
    });

    it('reads it with a service principal', async () => {
      properties = allow(APPLICATION.objectId, SECRET_USER);
      const secrets = { clientid: APPLICATION.clientId, ClientSecret: 'sec~ret' };
      expect(await mount({}, { secrets })).toEqual({ ok: FILES });
    });

    it('reads it with pod identity, through the node, and repeats what the node says', async () => {
      const { accessToken, expiresOn } = tokenIssuer.issueAccessToken({
        resource: 'https://vault.azure.net',
        clientId: OPERATOR_IDENTITY.clientId,
        objectId: OPERATOR_IDENTITY.principalId,
        lifeSeconds: 3600,
        clientAuthentication: '2',
      });
      const seen: unknown[] = [];
      const nmi = await listening(
        createServer((request, response) => {
          const { url, headers } = request;
          seen.push({ url, podname: headers['podname'], podns: headers['podns'] });
          const token = { access_token: accessToken, expires_on: String(expiresOn) };
          const answers = [JSON.stringify({ token, clientid: OPERATOR_IDENTITY.clientId }), 'no identity\n'];
          response.writeHead(seen.length === 1 ? 200 : 404).end(answers[Math.min(seen.length, 2) - 1]);
        }),
      );
      const nmiUrl = `http://127.0.0.1:${(nmi.address() as AddressInfo).port}`;
      expect(await mount({ usePodIdentity: 'true' }, { nmiUrl })).toEqual({ ok: FILES });
      expect(seen).toEqual([
        { url: '/host/token/?resource=https%3A%2F%2Fvault.azure.net', podname: 'azure-vote-1', podns: 'default' },
      ]);
      const { error } = await mount({ usePodIdentity: 'true' }, { nmiUrl });
      expect(error?.message).toContain('nmi response failed with status code: 404, response body: no identity');
      nmi.close();
    });

    it('reads it with an identity binding, through the token proxy, which only sees that audience', async () => {
      const seen: string[] = [];
      const proxy = createTlsServer(tls, (request, response) => {
        seen.push(request.url ?? '');
        const { accessToken } = tokenIssuer.issueAccessToken({
          resource: 'https://vault.azure.net',
          clientId: OPERATOR_IDENTITY.clientId,
          objectId: OPERATOR_IDENTITY.principalId,
          lifeSeconds: 3600,
          clientAuthentication: '2',
        });
        response.end(JSON.stringify({ access_token: accessToken, expires_in: 3600 }));
      });
      await listening(proxy);
      const tokenProxyUrl = `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      expect(await mount({ ...tokens(BINDING), useAzureTokenProxy: 'true' }, { tokenProxyUrl })).toEqual({ ok: FILES });
      expect(seen).toEqual([`/${TENANT}/oauth2/v2.0/token`]);
      proxy.close();
    });

    it('names code and inner code of a vault that refuses, and the number of a refused exchange', async () => {
      properties = allow(OPERATOR_IDENTITY.principalId, 'Key Vault Reader');
      expect((await mount(tokens(EXCHANGE))).error).toMatchObject({
        code: 'VAULT_REFUSED',
        message: expect.stringMatching(
          /^failed to get objectType:secret, objectName:redis-key, objectVersion:: status 403, code Forbidden, inner code ForbiddenByRbac: /,
        ) as string,
      });
      const other = await mount(tokens(EXCHANGE, 'somebody'));
      expect(other.error).toMatchObject({ message: expect.stringContaining('AADSTS700213') as string });
    });

    it('writes versions, keys, certificates, and the parts of a certificate', async () => {
      await vault.setSecret('redis-key', 'second');
      properties = allow(
        OPERATOR_IDENTITY.principalId,
        SECRET_USER,
        'Key Vault Crypto User',
        'Key Vault Certificate User',
      );
      const objects = `array:
- |
  objectName: redis-key
  objectType: secret
  objectVersionHistory: 2
- "{objectName: made, objectType: cert, objectAlias: made.cer}"
- "{objectName: made, objectType: secret, objectAlias: made.pem}"
- "{objectName: curve, objectType: key}"
`;
      const { ok, error } = await mount({ ...tokens(EXCHANGE), objects, separateFiles: 'true' });
      expect(error).toBeUndefined();
      const files = (ok?.['files'] ?? []) as readonly { readonly path: string; readonly text: string }[];
      const labels = files.map(({ path, text }) => [
        path,
        [...text.matchAll(/BEGIN ([A-Z ]+)-/g)].map(([, found]) => found),
      ]);
      expect(labels).toEqual([
        ['redis-key/0', []],
        ['redis-key/1', []],
        ['made.cer', ['CERTIFICATE']],
        ['made.pem.crt', ['CERTIFICATE']],
        ['made.pem.key', ['PRIVATE KEY']],
        ['made.pem', ['PRIVATE KEY', 'CERTIFICATE']],
        ['curve', ['PUBLIC KEY']],
      ]);
      expect(ok?.['ids']).toContain('secret/redis-key/1');
      expect(new Set(files.slice(0, 2).map(({ text }) => text))).toEqual(new Set(['first', 'second']));
    });
  });

  it('CertificateClient does the whole life of a certificate, with the secret and the key that belong to it', async () => {
    properties = allow(APPLICATION.objectId, 'Key Vault Administrator');
    const credential = {
      kind: 'client-secret',
      tenantId: TENANT,
      clientId: APPLICATION.clientId,
      secret: 'sec~ret',
    };
    const env = { NODE_EXTRA_CA_CERTS: caFile, AZURE_AUTHORITY_HOST: urls.entra };
    expect(await runSdkProcess({ operation: 'vault', credential, vaultUrl: urls.vault }, env)).toEqual({
      ok: {
        versions: true,
        sameVersion: true,
        contentType: 'application/x-pem-file',
        certificateKeyId: true,
        secretHasKey: true,
        keyType: 'RSA',
        subject: 'CN=web',
        enabled: false,
        tags: { a: 'b' },
        importedIsTheSame: true,
        deletedName: 'web',
        afterDelete: 'CertificateNotFound',
        recovered: 'web',
      },
    });
  });
});

async function listening<S extends Server>(server: S): Promise<S> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}
