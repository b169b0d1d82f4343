import { errorMessage } from '@holdfast/base';

import type { ClusterEvent } from '../api/cluster-store.ts';
import { controllerKeys, controllerReference, keyOf, splitKey } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Controller } from './controller.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { ReplicaSetObject } from './objects.ts';
import { countPods, isActive, leastUsefulFirst } from './pods.ts';
import type { Timers } from './timers.ts';

/** Keeps as many pods of one template as a ReplicaSet asks for. */
export class ReplicaSetController implements Controller {
  readonly name = 'replicaset';
  readonly watches = ['ReplicaSet', 'Pod'] as const;
  readonly #cluster: Cluster;
  readonly #timers: Timers;
  readonly #events: EventRecorder;

  constructor(cluster: Cluster, timers: Timers, events: EventRecorder) {
    this.#cluster = cluster;
    this.#timers = timers;
    this.#events = events;
  }

  keys({ object }: ClusterEvent): readonly string[] {
    return object.kind === 'ReplicaSet' ? [keyOf(object)] : controllerKeys(object, 'ReplicaSet');
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { namespace, name } = splitKey(key);
    const set = this.#cluster.find('ReplicaSet', name, namespace);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return undefined;
    const active = this.#cluster.controlledBy('Pod', set).filter(isActive);
    const wanted = set.spec.replicas ?? 1;
    for (let count = active.length; count < wanted; count += 1) await this.#createPod(set);
    for (const pod of leastUsefulFirst(active).slice(0, Math.max(0, active.length - wanted))) {
      this.#cluster.remove(pod);
      this.#events.normal(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
    }
    return this.#writeStatus(set);
  }

  #writeStatus(set: ReplicaSetObject): number | undefined {
    const pods = this.#cluster.controlledBy('Pod', set);
    const counts = countPods(pods, set.spec.minReadySeconds ?? 0, this.#timers.clock());
    this.#cluster.writeStatus(set, {
      replicas: counts.replicas,
      fullyLabeledReplicas: counts.replicas,
      readyReplicas: counts.ready,
      availableReplicas: counts.available,
      ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    });
    return counts.nextAvailableMs;
  }

  async #createPod(set: ReplicaSetObject): Promise<void> {
    const { template } = set.spec;
    const { namespace, name } = set.metadata;
    const before = this.#podNames(set);
    try {
      await this.#cluster.createAdmitted({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          ...template.metadata,
          generateName: `${name}-`,
          namespace,
          ownerReferences: [controllerReference(set)],
        },
        spec: template.spec,
      });
    } catch (error) {
      this.#events.warning(set, 'FailedCreate', `Error creating: ${errorMessage(error)}`);
      throw error;
    }
    for (const created of this.#podNames(set)) {
      if (!before.has(created)) this.#events.normal(set, 'SuccessfulCreate', `Created pod: ${created}`);
    }
  }

  #podNames(set: ReplicaSetObject): ReadonlySet<string> {
    return new Set(this.#cluster.controlledBy('Pod', set).map(({ metadata }) => metadata.name));
  }
}
