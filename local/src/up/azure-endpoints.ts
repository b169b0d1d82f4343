import { createPrivateKey } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { parseCertificates } from '@holdfast/attestation';
import type { Clock } from '@holdfast/base';
import { HttpClient, listen } from '@holdfast/http';
import { createLogger } from '@holdfast/process';
import type { Logger } from '@holdfast/process';

import { openAdministrator } from '../azure/administrator.ts';
import { buildEntraApp } from '../azure/entra-app.ts';
import type { EntraAppOptions } from '../azure/entra-app.ts';
import { askedVault } from '../azure/key-vault-app.ts';
import type { CertificateAuthority, KeyReleaseDecision, LocalAdministrator, ManagedIdentity } from '../azure/index.ts';
import {
  buildKeyVaultApp,
  buildManagedIdentityApp,
  createAuthorityKeys,
  createIssuerKeys,
  createKeyRelease,
  openCertificateStore,
  openKeyStore,
  openKeyVault,
  openTokenIssuer,
} from '../azure/index.ts';
import type { HomeLayout } from '../home/home-layout.ts';
import type { IdentityEndpoint } from '../virtual-node/pod.ts';
import { startArmEndpoint } from './arm-endpoint.ts';
import type { ArmEndpoint } from './arm-endpoint.ts';
import type { RedisServers } from '../redis/index.ts';
import type { LocalClusters } from './local-clusters.ts';
import { guidOf, SUBSCRIPTION_ID, TENANT_ID, VAULT_NAME } from './local-names.ts';
import type { LocalPorts } from './ports.ts';
import { RELEASE_ROLE, vaultRights } from './vault-rights.ts';

/** The identity that pods run as which no deployment has made: those of samples. */
export const SAMPLE_IDENTITY: ManagedIdentity = {
  kind: 'user-assigned',
  clientId: guidOf('sample identity client'),
  principalId: guidOf('sample identity principal'),
  resourceId: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/samples/providers/Microsoft.ManagedIdentity/userAssignedIdentities/sample`,
};

/** Names by which programs in pods know these endpoints; their certificates have them. */
const AUTHORITY_NAME = 'login.microsoftonline.com';
const VAULT_NAMES = '*.vault.azure.net';

export interface AzureEndpointsOptions {
  readonly layout: HomeLayout;
  readonly ports: Pick<LocalPorts, 'authority' | 'vault' | 'arm'>;
  readonly authority: CertificateAuthority;
  /** Without a trailing slash. */
  readonly attestationUrl: string;
  readonly clusters: LocalClusters;
  readonly caches: RedisServers;
  /** JSON of the AMD certificates of the virtual node. */
  readonly hostCertificates: () => string;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

export interface AzureEndpoints {
  /** The application that may do everything. */
  readonly administrator: LocalAdministrator;
  readonly authorityUrl: string;
  readonly vaultUrl: string;
  /** For the virtual node: the endpoint of one pod, which knows one identity. */
  openIdentityEndpoint(resourceId: string): Promise<IdentityEndpoint | undefined>;
  /** Where the names of caches lead inside of pods. */
  cachePlaces(): Readonly<Record<string, string>>;
  /** Takes up the clusters that an earlier run left, with the pods in them. */
  openClusters(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts Entra ID, a Key Vault and Azure Resource Manager. What identities may do in the vault follows from the role assignments of
 * deployments. Its keys belong to the administrator of the home folder; identities may ask for their release, which their policies decide.
 */
export async function startAzureEndpoints(options: AzureEndpointsOptions): Promise<AzureEndpoints> {
  const { layout, ports, clock } = options;
  const host = '127.0.0.1';
  const authorityUrl = `https://${host}:${ports.authority}`;
  const vaultUrl = `https://${host}:${ports.vault}`;
  const hosts = [host, 'localhost'];
  // The vault signs releases with the key of its server.
  const tls = await serverTls(options, [...hosts, VAULT_NAMES], 'rsa');
  const tokenIssuer = await openTokenIssuer({ folder: layout.azureFolder, tenantId: TENANT_ID, authorityUrl, clock });
  const vault = await openKeyVault({ file: layout.vaultFile, clock });
  const administrator = await openAdministrator(layout.administrator, TENANT_ID);
  const store = await openKeyStore({ file: layout.vaultKeysFile, clock });
  const certificates = await openCertificateStore({
    file: join(layout.azureFolder, 'certificates.json'),
    secrets: vault,
    keys: store,
    clock,
  });
  const client = new HttpClient({ ca: options.authority.caPem });
  await mkdir(layout.logsFolder, { recursive: true });
  const logFile = createWriteStream(join(layout.logsFolder, 'vault.log'), { flags: 'a', mode: 0o600 });
  const logger = createLogger({ name: 'vault', destination: logFile });
  const clusterLog = createWriteStream(join(layout.logsFolder, 'clusters.log'), { flags: 'a', mode: 0o600 });
  const release = createKeyRelease({
    authorityKeys: createAuthorityKeys({ client, clock }),
    signingKey: createPrivateKey(tls.key),
    chain: parseCertificates(tls.cert),
    clock,
    allowTestRoot: true,
    onDecision: (decision) => logDecision(logger, decision),
  });
  const roleAssignments = [
    { principalId: SAMPLE_IDENTITY.principalId, role: RELEASE_ROLE },
    { principalId: administrator.objectId, role: 'Key Vault Administrator' },
  ];
  const started: { arm?: ArmEndpoint } = {};
  const entra: EntraAppOptions = {
    tokenIssuer,
    clock,
    tls: await serverTls(options, [...hosts, AUTHORITY_NAME], 'ec'),
    fetchIssuerKeys: createIssuerKeys(client),
    // Looked at for each request: deployments make identities.
    get applications() {
      const federated = started.arm?.federated() ?? [];
      return [
        { ...administrator, secrets: [{ value: administrator.clientSecret }] },
        ...federated.map(({ identity: { clientId, principalId, resourceId }, credentials }) => ({
          clientId,
          objectId: principalId,
          federatedCredentials: credentials,
          managedIdentityResourceId: resourceId,
        })),
      ];
    },
  };
  const apps = [
    { app: buildEntraApp(entra), port: ports.authority },
    {
      app: buildKeyVaultApp({
        vault,
        keys: { store, clock, release },
        tokenIssuer,
        vaultUrl,
        certificates,
        properties: vaultRights({ known: () => started.arm, roleAssignments, ownVault: VAULT_NAME }),
        sourceOf: (request) => ({
          address: request.ip,
          ...started.arm?.vaultSource(request.ip, askedVault(request).vaultName ?? VAULT_NAME),
        }),
        tls,
      }),
      port: ports.vault,
    },
  ];
  const stop = async (): Promise<void> => {
    await started.arm?.stop();
    for (const { app } of apps) await app.close();
    await client.close();
    logFile.end();
    clusterLog.end();
  };
  try {
    for (const { app, port } of apps) await listen(app, { host, port });
    started.arm = await startArmEndpoint({
      file: layout.armFile,
      port: ports.arm,
      tls,
      clock,
      tokenIssuer,
      vault,
      keys: store,
      vaultUrl,
      attestationUrl: options.attestationUrl,
      clusters: options.clusters,
      clusterAzure: {
        tokenIssuer,
        authorityPlace: `${host}:${ports.authority}`,
        vaultPlace: `${host}:${ports.vault}`,
        hostCertificates: options.hostCertificates,
        logger: createLogger({ name: 'cluster', destination: clusterLog }),
      },
      caches: options.caches,
      onError: options.onError,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    administrator,
    authorityUrl,
    vaultUrl,
    async openIdentityEndpoint(resourceId) {
      const isSample = resourceId.toLowerCase() === SAMPLE_IDENTITY.resourceId.toLowerCase();
      const identity = isSample ? SAMPLE_IDENTITY : started.arm?.identity(resourceId);
      if (identity === undefined) return undefined;
      const app = buildManagedIdentityApp({
        identities: [identity],
        tokenIssuer,
        clock,
        hostCertificates: options.hostCertificates,
      });
      const url = await listen(app, { host, port: 0 });
      return { url, stop: () => app.close() };
    },
    cachePlaces: () => started.arm?.cachePlaces() ?? {},
    openClusters: async () => started.arm?.openClusters(),
    stop,
  };
}

async function serverTls(
  { authority }: AzureEndpointsOptions,
  hosts: readonly string[],
  keyType: 'ec' | 'rsa',
): Promise<{ readonly key: string; readonly cert: string }> {
  const { keyPem: key, certificatePem: cert } = await authority.issueServerCertificate({ hosts, keyType });
  return { key, cert };
}

/** Callers learn only that a release was refused; which claim it was, and by which rule, stands here. */
function logDecision(logger: Logger, { error, ...decision }: KeyReleaseDecision): void {
  if (error === undefined) {
    logger.info(decision, 'key released');
    return;
  }
  const { code, message, details } = error;
  logger.warn({ ...decision, code, details, reason: message }, 'key release refused');
}
