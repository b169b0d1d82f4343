import type { KubernetesObject } from '@holdfast/deployment';

export const DRIVER_NAME = 'secrets-store.csi.k8s.io';
export const GROUP_VERSION = 'secrets-store.csi.x-k8s.io/v1';
export const NODE_LABEL = 'internal.secrets-store.csi.k8s.io/node-name';
export const MANAGED_LABEL = 'secrets-store.csi.k8s.io/managed';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** An object as a cluster answers it. */
export type LiveObject = KubernetesObject & {
  readonly metadata: KubernetesObject['metadata'] & {
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly OwnerReference[];
  };
};

/** A pod, as far as volumes are concerned. */
export type PodObject = LiveObject & {
  readonly spec?: {
    readonly nodeName?: string;
    readonly serviceAccountName?: string;
    readonly volumes?: readonly PodVolume[];
    readonly containers?: readonly ContainerObject[];
    readonly initContainers?: readonly ContainerObject[];
  };
  readonly status?: { readonly phase?: string };
};

interface ContainerObject {
  readonly name?: string;
  readonly volumeMounts?: readonly { readonly name?: string; readonly mountPath?: string }[];
}

export interface PodVolume {
  readonly name: string;
  readonly csi?: {
    readonly driver?: string;
    readonly readOnly?: boolean;
    readonly volumeAttributes?: Readonly<Record<string, string>>;
    readonly nodePublishSecretRef?: { readonly name?: string };
  };
}

export interface SecretObject {
  readonly secretName?: string;
  readonly type?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly data?: readonly { readonly objectName?: string; readonly key?: string }[];
}

/** `secrets-store.csi.x-k8s.io` SecretProviderClass; v1 and v1alpha1 have the same members. */
export type SecretProviderClass = LiveObject & {
  readonly spec?: {
    readonly provider?: string;
    readonly parameters?: Readonly<Record<string, string>>;
    readonly secretObjects?: readonly SecretObject[];
  };
};

/** The volumes of a pod that this driver fills: kubelet asks for those that a container mounts. */
export function volumesOf({ spec }: PodObject): readonly PodVolume[] {
  const { volumes = [], containers = [], initContainers = [] } = spec ?? {};
  const mounts = [...initContainers, ...containers].flatMap(({ volumeMounts = [] }) => volumeMounts);
  return volumes.filter(({ name, csi }) => csi?.driver === DRIVER_NAME && mounts.some((mount) => mount.name === name));
}

/** Whether a pod is on its way out, or has nothing left to run. */
export function isOver(pod: PodObject): boolean {
  const phase = pod.status?.phase;
  return pod.metadata.deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed';
}

export function ownerOf(object: LiveObject): OwnerReference {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' };
}
