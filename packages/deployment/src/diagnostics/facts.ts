import type { KubernetesObject } from '../manifests/object.ts';

/** An event about a pod. */
export interface PodEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  /** Milliseconds since the epoch; undefined when the event carries no time. */
  readonly at: number | undefined;
  readonly count: number;
}

/** What a container wrote; undefined where there is nothing to read. */
export interface ContainerLogs {
  readonly current: string | undefined;
  /** Of the instance before the last restart. */
  readonly previous: string | undefined;
}

/** Everything that is looked at to find out why a pod fails. */
export interface PodFacts {
  readonly pod: KubernetesObject;
  readonly events: readonly PodEvent[];
  /** By name of the container. */
  readonly logs: Readonly<Record<string, ContainerLogs>>;
  /** Nodes a confidential pod can run on; undefined when they could not be listed. */
  readonly virtualNodes: readonly { readonly name: string; readonly ready: boolean }[] | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The present or last end of a container. */
export interface ContainerEnd {
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly finishedAt: number | undefined;
}

export interface ContainerFacts {
  readonly name: string;
  readonly ready: boolean;
  readonly restarts: number;
  readonly waiting: { readonly reason: string; readonly message: string } | undefined;
  /** Since when it runs, if it does. */
  readonly runningSince: number | undefined;
  /** How it ended, now or before the last restart. */
  readonly ended: ContainerEnd | undefined;
}
