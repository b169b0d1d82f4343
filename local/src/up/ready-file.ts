import { rm } from 'node:fs/promises';

import { writeFileAtomic } from '@holdfast/process';

import type { ClientCredentials } from '../world/credentials.ts';
import type { LocalCloudPart } from './parts.ts';
import type { LocalAddresses } from './service-configs.ts';

/** What a running local cloud tells programs: the content of the ready file. Parts that were not started are null. */
export interface ReadyFile {
  readonly version: 1;
  readonly operator: { readonly url: string; readonly metricsUrl: string; readonly pid: number } | null;
  readonly core: { readonly url: string; readonly pid: number } | null;
  readonly optout: { readonly url: string; readonly pid: number } | null;
  readonly azure: {
    readonly armUrl: string | null;
    readonly authorityUrl: string | null;
    readonly vaultUrl: string | null;
    readonly attestationUrl: string | null;
    readonly caFile: string;
  };
  readonly virtualNode: { readonly url: string } | null;
  readonly client: {
    readonly apiKey: string;
    readonly secret: string;
    readonly siteId: number;
    readonly name: string;
  };
  /** Measured policy of the running operator, or the one Core accepts when none runs. */
  readonly enclaveId: string;
  readonly home: string;
}

/** What is known of a cloud that has just come up. */
export interface StartedCloud {
  readonly addresses: LocalAddresses;
  readonly parts: ReadonlySet<LocalCloudPart>;
  readonly home: string;
  readonly caFile: string;
  readonly client: ClientCredentials;
  /** The policy that Core accepts, also when no operator runs. */
  readonly acceptedEnclaveId: string;
  readonly operator: { readonly pid: number; readonly hostData: string } | undefined;
  readonly core: { readonly pid: number } | undefined;
  readonly optout: { readonly pid: number } | undefined;
}

/** The content of the ready file. */
export function describeCloud(cloud: StartedCloud): ReadyFile {
  const { addresses, operator, core, optout, client } = cloud;
  const ifStarted = (part: LocalCloudPart, url: string): string | null => (cloud.parts.has(part) ? url : null);
  return {
    version: 1,
    operator:
      operator === undefined ? null : { url: addresses.operator, metricsUrl: addresses.metrics, pid: operator.pid },
    core: core === undefined ? null : { url: addresses.core, pid: core.pid },
    optout: optout === undefined ? null : { url: addresses.optout, pid: optout.pid },
    azure: {
      armUrl: ifStarted('azure', addresses.arm),
      authorityUrl: ifStarted('azure', addresses.authority),
      vaultUrl: ifStarted('azure', addresses.vault),
      attestationUrl: ifStarted('attestation', addresses.attestation),
      caFile: cloud.caFile,
    },
    virtualNode: cloud.parts.has('azure') ? { url: addresses.virtualNode } : null,
    client: { apiKey: client.apiKey, secret: client.secret, siteId: client.siteId, name: client.name },
    enclaveId: operator?.hostData ?? cloud.acceptedEnclaveId,
    home: cloud.home,
  };
}

/** Writes the ready file whole, readable by its owner only: it holds the client's secret. */
export async function writeReadyFile(file: string, ready: ReadyFile): Promise<void> {
  await writeFileAtomic(file, `${JSON.stringify(ready, undefined, 2)}\n`, { mode: 0o600 });
}

/** Takes the ready file away, so that nobody mistakes an old one for a running cloud. */
export async function removeReadyFile(file: string): Promise<void> {
  await rm(file, { force: true });
}
