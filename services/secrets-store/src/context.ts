import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import type { Clock } from '@holdfast/base';
import type { KubernetesPort } from '@holdfast/deployment';

import { sdkVaults } from './azure/sdk-vault-reader.ts';
import type { SecretsStoreConfig } from './config.ts';
import { SecretsStore, volumeFolders } from './driver/secrets-store.ts';
import { podEvent } from './driver/pod-event.ts';
import type { RecordPodEvent } from './driver/pod-event.ts';
import type { IssueToken, SecretsStoreOptions } from './driver/secrets-store.ts';
import { VolumeDriver } from './driver/volume-driver.ts';
import type { DriverCluster, MountProvider } from './driver/volume-driver.ts';
import type { Events } from './events.ts';
import { mountObjects } from './provider/provider.ts';

/** How often a volume that is filled once is looked at for its mirrored Secrets. */
const RESYNC_MS = 5 * 60_000;

/** The provider for Azure as configured: what a class asks for, from its vault. */
export function azureProvider(
  config: Pick<
    SecretsStoreConfig,
    | 'cloud_name'
    | 'compatible'
    | 'construct_pem_chain'
    | 'write_cert_and_key_in_separate_files'
    | 'cloud_environment_folder'
    | 'nmi_url'
    | 'AZURE_AUTHORITY_HOST'
    | 'azureCa'
    | 'vault_addresses'
    | 'token_proxy_url'
    | 'tokenProxyCa'
    | 'sni_name'
  >,
  events: Pick<Events, 'chainIncomplete'>,
  clock: Clock,
): MountProvider {
  const addresses = new Map(
    Object.entries(config.vault_addresses).map(([name, url]) => [name.toLowerCase(), `${url.replace(/\/+$/, '')}/`]),
  );
  const folder = config.cloud_environment_folder;
  const options = {
    openVault: sdkVaults({
      nmiUrl: () => config.nmi_url,
      authorityUrl: config.AZURE_AUTHORITY_HOST,
      ca: config.azureCa,
      tokenProxy: { url: config.token_proxy_url, ca: config.tokenProxyCa, serverName: config.sni_name },
      clock,
    }),
    vaultAddress: (name: string) => addresses.get(name),
    defaultCloud: config.cloud_name,
    compatible: config.compatible,
    constructPemChain: config.construct_pem_chain,
    separateFiles: config.write_cert_and_key_in_separate_files,
    onIncompleteChain: ({ objectName }: { readonly objectName: string }) => events.chainIncomplete(objectName),
    // By name only: a class must not make the provider read any file of the node.
    ...(folder === undefined
      ? {}
      : { readCloudFile: (path: string) => readFileSync(join(folder, basename(path)), 'utf8') }),
  };
  return async (request) => mountObjects(request, options);
}

export interface StandaloneOptions {
  readonly cluster: DriverCluster & Pick<KubernetesPort, 'read' | 'create'>;
  readonly provider: MountProvider;
  readonly nodeName: string;
  /** Where volumes are; as kubelet has them below `folder` when only that is given. */
  readonly targetPath: SecretsStoreOptions['targetPath'] | { readonly folder: string };
  readonly issueToken: IssueToken | undefined;
  /** Asked anew each time; undefined: volumes are filled once. */
  readonly rotationMs: () => number | undefined;
  readonly mountTimeoutMs: number;
  readonly compatible: boolean;
  readonly events: Events;
  /** Puts events on pods; as Event objects of the cluster when missing. */
  readonly recordEvent?: RecordPodEvent;
  readonly clock: Clock;
}

/** Driver and provider in one, for a cluster without a CSI driver and for one on this machine. */
export function createSecretsStore(options: StandaloneOptions): SecretsStore {
  const { cluster, provider, targetPath, rotationMs, issueToken, clock, events } = options;
  const recordEvent = options.recordEvent ?? (async (pod, event) => podEvent(cluster, pod, event));
  const driver = new VolumeDriver({
    cluster,
    providers: new Map([['azure', provider]]),
    nodeName: options.nodeName,
    rotationMs,
    compatible: options.compatible,
    mountTimeoutMs: options.mountTimeoutMs,
    clock,
    events,
    recordEvent,
  });
  return new SecretsStore({
    cluster,
    driver,
    targetPath: typeof targetPath === 'function' ? targetPath : volumeFolders(targetPath.folder),
    issueToken,
    intervalMs: () => rotationMs() ?? RESYNC_MS,
    clock,
    events,
    recordEvent,
  });
}
