import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { clientSecretCredential, createArmClient, createVaultClient } from '@holdfast/azure';
import { DependencyError, errorMessage, MalformedError, Secret } from '@holdfast/base';
import type { VaultPort } from '@holdfast/deployment';
import { openKubernetes } from '@holdfast/kubernetes';
import { isRunning } from '@holdfast/process';

import type { TimedTarget } from './engine-ports.ts';
import { createHttpProbe } from './http-probe.ts';

/** What a running local cloud says about itself in `cloud.json` of its home. Files are absolute paths. */
export interface LocalCloud {
  readonly version: 1;
  readonly pid: number;
  readonly armUrl: string;
  readonly authorityUrl: string;
  readonly vaultUrl: string;
  readonly kubernetesUrl: string;
  readonly attestationUrl: string;
  readonly caFile: string;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly clientId: string;
  readonly clientSecretFile: string;
}

const TEXTS = [
  'armUrl',
  'authorityUrl',
  'vaultUrl',
  'kubernetesUrl',
  'attestationUrl',
  'caFile',
  'tenantId',
  'subscriptionId',
  'clientId',
  'clientSecretFile',
] as const;
const URLS = ['armUrl', 'authorityUrl', 'vaultUrl', 'kubernetesUrl', 'attestationUrl'] as const;
/** The local cloud answers at once, so waiting for it is short too. */
const POLL_INTERVAL_MS = 25;
const LOOK_INTERVAL_MS = 100;
/** Pauses between two looks are shorter than this; what is longer is a deadline. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * The local cloud that runs in the folder `home`. Its authority is trusted for these connections alone, not by the process.
 * @throws DependencyError LOCAL_CLOUD_ABSENT when none runs there
 * @throws MalformedError LOCAL_CLOUD_UNREADABLE when the file says something that cannot be used
 */
export async function connectLocal(home: string): Promise<TimedTarget & { readonly cloud: LocalCloud }> {
  const cloud = await readLocalCloud(home);
  const [ca, secret] = await Promise.all([readPart(cloud.caFile), readPart(cloud.clientSecretFile)]);
  const { tenantId, clientId, subscriptionId, authorityUrl } = cloud;
  const clientSecret = new Secret(secret.trim());
  const tls = { ca };
  const credential = clientSecretCredential({ tenantId, clientId, clientSecret, authorityUrl, tls });
  const http = createHttpProbe({ ca });
  return {
    kind: 'local',
    cloud,
    subscriptionId,
    tenantId,
    arm: createArmClient({
      subscriptionId,
      credential,
      endpoint: cloud.armUrl,
      tls,
      pollIntervalMs: POLL_INTERVAL_MS,
      clock: Date.now,
    }),
    vault: atLocalVault(createVaultClient({ credential, tls }), cloud.vaultUrl),
    openCluster: async (kubeconfig) => await openKubernetes(kubeconfig),
    http,
    sleep: async (ms, signal) => {
      const shown = ms <= LONGEST_PAUSE_MS ? Math.min(ms, LOOK_INTERVAL_MS) : ms;
      try {
        await setTimeout(shown, undefined, signal === undefined ? {} : { signal });
      } catch (error) {
        throw signal?.aborted === true ? signal.reason : error;
      }
    },
    close: async () => {
      await http.close();
    },
  };
}

/** A local cloud has one vault, whatever a deployment calls its own. Nothing may go to a vault of Azure from here. */
function atLocalVault(vault: VaultPort, localUrl: string): VaultPort {
  const { keys } = vault;
  return {
    secretVersions: (_, ...rest) => vault.secretVersions(localUrl, ...rest),
    setSecret: (_, ...rest) => vault.setSecret(localUrl, ...rest),
    getSecret: (_, ...rest) => vault.getSecret(localUrl, ...rest),
    setEnabled: (_, ...rest) => vault.setEnabled(localUrl, ...rest),
    ...(keys === undefined
      ? {}
      : {
          keys: {
            get: (_, ...rest) => keys.get(localUrl, ...rest),
            create: (_, ...rest) => keys.create(localUrl, ...rest),
          },
        }),
  };
}

/** Reads `cloud.json`; throws as `connectLocal` does. */
export async function readLocalCloud(home: string): Promise<LocalCloud> {
  const file = join(home, 'cloud.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw absent(home);
    throw unreadable(file, errorMessage(cause), cause);
  }
  const cloud = parseCloud(file, text);
  if (!isRunning(cloud.pid)) throw absent(home);
  return cloud;
}

function parseCloud(file: string, text: string): LocalCloud {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(file, 'it is no JSON', cause);
  }
  const cloud = (typeof value === 'object' && value !== null ? value : {}) as Partial<Record<string, unknown>>;
  if (cloud['version'] !== 1) {
    throw unreadable(file, `version ${String(cloud['version'])} was found, and 1 is understood`);
  }
  const missing = TEXTS.filter((name) => typeof cloud[name] !== 'string' || cloud[name] === '');
  if (missing.length > 0) throw unreadable(file, `it lacks ${missing.join(', ')}`);
  const read = cloud as unknown as LocalCloud;
  const insecure = URLS.filter((name) => URL.parse(read[name])?.protocol !== 'https:');
  if (insecure.length > 0) throw unreadable(file, `${insecure.join(', ')} must be https`);
  if (!Number.isSafeInteger(read.pid) || read.pid <= 0) throw unreadable(file, 'its pid is no process id');
  return read;
}

async function readPart(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw unreadable(file, errorMessage(cause), cause);
  }
}

function absent(home: string): DependencyError {
  return new DependencyError('LOCAL_CLOUD_ABSENT', `no local cloud runs in ${home}`, {
    retryable: false,
    details: { home },
    action: 'Start one with holdfast up, or name its folder with --home.',
  });
}

function unreadable(file: string, problem: string, cause?: unknown): MalformedError {
  return new MalformedError('LOCAL_CLOUD_UNREADABLE', `${file} cannot be used: ${problem}`, {
    cause,
    action: 'Stop the local cloud and start it again with holdfast up.',
  });
}
