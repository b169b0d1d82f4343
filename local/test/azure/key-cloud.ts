import { createPrivateKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseCertificates } from '@holdfast/attestation';
import type { Certificate } from '@holdfast/attestation';
import { HttpClient, listen } from '@holdfast/http';

import {
  buildEntraApp,
  buildKeyVaultApp,
  createAuthorityKeys,
  createKeyRelease,
  openCertificateAuthority,
  openKeyStore,
  openKeyVault,
  openTokenIssuer,
} from '../../src/azure/index.ts';
import type { KeyReleaseDecision, KeyStore, TokenIssuer, VaultKind, VaultProperties } from '../../src/azure/index.ts';
import { startPublishedService } from './attestation-service.ts';
import type { PublishedService } from './attestation-service.ts';
import { APPLICATION, TENANT } from './cloud.ts';

/** A vault with keys, Entra ID and an attestation service, listening. */
export interface KeyCloud {
  readonly caFile: string;
  readonly vaultUrl: string;
  readonly entraUrl: string;
  readonly store: KeyStore;
  readonly tokenIssuer: TokenIssuer;
  readonly attestation: PublishedService;
  readonly decisions: KeyReleaseDecision[];
  readonly ca: Certificate;
  /** Roles of the application. */
  roles: string[];
  properties: VaultProperties | undefined;
  /** Starts another attestation service with other metadata. */
  attestationWith(metadata: Readonly<Record<string, string>>): Promise<PublishedService>;
  close(): Promise<void>;
}

export async function openKeyCloud(options: { kind?: VaultKind; singleUseTokens?: boolean } = {}): Promise<KeyCloud> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-keys-'));
  const clock = Date.now;
  const authority = await openCertificateAuthority(join(folder, 'ca'));
  const server = await authority.issueServerCertificate({ hosts: ['127.0.0.1', 'localhost'], keyType: 'rsa' });
  const tls = { key: server.keyPem, cert: server.certificatePem };
  const urls = { entra: '', vault: '' };
  const tokenIssuer = await openTokenIssuer({
    folder: join(folder, 'azure'),
    tenantId: TENANT,
    authorityUrl: () => urls.entra,
    clock,
  });
  const kind = options.kind ?? 'vault';
  const store = await openKeyStore({ file: join(folder, 'azure', 'keys.json'), clock, kind });
  const client = new HttpClient({ ca: authority.caPem });
  const attestation = await startPublishedService(tls);
  const services = [attestation];
  const decisions: KeyReleaseDecision[] = [];
  const entra = buildEntraApp({ tokenIssuer, clock, tls, applications: [APPLICATION] });
  const [ca] = parseCertificates(authority.caPem);
  if (ca === undefined) throw new Error('no authority');
  const release = createKeyRelease({
    authorityKeys: createAuthorityKeys({ client, clock }),
    signingKey: createPrivateKey(tls.key),
    chain: parseCertificates(tls.cert),
    clock,
    singleUseTokens: options.singleUseTokens ?? false,
    onDecision: (decision) => decisions.push(decision),
  });
  const roleAssignments = (roles: readonly string[]) =>
    roles.map((role) => ({ principalId: APPLICATION.objectId, role }));
  const vault = buildKeyVaultApp({
    vault: await openKeyVault({ file: join(folder, 'azure', 'vault.json'), clock }),
    keys: { store, clock, release },
    kind,
    tokenIssuer,
    vaultUrl: () => urls.vault,
    properties: () =>
      cloud.properties ?? { enableRbacAuthorization: true, roleAssignments: roleAssignments(cloud.roles) },
    tls,
  });
  const cloud: KeyCloud = {
    caFile: authority.caFile,
    vaultUrl: '',
    entraUrl: '',
    store,
    tokenIssuer,
    attestation,
    decisions,
    ca,
    roles: ['Key Vault Crypto Officer'],
    properties: undefined,
    attestationWith: async (metadata) => {
      const other = await startPublishedService(tls, metadata);
      services.push(other);
      return other;
    },
    close: async () => {
      await Promise.all([vault.close(), entra.close(), client.close(), ...services.map(async (one) => one.stop())]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  urls.entra = await listen(entra, { host: '127.0.0.1', port: 0 });
  urls.vault = await listen(vault, { host: '127.0.0.1', port: 0 });
  return Object.assign(cloud, { vaultUrl: urls.vault, entraUrl: urls.entra });
}
