import { DRIVER_NAME } from '@holdfast/secrets-store';

import type { ContainerObject, PodObject } from '../../controllers/objects.ts';

/* The members of volumes that a kubelet of this machine uses. The API server has checked their shapes. */

export interface KeyToPath {
  readonly key: string;
  readonly path: string;
  readonly mode?: number;
}

export interface ConfigMapSource {
  readonly name?: string;
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
}

export interface SecretSource extends ConfigMapSource {
  /** In a volume of its own the name has another name than in a projected one. */
  readonly secretName?: string;
}

export interface DownwardFile {
  readonly path: string;
  readonly mode?: number;
  readonly fieldRef?: { readonly fieldPath: string };
  readonly resourceFieldRef?: ResourceField;
}

/** A limit or a request of a container. */
export interface ResourceField {
  readonly containerName?: string;
  /** `limits.cpu`, `requests.memory`. */
  readonly resource: string;
  readonly divisor?: string | number;
}

export interface DownwardSource {
  readonly items?: readonly DownwardFile[];
}

export interface TokenSource {
  readonly path: string;
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

export interface ProjectedSource {
  readonly configMap?: ConfigMapSource;
  readonly secret?: SecretSource;
  readonly downwardAPI?: DownwardSource;
  readonly serviceAccountToken?: TokenSource;
}

type WithMode<T> = T & { readonly defaultMode?: number };

export interface VolumeObject {
  readonly name: string;
  readonly emptyDir?: object;
  readonly configMap?: WithMode<ConfigMapSource>;
  readonly secret?: WithMode<SecretSource>;
  readonly downwardAPI?: WithMode<DownwardSource>;
  readonly projected?: WithMode<{ readonly sources?: readonly ProjectedSource[] }>;
  readonly csi?: { readonly driver: string };
}

export interface VolumeMountObject {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
  readonly subPath?: string;
  readonly subPathExpr?: string;
}

/** How the files of a volume come about; `other` is what no folder of this machine can stand for. */
export type VolumeKind = 'emptyDir' | 'files' | 'secrets-store' | 'other';

export function kindOf(volume: VolumeObject): VolumeKind {
  if (volume.csi !== undefined) return volume.csi.driver === DRIVER_NAME ? 'secrets-store' : 'other';
  if (volume.emptyDir !== undefined) return 'emptyDir';
  const { configMap, secret, downwardAPI, projected } = volume;
  return (configMap ?? secret ?? downwardAPI ?? projected) === undefined ? 'other' : 'files';
}

/** The volumes that a container of the pod mounts: kubelet does nothing for others. */
export function mountedVolumes({ spec }: PodObject): readonly VolumeObject[] {
  const { volumes = [] } = spec as { readonly volumes?: readonly VolumeObject[] };
  const mounted = new Set(
    [...(spec.initContainers ?? []), ...spec.containers].flatMap(mountsOf).map(({ name }) => name),
  );
  return volumes.filter(({ name }) => mounted.has(name));
}

export function mountsOf(container: ContainerObject): readonly VolumeMountObject[] {
  return (container as { readonly volumeMounts?: readonly VolumeMountObject[] }).volumeMounts ?? [];
}
