import type { Pod } from '../../virtual-node/pod.ts';

/** Files with what a container has printed. */
export interface ContainerLog {
  readonly current: string;
  /** Of the life before; there may be no such file. */
  readonly previous: string;
}

/** One pod on a node, however it is run. */
export interface PodRunner {
  /** Undefined until it has one. */
  readonly address: string | undefined;
  /** Whether programs run for it, so that its ports can answer. */
  readonly hasPrograms: boolean;
  /** The pod on the virtual node, with its containers and events; undefined before it is made, and for a pod without programs. */
  readonly pod: Pod | undefined;
  start(): void;
  /** Resolves once nothing is being written to its volumes. */
  settled(): Promise<void>;
  stop(graceMs: number): Promise<void>;
  kill(): void;
  /** Undefined while the container has never been started. */
  log(container: string): ContainerLog | undefined;
}
