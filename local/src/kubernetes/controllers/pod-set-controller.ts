import type { ClusterEvent } from '../api/cluster-store.ts';
import { controllerKeys, keyOf, splitKey } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Controller } from './controller.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { PodObject, ReplicaSetObject, StatefulSetObject } from './objects.ts';
import { countPods } from './pods.ts';
import type { PodCounts } from './pods.ts';
import type { Timers } from './timers.ts';

interface PodSets {
  readonly ReplicaSet: ReplicaSetObject;
  readonly StatefulSet: StatefulSetObject;
}

/** What controllers of pods of one template have in common: which sets a change concerns, and what their status counts. */
export abstract class PodSetController<K extends keyof PodSets> implements Controller {
  readonly name: string;
  readonly watches: readonly [K, 'Pod'];
  protected readonly cluster: Cluster;
  protected readonly events: EventRecorder;
  readonly #kind: K;
  readonly #timers: Timers;

  constructor(kind: K, cluster: Cluster, timers: Timers, events: EventRecorder) {
    this.name = kind.toLowerCase();
    this.watches = [kind, 'Pod'];
    this.cluster = cluster;
    this.events = events;
    this.#kind = kind;
    this.#timers = timers;
  }

  keys({ object }: ClusterEvent): readonly string[] {
    return object.kind === this.#kind ? [keyOf(object)] : controllerKeys(object, this.#kind);
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { namespace, name } = splitKey(key);
    const set: PodSets[K] | undefined = this.cluster.find(this.#kind, name, namespace);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return undefined;
    return this.arrange(set);
  }

  /** Brings the pods of a set to what it asks for, and writes its status; answers as `reconcile` does. */
  protected abstract arrange(set: PodSets[K]): Promise<number | undefined>;

  protected pods(set: PodSets[K]): readonly PodObject[] {
    return this.cluster.controlledBy('Pod', set);
  }

  protected count(set: PodSets[K]): PodCounts {
    return countPods(this.pods(set), set.spec.minReadySeconds ?? 0, this.#timers.clock());
  }
}
