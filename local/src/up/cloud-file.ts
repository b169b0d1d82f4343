import { rm } from 'node:fs/promises';

import { writeFileAtomic } from '@holdfast/process';

import type { LocalAdministrator } from '../azure/index.ts';
import type { HomeLayout } from '../home/home-layout.ts';
import { SUBSCRIPTION_ID, TENANT_ID } from './local-names.ts';
import type { LocalAddresses } from './service-configs.ts';

/** Tells commands how to reach the cloud that runs in this home. Secrets stand in files of their own. */
export async function writeCloudFile(
  layout: HomeLayout,
  addresses: LocalAddresses,
  administrator: LocalAdministrator,
  operatorKey: string,
): Promise<void> {
  await writeFileAtomic(layout.clientSecretFile, `${administrator.clientSecret}\n`, { mode: 0o600 });
  await writeFileAtomic(layout.operatorKeyFile, `${operatorKey}\n`, { mode: 0o600 });
  const cloud = {
    version: 1,
    pid: process.pid,
    armUrl: addresses.arm,
    authorityUrl: addresses.authority,
    vaultUrl: addresses.vault,
    kubernetesUrl: addresses.kubernetes,
    attestationUrl: addresses.attestation,
    caFile: layout.caFile,
    tenantId: TENANT_ID,
    subscriptionId: SUBSCRIPTION_ID,
    clientId: administrator.clientId,
    clientSecretFile: layout.clientSecretFile,
    release: layout.releaseFolder,
    operatorKeyFile: layout.operatorKeyFile,
  };
  await writeFileAtomic(layout.cloudFile, `${JSON.stringify(cloud, undefined, 2)}\n`, { mode: 0o600 });
}

/** Takes the file away, so that nobody mistakes an old one for a running cloud. */
export async function removeCloudFile(layout: HomeLayout): Promise<void> {
  await rm(layout.cloudFile, { force: true });
}
