import type { PodTokenSource } from '../api/index.ts';
import type { HttpClient } from '@holdfast/http';

import type { LocalImage } from '../../images/build-local-image.ts';
import type { PodRuntime } from '../../virtual-node/manifest.ts';
import type { PodEnvironment } from '../../virtual-node/pod.ts';
import type { Cluster } from '../controllers/cluster.ts';
import type { EventRecorder } from '../controllers/event-recorder.ts';
import type { LoopbackAddresses } from '../controllers/loopback-addresses.ts';
import type { PodObject } from '../controllers/objects.ts';
import type { Timers } from '../controllers/timers.ts';
import type { NodeSecretsStore, SecretsStoreSettings } from './volumes/node-secrets-store.ts';

/** What one pod finds in the local cloud that it would find elsewhere in Azure. */
export interface PodSurroundings {
  /** Variables that every container gets after its policy was asked: addresses that name resolution gives a pod in Azure. */
  readonly variables: Readonly<Record<string, string>>;
  /** Ports of 127.0.0.1 on which services of the local cloud listen. On all others 127.0.0.1 is the pod itself. */
  readonly hostPorts: readonly number[];
  /** Places in Azure that have another address here, as in `PodNetwork`; none when missing. */
  readonly places?: Readonly<Record<string, string>>;
}

/** Asked once for each pod, before it is started. */
export type PodEnvironmentHook = (
  pod: PodObject,
  place: { readonly address: string },
) => PodSurroundings | Promise<PodSurroundings>;

/** How pods are run on this machine, the same for all nodes of a cluster. */
export interface MachineSettings extends Pick<
  PodEnvironment,
  | 'platform'
  | 'guest'
  | 'unpackedImagesFolder'
  | 'platformVariables'
  | 'nodeVariables'
  | 'openIdentityEndpoint'
  | 'workloadIdentity'
  | 'backOff'
  | 'podsFolder'
  | 'logsFolder'
> {
  /** The images that can be pulled now, by a pod whose containers name these. */
  readonly images: (named: readonly string[]) => readonly LocalImage[] | Promise<readonly LocalImage[]>;
  /** Addresses for pods. */
  readonly addresses: LoopbackAddresses;
  readonly podEnvironment?: PodEnvironmentHook;
  /** Tokens of pods' service accounts; without it there are none. */
  readonly serviceAccountToken?: PodTokenSource;
  /** The Secrets Store CSI driver of the cluster; pods with its volumes wait when missing. */
  readonly secretsStore?: SecretsStoreSettings;
  /**
   * Whether readiness is asked for from the start and four times a second, whatever the pods say: a person waits for a local cloud,
   * and what pods ask for is made for machines that take long to start. Nodes then count as ready for a minute from the start.
   */
  readonly eagerProbes?: boolean;
  /** Whether an image is part of the platform, which the local cloud is itself; those of the virtual node when missing. */
  readonly isPlatformImage?: (image: string) => boolean;
}

/** A node as the parts of its kubelet see it. */
export interface NodeHost {
  readonly nodeName: string;
  readonly nodeIp: string;
  /** The kinds of guests it has. Pods that ask for another kind run on the node itself, as they would on a real one. */
  readonly runtimes: readonly PodRuntime[];
  readonly cluster: Cluster;
  readonly timers: Timers;
  readonly events: EventRecorder;
  readonly machine: MachineSettings;
  readonly probeClient: HttpClient;
}

/** What a node gives to the pods it runs. */
export interface KubeletHost extends NodeHost {
  readonly secretsStore: NodeSecretsStore | undefined;
}
