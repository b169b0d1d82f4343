import { createHash, createPrivateKey } from 'node:crypto';
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
import type { CertificateAuthority, KeyReleaseDecision, ManagedIdentity } from '../azure/index.ts';
import {
  buildKeyVaultApp,
  buildManagedIdentityApp,
  createAuthorityKeys,
  createKeyRelease,
  openKeyStore,
  openKeyVault,
  openTokenIssuer,
} from '../azure/index.ts';
import type { HomeLayout } from '../home/home-layout.ts';
import type { IdentityEndpoint } from '../virtual-node/pod.ts';
import type { LocalPorts } from './ports.ts';

export const VAULT_NAME = 'holdfast-local-vault';
export const OPERATOR_KEY_SECRET_NAME = 'uid2-operator-key';
const TENANT_ID = guidOf('tenant');
const RESOURCE_GROUP = `/subscriptions/${guidOf('subscription')}/resourceGroups/holdfast-local`;

/** The identity that the operator's pod runs as. */
export const OPERATOR_IDENTITY: ManagedIdentity = {
  kind: 'user-assigned',
  clientId: guidOf('operator identity client'),
  principalId: guidOf('operator identity principal'),
  resourceId: `${RESOURCE_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uid2-operator`,
};

export interface AzureEndpointsOptions {
  readonly layout: HomeLayout;
  readonly ports: Pick<LocalPorts, 'authority' | 'vault'>;
  readonly authority: CertificateAuthority;
  /** The secret that the vault holds. */
  readonly operatorKey: string;
  /** JSON of the AMD certificates of the virtual node. */
  readonly hostCertificates: () => string;
  readonly clock: Clock;
}

export interface AzureEndpoints {
  readonly authorityUrl: string;
  readonly vaultUrl: string;
  /** For the virtual node: the endpoint of one pod, which knows one identity. */
  openIdentityEndpoint(resourceId: string): Promise<IdentityEndpoint | undefined>;
  stop(): Promise<void>;
}

/**
 * Starts Entra ID and a Key Vault. Its secret, the operator key, only the operator's identity may read. Its keys belong to
 * the administrator of the home folder; the operator's identity may ask for their release, which their policies decide.
 */
export async function startAzureEndpoints(options: AzureEndpointsOptions): Promise<AzureEndpoints> {
  const { layout, ports, clock } = options;
  const host = '127.0.0.1';
  const authorityUrl = `https://${host}:${ports.authority}`;
  const vaultUrl = `https://${host}:${ports.vault}`;
  const hosts = [host, 'localhost'];
  // The vault signs releases with the key of its server.
  const certificate = await options.authority.issueServerCertificate({ hosts, keyType: 'rsa' });
  const tls = { key: certificate.keyPem, cert: certificate.certificatePem };
  const tokenIssuer = await openTokenIssuer({ folder: layout.azureFolder, tenantId: TENANT_ID, authorityUrl, clock });
  const vault = await openKeyVault({ file: layout.vaultFile, clock });
  await ensureSecret(vault, options.operatorKey);
  const administrator = await openAdministrator(layout.administrator, TENANT_ID);
  const store = await openKeyStore({ file: layout.vaultKeysFile, clock });
  const client = new HttpClient({ ca: options.authority.caPem });
  await mkdir(layout.logsFolder, { recursive: true });
  const logFile = createWriteStream(join(layout.logsFolder, 'vault.log'), { flags: 'a', mode: 0o600 });
  const logger = createLogger({ name: 'vault', destination: logFile });
  const release = createKeyRelease({
    authorityKeys: createAuthorityKeys({ client, clock }),
    signingKey: createPrivateKey(tls.key),
    chain: parseCertificates(tls.cert),
    clock,
    allowTestRoot: true,
    onDecision: (decision) => logDecision(logger, decision),
  });
  const roleAssignments = [
    { principalId: OPERATOR_IDENTITY.principalId, role: 'Key Vault Secrets User' },
    { principalId: OPERATOR_IDENTITY.principalId, role: 'Key Vault Crypto Service Release User' },
    { principalId: administrator.objectId, role: 'Key Vault Administrator' },
  ];
  const applications = [{ ...administrator, secrets: [{ value: administrator.clientSecret }] }];
  const apps = [
    { app: buildEntraApp({ tokenIssuer, clock, tls, applications }), port: ports.authority },
    {
      app: buildKeyVaultApp({
        vault,
        keys: { store, clock, release },
        tokenIssuer,
        vaultUrl,
        properties: () => ({ enableRbacAuthorization: true, roleAssignments }),
        tls,
      }),
      port: ports.vault,
    },
  ];
  const stop = async (): Promise<void> => {
    for (const { app } of apps) await app.close();
    await client.close();
    logFile.end();
  };
  try {
    for (const { app, port } of apps) await listen(app, { host, port });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    authorityUrl,
    vaultUrl,
    async openIdentityEndpoint(resourceId) {
      if (resourceId.toLowerCase() !== OPERATOR_IDENTITY.resourceId.toLowerCase()) return undefined;
      const app = buildManagedIdentityApp({
        identities: [OPERATOR_IDENTITY],
        tokenIssuer,
        clock,
        hostCertificates: options.hostCertificates,
      });
      const url = await listen(app, { host, port: 0 });
      return { url, stop: () => app.close() };
    },
    stop,
  };
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

type Vault = Awaited<ReturnType<typeof openKeyVault>>;

/** A person may have rotated the key in the vault; then theirs stays. */
async function ensureSecret(vault: Vault, operatorKey: string): Promise<void> {
  const exists = vault.listSecrets().some(({ name }) => name === OPERATOR_KEY_SECRET_NAME);
  if (!exists) await vault.setSecret(OPERATOR_KEY_SECRET_NAME, operatorKey);
}

/** A GUID that is the same on every machine, so that manifests can be moved between them. */
function guidOf(name: string): string {
  const hex = createHash('sha256').update(`holdfast local ${name}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
