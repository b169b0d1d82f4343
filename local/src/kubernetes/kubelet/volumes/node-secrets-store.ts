import { join } from 'node:path';

import {
  BINDING_AUDIENCE,
  createSecretsStore,
  customResourceDefinitions,
  DRIVER_NAME,
  EXCHANGE_AUDIENCE,
} from '@holdfast/secrets-store';
import type { Events, MountProvider, PodObject as StorePod, SecretsStore } from '@holdfast/secrets-store';

import type { ClusterStore } from '../../api/cluster-store.ts';
import type { PodObject } from '../../controllers/objects.ts';
import type { Cancel } from '../../controllers/timers.ts';
import type { NodeHost } from '../kubelet-host.ts';
import { volumeFolder } from '../pod-folder.ts';
import { clusterPort } from './cluster-port.ts';

/** How volumes of the Secrets Store CSI driver are filled, the same on all nodes of a cluster. */
export interface SecretsStoreSettings {
  /** Fetches what a class asks for. */
  readonly provider: MountProvider;
  /** Log and metrics. */
  readonly events: Events;
  /** How often mounted volumes are fetched again, in milliseconds, undefined for never; two minutes when missing, as with the driver. */
  readonly rotationMs?: () => number | undefined;
}

const ROTATION_MS = 2 * 60_000;
const LOOK_MS = 1_000;
const MOUNT_TIMEOUT_MS = 60_000;
const TOKEN_SECONDS = 3600;
const MAX_MESSAGE = 1024;

/** The Secrets Store CSI driver of one node, with its provider. */
export class NodeSecretsStore {
  readonly #host: Pick<NodeHost, 'machine' | 'timers'>;
  readonly #onError: (error: unknown) => void;
  readonly #store: SecretsStore;
  #cancel: Cancel | undefined;
  #looking: Promise<void> | undefined;
  #closed = false;

  /** @param onError Told about what goes wrong while mounted volumes are looked after. */
  constructor(host: NodeHost, settings: SecretsStoreSettings, onError: (error: unknown) => void) {
    const { cluster, timers, events, nodeName, machine } = host;
    const issueToken = machine.serviceAccountToken;
    this.#host = host;
    this.#onError = onError;
    this.#store = createSecretsStore({
      cluster: clusterPort(cluster.store),
      provider: settings.provider,
      nodeName,
      targetPath: (pod, volume) => this.folderOf(pod, volume),
      issueToken:
        issueToken === undefined
          ? undefined
          : async ({ audience, ...request }) =>
              issueToken({ ...request, audiences: [audience], expirationSeconds: TOKEN_SECONDS }),
      rotationMs: settings.rotationMs ?? (() => ROTATION_MS),
      mountTimeoutMs: MOUNT_TIMEOUT_MS,
      compatible: false,
      events: settings.events,
      recordEvent: async (pod, { type, reason, message }) => {
        // The recorder counts what happens again instead of filling the list.
        events.record(pod, { type, reason, message: message.slice(0, MAX_MESSAGE) });
        return Promise.resolve();
      },
      clock: timers.clock,
    });
  }

  /** Where the files of a volume are. */
  folderOf(pod: Pick<StorePod, 'metadata'>, volume: string): string {
    return join(volumeFolder(this.#host.machine.podsFolder, pod, { plugin: 'csi', name: volume }), 'mount');
  }

  /** @throws RequestError, DependencyError after an event on the pod */
  async mountFor(pod: PodObject): Promise<void> {
    await this.#store.mountFor(pod as unknown as StorePod);
    this.#lookLater();
  }

  async unmountFor(pod: PodObject): Promise<void> {
    await this.#store.unmountFor(pod as unknown as StorePod);
  }

  /** Resolves once nothing is being fetched. */
  async settled(): Promise<void> {
    await this.#looking;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#looking;
  }

  #lookLater(): void {
    if (this.#closed || this.#cancel !== undefined) return;
    this.#cancel = this.#host.timers.after(LOOK_MS, () => {
      this.#looking = this.#store
        .tick()
        .catch(this.#onError)
        .finally(() => {
          this.#cancel = undefined;
          if (this.#store.mountedPods > 0) this.#lookLater();
        });
    });
  }
}

/** Puts the custom resources of the driver into a cluster, and the driver's own object. */
export function installSecretsStore(store: ClusterStore): void {
  const options = { fieldManager: 'aks-addon-manager', force: true };
  for (const definition of customResourceDefinitions()) store.apply(definition, options);
  store.apply(
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: DRIVER_NAME },
      spec: {
        attachRequired: false,
        podInfoOnMount: true,
        requiresRepublish: true,
        tokenRequests: [{ audience: EXCHANGE_AUDIENCE }, { audience: BINDING_AUDIENCE }],
        volumeLifecycleModes: ['Ephemeral'],
      },
    },
    options,
  );
}
