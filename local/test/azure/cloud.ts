import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { listen } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import {
  buildEntraApp,
  buildKeyVaultApp,
  buildManagedIdentityApp,
  openCertificateAuthority,
  openKeyVault,
  openTokenIssuer,
} from '../../src/azure/index.ts';
import type { Application, KeyVault, ManagedIdentity, TokenIssuer, VaultProperties } from '../../src/azure/index.ts';

export const TENANT = '72f988bf-0000-0000-0000-000000000001';

export const OPERATOR_IDENTITY: ManagedIdentity = {
  kind: 'user-assigned',
  clientId: 'aaaaaaaa-1111-4111-8111-111111111111',
  principalId: 'bbbbbbbb-1111-4111-8111-111111111111',
  resourceId: '/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/operator',
};

export const APPLICATION: Application = {
  clientId: 'cccccccc-1111-4111-8111-111111111111',
  objectId: 'dddddddd-1111-4111-8111-111111111111',
  secrets: [{ value: 'sec~ret' }, { value: 'old', expiresAt: 1000 }],
};

/** What the program that drives the Azure SDKs is asked to do. */
export interface SdkCase {
  readonly vaultUrl: string;
  readonly credential:
    | { readonly kind: 'managed-identity'; readonly clientId?: string }
    | { readonly kind: 'default' }
    | { readonly kind: 'client-secret'; readonly tenantId: string; readonly clientId: string; readonly secret: string };
  readonly operation: 'token' | 'get' | 'lifecycle' | 'fetch-secret';
  readonly secretName?: string;
  readonly timeoutMs?: number;
}

/** The local Azure endpoints, listening, with the parts a test changes. */
export interface TestCloud {
  readonly folder: string;
  readonly caFile: string;
  readonly caPem: string;
  readonly entraUrl: string;
  readonly vaultUrl: string;
  readonly identityUrl: string;
  readonly vault: KeyVault;
  readonly tokenIssuer: TokenIssuer;
  properties: VaultProperties;
  identities: ManagedIdentity[];
  close(): Promise<void>;
}

export async function openTestCloud(): Promise<TestCloud> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-azure-'));
  const clock = Date.now;
  const authority = await openCertificateAuthority(join(folder, 'ca'));
  const server = await authority.issueServerCertificate({ hosts: ['127.0.0.1', 'localhost'] });
  const tls = { key: server.keyPem, cert: server.certificatePem };
  const urls = { entra: '', vault: '' };
  const tokenIssuer = await openTokenIssuer({
    folder: join(folder, 'azure'),
    tenantId: TENANT,
    authorityUrl: () => urls.entra,
    clock,
  });
  const vault = await openKeyVault({ file: join(folder, 'azure', 'vault.json'), clock });
  const identities = [OPERATOR_IDENTITY];
  const apps: FastifyInstance[] = [];
  const serve = async (app: FastifyInstance): Promise<string> => {
    apps.push(app);
    return listen(app, { host: '127.0.0.1', port: 0 });
  };
  urls.entra = await serve(buildEntraApp({ tokenIssuer, clock, tls, applications: [APPLICATION] }));
  const identityUrl = await serve(buildManagedIdentityApp({ identities, tokenIssuer, clock }));
  const cloud: TestCloud = {
    folder,
    caFile: authority.caFile,
    caPem: authority.caPem,
    entraUrl: urls.entra,
    vaultUrl: '',
    identityUrl,
    vault,
    tokenIssuer,
    properties: { enableRbacAuthorization: true, roleAssignments: [] },
    identities,
    close: async () => {
      await Promise.all(apps.map(async (app) => app.close()));
      await rm(folder, { recursive: true, force: true });
    },
  };
  urls.vault = await serve(
    buildKeyVaultApp({ vault, tokenIssuer, vaultUrl: () => urls.vault, properties: () => cloud.properties, tls }),
  );
  return Object.assign(cloud, { vaultUrl: urls.vault });
}

/** What the SDKs made of `sdkCase` in a process of their own. `env` is added to an environment without Azure settings. */
export async function runSdk(
  sdkCase: SdkCase,
  env: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>> {
  // By path, not by import: only a process of its own may load the SDKs, and this workspace does not depend on them.
  const script = fileURLToPath(new URL('../../../adapters/azure/testing/sdk-client.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(sdkCase)], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    timeout: 60_000,
  });
  return JSON.parse(stdout) as Record<string, unknown>;
}
