import { join } from 'node:path';

import { errorMessage, RequestError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { KubernetesPort } from '@holdfast/deployment';

import type { Events } from '../events.ts';
import { BINDING_AUDIENCE, EXCHANGE_AUDIENCE } from '../provider/service-account-tokens.ts';
import { GROUP_VERSION, isOver, volumesOf } from './objects.ts';
import type { PodObject, PodVolume, SecretProviderClass } from './objects.ts';
import type { RecordPodEvent } from './pod-event.ts';
import type { PublishRequest } from './publish-request.ts';
import { POD_PREFIX } from './publish-request.ts';
import type { PublishOutcome, VolumeDriver } from './volume-driver.ts';

export interface ServiceAccountToken {
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Makes a token of a pod's service account (TokenRequest). */
export type IssueToken = (request: {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audience: string;
  readonly pod: { readonly name: string; readonly uid: string };
}) => Promise<ServiceAccountToken>;

export interface SecretsStoreOptions {
  readonly cluster: Pick<KubernetesPort, 'read'>;
  readonly driver: VolumeDriver;
  /** Where volumes are: a folder of a pod's volume. */
  readonly targetPath: (pod: PodObject, volume: string) => string;
  /** Without it classes with a client id cannot be used. */
  readonly issueToken: IssueToken | undefined;
  /** How often mounted volumes are looked at, in milliseconds. */
  readonly intervalMs: () => number;
  readonly clock: Clock;
  readonly events: Events;
  readonly recordEvent: RecordPodEvent;
}

interface MountedPod {
  pod: PodObject;
  /** When its volumes are looked at next, in milliseconds since the epoch. */
  dueAt: number;
  /** Failures in a row while the pod has no volumes yet. */
  failures: number;
  mounted: boolean;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 2 * 60_000;

/** Folders of volumes below one folder, as kubelet has them. */
export function volumeFolders(root: string): SecretsStoreOptions['targetPath'] {
  return (pod, volume) => join(root, pod.metadata.uid ?? '', 'volumes', 'kubernetes.io~csi', volume, 'mount');
}

/**
 * The volumes of the pods of one node, without a CSI driver: kubelet, or whoever runs pods, asks for them with `mountFor` before
 * containers start, and `tick` keeps them fresh. Or `follow` is told of pods, and failures are tried again by `tick`.
 */
export class SecretsStore {
  readonly #options: SecretsStoreOptions;
  readonly #pods = new Map<string, MountedPod>();

  constructor(options: SecretsStoreOptions) {
    this.#options = options;
  }

  /**
   * Fills all secrets-store volumes of a pod; a pod without any costs nothing.
   * @returns The folder of each volume, by the volume's name.
   * @throws RequestError and DependencyError as `VolumeDriver.publish`, after an event on the pod; no volume is then left behind
   */
  async mountFor(pod: PodObject): Promise<ReadonlyMap<string, string>> {
    const folders = new Map<string, string>();
    const volumes = volumesOf(pod);
    if (volumes.length === 0) return folders;
    for (const volume of volumes) {
      folders.set(volume.name, this.#options.targetPath(pod, volume.name));
      try {
        await this.#publish(pod, volume);
      } catch (error) {
        for (const folder of folders.values()) await this.#options.driver.unpublish(folder);
        await this.#reportFailure(pod, volume.name, error);
        throw error;
      }
    }
    this.#pods.set(keyOf(pod), { pod, dueAt: this.#next(), failures: 0, mounted: true });
    return folders;
  }

  /** Takes the volumes of a pod away. */
  async unmountFor(pod: PodObject): Promise<void> {
    this.#pods.delete(keyOf(pod));
    for (const { name } of volumesOf(pod)) await this.#options.driver.unpublish(this.#options.targetPath(pod, name));
  }

  /** A pod that is there, or has changed: its volumes are filled at the next tick, and go when it is over. */
  async follow(pod: PodObject): Promise<void> {
    const key = keyOf(pod);
    if (isOver(pod)) {
      if (this.#pods.has(key)) await this.unmountFor(pod);
      return;
    }
    if (volumesOf(pod).length === 0) return;
    const known = this.#pods.get(key);
    if (known === undefined) this.#pods.set(key, { pod, dueAt: 0, failures: 0, mounted: false });
    else known.pod = pod;
  }

  /** Pods whose volumes are filled. */
  get mountedPods(): number {
    return [...this.#pods.values()].filter(({ mounted }) => mounted).length;
  }

  /** Fills what is due: volumes that failed before, and mounted ones anew. */
  async tick(): Promise<void> {
    const now = this.#options.clock();
    for (const entry of this.#pods.values()) {
      if (entry.dueAt > now) continue;
      if (entry.mounted) await this.#refresh(entry);
      else await this.#firstMount(entry);
    }
  }

  async #firstMount(entry: MountedPod): Promise<void> {
    try {
      await this.mountFor(entry.pod);
    } catch {
      // The pod, the log and the metrics have it already; what is left is to try again.
      entry.dueAt = this.#options.clock() + Math.min(FIRST_RETRY_MS * 2 ** entry.failures, LONGEST_RETRY_MS);
      entry.failures += 1;
    }
  }

  async #refresh(entry: MountedPod): Promise<void> {
    entry.dueAt = this.#next();
    const { metadata } = entry.pod;
    const reference = {
      apiVersion: 'v1',
      kind: 'Pod',
      name: metadata.name,
      namespace: metadata.namespace ?? 'default',
    };
    try {
      const live: PodObject | undefined = await this.#options.cluster.read(reference);
      if (live === undefined || live.metadata.uid !== metadata.uid || isOver(live)) return;
      entry.pod = live;
      const isWanted = (): boolean => this.#pods.get(keyOf(live)) === entry;
      for (const volume of volumesOf(live)) await this.#publish(live, volume, isWanted);
    } catch (error) {
      this.#options.events.rotationFailed(entry.pod, '', errorMessage(error));
    }
  }

  /** @param isWanted Whether the volume is still to be filled, asked when everything else is known. */
  async #publish(pod: PodObject, volume: PodVolume, isWanted: () => boolean = () => true): Promise<PublishOutcome> {
    const { driver, targetPath } = this.#options;
    const volumeContext = await this.#contextOf(pod, volume);
    const secrets = await this.#secretsOf(pod, volume);
    const request: PublishRequest = {
      volumeId: `csi-${pod.metadata.uid ?? ''}-${volume.name}`,
      targetPath: targetPath(pod, volume.name),
      volumeCapability: {},
      readonly: volume.csi?.readOnly === true,
      volumeContext,
      ...(secrets === undefined ? {} : { secrets }),
    };
    // The pod may have gone meanwhile: its files must not come back.
    return isWanted() ? driver.publish(request, pod) : 'unchanged';
  }

  /** What kubelet says about the pod stands over whatever the pod's author wrote under such names. */
  async #contextOf(pod: PodObject, volume: PodVolume): Promise<Readonly<Record<string, string>>> {
    const written = Object.entries(volume.csi?.volumeAttributes ?? {}).filter(([name]) => !name.startsWith(POD_PREFIX));
    const attributes: Readonly<Record<string, string>> = Object.fromEntries(written);
    const { name, namespace = 'default', uid = '' } = pod.metadata;
    return {
      ...attributes,
      [`${POD_PREFIX}pod.name`]: name,
      [`${POD_PREFIX}pod.namespace`]: namespace,
      [`${POD_PREFIX}pod.uid`]: uid,
      [`${POD_PREFIX}serviceAccount.name`]: accountOf(pod),
      [`${POD_PREFIX}ephemeral`]: 'true',
      ...(await this.#tokensOf(pod, attributes)),
    };
  }

  /** Tokens for the audiences of Azure, where the class can use them. */
  async #tokensOf(
    pod: PodObject,
    attributes: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>> {
    const { issueToken, cluster } = this.#options;
    const { namespace = 'default', name, uid = '' } = pod.metadata;
    if (issueToken === undefined) return {};
    const className = (attributes['secretProviderClass'] ?? '').trim();
    const reference = { apiVersion: GROUP_VERSION, kind: 'SecretProviderClass', name: className, namespace };
    const found: SecretProviderClass | undefined = className === '' ? undefined : await cluster.read(reference);
    const parameters = { ...found?.spec?.parameters, ...attributes };
    if ((parameters['clientID'] ?? '').trim() === '') return {};
    const proxied = (parameters['useAzureTokenProxy'] ?? '').trim();
    const audiences = ['', '0', 'f', 'F', 'FALSE', 'false', 'False'].includes(proxied)
      ? [EXCHANGE_AUDIENCE]
      : [BINDING_AUDIENCE];
    const entries = await Promise.all(
      audiences.map(async (audience) => {
        const issued = await issueToken({ namespace, serviceAccount: accountOf(pod), audience, pod: { name, uid } });
        const expirationTimestamp = new Date(issued.expiresAt).toISOString();
        return [audience, { token: issued.token, expirationTimestamp }] as const;
      }),
    );
    return { [`${POD_PREFIX}serviceAccount.tokens`]: JSON.stringify(Object.fromEntries(entries)) };
  }

  /** The Secret that nodePublishSecretRef names; a missing one counts as none. */
  async #secretsOf(pod: PodObject, { csi }: PodVolume): Promise<Readonly<Record<string, string>> | undefined> {
    const name = csi?.nodePublishSecretRef?.name ?? '';
    if (name === '') return undefined;
    const { namespace = 'default' } = pod.metadata;
    const secret = await this.#options.cluster.read({ apiVersion: 'v1', kind: 'Secret', name, namespace });
    const data = (secret as { readonly data?: Readonly<Record<string, string>> } | undefined)?.data ?? {};
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
    );
  }

  async #reportFailure(pod: PodObject, volume: string, error: unknown): Promise<void> {
    const { events, recordEvent, clock } = this.#options;
    events.mountFailed(pod, error);
    const message = mountFailure(volume, error);
    await recordEvent(pod, { type: 'Warning', reason: 'FailedMount', message, now: clock() }).catch(
      (problem: unknown) => events.statusFailed(pod, errorMessage(problem)),
    );
  }

  #next(): number {
    return this.#options.clock() + this.#options.intervalMs();
  }
}

/** In the words of kubelet, which hears of failures by gRPC. */
export function mountFailure(volume: string, error: unknown): string {
  const code = error instanceof RequestError && error.code === 'MOUNT_REQUEST_INVALID' ? 'InvalidArgument' : 'Unknown';
  return `MountVolume.SetUp failed for volume "${volume}" : rpc error: code = ${code} desc = ${errorMessage(error)}`;
}

function accountOf(pod: PodObject): string {
  return pod.spec?.serviceAccountName ?? 'default';
}

/** A pod of the same name is another pod. */
function keyOf({ metadata }: PodObject): string {
  return metadata.uid ?? `${metadata.namespace ?? 'default'}/${metadata.name}`;
}
