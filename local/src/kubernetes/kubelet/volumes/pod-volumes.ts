import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { errorMessage } from '@holdfast/base';
import { DRIVER_NAME, mountFailure, writeVolume } from '@holdfast/secrets-store';

import type { ContainerMount } from '../../../virtual-node/mount-paths.ts';
import type { ClusterEvent } from '../../api/cluster-store.ts';
import type { PodObject } from '../../controllers/objects.ts';
import type { Cancel } from '../../controllers/timers.ts';
import type { KubeletHost } from '../kubelet-host.ts';
import { podFolderName, volumeFolder } from '../pod-folder.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';
import { livePart, partNow, subPathOf } from './sub-path.ts';
import { valuesOf, volumeFiles, VolumeProblem } from './volume-files.ts';
import type { VolumeSources } from './volume-files.ts';
import { kindOf, mountedVolumes, mountsOf } from './volume-objects.ts';
import type { VolumeMountObject, VolumeObject } from './volume-objects.ts';

/** What volumes of a pod take from its node. */
type VolumeHost = Pick<KubeletHost, 'machine' | 'cluster' | 'timers' | 'events' | 'secretsStore'>;

const PLUGINS: readonly (readonly [member: keyof VolumeObject, plugin: string])[] = [
  ['emptyDir', 'empty-dir'],
  ['configMap', 'configmap'],
  ['secret', 'secret'],
  ['downwardAPI', 'downward-api'],
  ['projected', 'projected'],
];
/** After a token could not be had. */
const SOON_MS = 5_000;

/** The volumes of one pod as folders of this machine: filled before its containers start, and kept as their sources are. */
export class PodVolumes {
  readonly #host: VolumeHost;
  readonly #tokens: ServiceAccountTokens;
  #pod: PodObject;
  #unsubscribe: (() => void) | undefined;
  #cancel: Cancel | undefined;
  #filling: Promise<void> = Promise.resolve();
  #wanted = false;
  #closed = false;

  constructor(pod: PodObject, host: VolumeHost) {
    this.#pod = pod;
    this.#host = host;
    this.#tokens = new ServiceAccountTokens(host.machine.serviceAccountToken, host.timers.clock);
  }

  /**
   * Fills all volumes that containers mount, and follows their sources from then on.
   * @throws VolumeProblem with the first reason why one cannot be filled; the pod has events about all
   */
  async mount(): Promise<void> {
    const volumes = mountedVolumes(this.#pod);
    if (volumes.length === 0) return;
    const problems: string[] = [];
    for (const volume of volumes) {
      await this.#setUp(volume).catch((error: unknown) => {
        problems.push(this.#tellFailure(volume, errorMessage(error)));
      });
    }
    await this.#mountSecrets(volumes).catch((error: unknown) => problems.push(errorMessage(error)));
    const [problem] = problems;
    if (problem !== undefined) throw new VolumeProblem(problem);
    this.#follow(volumes);
  }

  /**
   * What a container mounts, as it is now.
   * @throws VolumeProblem when a part of a volume cannot be mounted
   */
  async mounts(container: string, variables: Readonly<Record<string, string>>): Promise<readonly ContainerMount[]> {
    const volumes = new Map(mountedVolumes(this.#pod).map((volume) => [volume.name, volume]));
    const found = this.#pod.spec.containers.find(({ name }) => name === container);
    const mounts: ContainerMount[] = [];
    for (const [index, mount] of (found === undefined ? [] : mountsOf(found)).entries()) {
      const volume = volumes.get(mount.name);
      if (volume === undefined || kindOf(volume) === 'other') continue;
      const isLive = kindOf(volume) === 'emptyDir';
      const readOnly = mount.readOnly === true || !isLive;
      const part = join(this.#folder, 'volume-subpaths', container, String(index));
      const root = this.#folderOf(volume);
      try {
        const path = subPathOf(mount, variables);
        const folder = path === '' ? root : await (isLive ? livePart(root, path) : partNow(root, path, part));
        mounts.push({ mountPath: mount.mountPath, folder, readOnly });
      } catch (error) {
        throw subPathProblem(container, mount, error);
      }
    }
    return mounts;
  }

  settled(): Promise<void> {
    return this.#filling;
  }

  /** Ends what keeps the volumes fresh; the files go with the folder of the pod. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe?.();
    this.#cancel?.();
    await this.#filling;
    await this.#host.secretsStore?.unmountFor(this.#pod);
  }

  get #folder(): string {
    return join(this.#host.machine.podsFolder, podFolderName(this.#pod));
  }

  #folderOf(volume: VolumeObject): string {
    const { machine, secretsStore } = this.#host;
    if (secretsStore !== undefined && kindOf(volume) === 'secrets-store') {
      return secretsStore.folderOf(this.#pod, volume.name);
    }
    const plugin = PLUGINS.find(([member]) => volume[member] !== undefined)?.[1] ?? 'csi';
    return volumeFolder(machine.podsFolder, this.#pod, { plugin, name: volume.name });
  }

  async #setUp(volume: VolumeObject): Promise<void> {
    const kind = kindOf(volume);
    if (kind === 'other') {
      const message = `Volume "${volume.name}" is of a kind that this machine has no files for: its mounts are left out`;
      this.#host.events.normal(this.#pod, 'VolumeNotMapped', message);
      return;
    }
    if (kind === 'secrets-store') return;
    await this.#makeFolder();
    const folder = this.#folderOf(volume);
    await mkdir(folder, { recursive: true });
    if (kind === 'emptyDir') await chmod(folder, 0o777);
    else await writeVolume(folder, await volumeFiles(volume, this.#sources()), this.#host.timers.clock);
  }

  async #mountSecrets(volumes: readonly VolumeObject[]): Promise<void> {
    const { secretsStore } = this.#host;
    const first = volumes.find((volume) => kindOf(volume) === 'secrets-store');
    if (first === undefined) return;
    await this.#makeFolder();
    if (secretsStore !== undefined) {
      await secretsStore.mountFor(this.#pod).catch((error: unknown) => {
        throw new VolumeProblem(mountFailure(first.name, error));
      });
      return;
    }
    const why = `driver name ${DRIVER_NAME} not found in the list of registered CSI drivers`;
    const text = `kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: ${why}`;
    throw new VolumeProblem(this.#tellFailure(first, text));
  }

  /** The folder of the pod, for this user only, whatever the modes of the files in it say. */
  async #makeFolder(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await chmod(this.#folder, 0o700);
  }

  #sources(): VolumeSources {
    const { cluster } = this.#host;
    const { namespace } = this.#pod.metadata;
    return {
      pod: this.#pod,
      configMap: (name) => valuesOf(cluster.find('ConfigMap', name, namespace), 'utf8'),
      secret: (name) => valuesOf(cluster.find('Secret', name, namespace), 'base64'),
      token: async (source) => this.#tokens.token(this.#pod, source),
    };
  }

  #tellFailure({ name }: VolumeObject, reason: string): string {
    const message = `MountVolume.SetUp failed for volume "${name}" : ${reason}`;
    this.#host.events.warning(this.#pod, 'FailedMount', message);
    return message;
  }

  #follow(volumes: readonly VolumeObject[]): void {
    const files = volumes.filter((volume) => kindOf(volume) === 'files');
    if (files.length === 0 || this.#closed) return;
    const { store } = this.#host.cluster;
    const text = JSON.stringify(files);
    this.#unsubscribe ??= store.subscribe(undefined, ({ type, object }: ClusterEvent) => {
      const { kind, metadata } = object;
      if (kind === 'Pod') {
        if (metadata.uid !== this.#pod.metadata.uid || type === 'DELETED' || !text.includes('downwardAPI')) return;
      } else if (kind !== 'ConfigMap' && kind !== 'Secret') return;
      else if (metadata.namespace !== this.#pod.metadata.namespace || !text.includes(`"${metadata.name}"`)) return;
      this.#refresh(files);
    });
    this.#renewLater(files);
  }

  /** Fills the volumes anew, once for any number of changes that come together. */
  #refresh(files: readonly VolumeObject[]): void {
    if (this.#wanted || this.#closed) return;
    this.#wanted = true;
    this.#filling = this.#filling.then(async () => {
      this.#wanted = false;
      const { name, namespace, uid } = this.#pod.metadata;
      const live = this.#host.cluster.find('Pod', name, namespace);
      if (this.#closed || live === undefined || live.metadata.uid !== uid) return;
      this.#pod = live;
      for (const volume of files) {
        // The files stay as they are when a source is gone.
        await this.#setUp(volume).catch((error: unknown) => this.#tellFailure(volume, errorMessage(error)));
      }
      this.#renewLater(files);
    });
  }

  #renewLater(files: readonly VolumeObject[]): void {
    this.#cancel?.();
    const { renewAt } = this.#tokens;
    if (renewAt === undefined || this.#closed) return;
    const { timers } = this.#host;
    const pause = Math.max(renewAt - timers.clock(), SOON_MS);
    this.#cancel = timers.after(pause, () => this.#refresh(files));
  }
}

function subPathProblem(container: string, { name }: VolumeMountObject, cause: unknown): VolumeProblem {
  const text = `failed to prepare subPath for volumeMount "${name}" of container "${container}": ${errorMessage(cause)}`;
  return new VolumeProblem(text, { cause });
}
