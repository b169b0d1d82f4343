import { errorMessage } from '@holdfast/base';

import { controllerReference } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { ReplicaSetObject } from './objects.ts';
import { PodSetController } from './pod-set-controller.ts';
import { isActive, leastUsefulFirst } from './pods.ts';
import type { Timers } from './timers.ts';

/** Keeps as many pods of one template as a ReplicaSet asks for. */
export class ReplicaSetController extends PodSetController<'ReplicaSet'> {
  constructor(cluster: Cluster, timers: Timers, events: EventRecorder) {
    super('ReplicaSet', cluster, timers, events);
  }

  protected override async arrange(set: ReplicaSetObject): Promise<number | undefined> {
    const active = this.pods(set).filter(isActive);
    const wanted = set.spec.replicas ?? 1;
    for (let count = active.length; count < wanted; count += 1) await this.#createPod(set);
    for (const pod of leastUsefulFirst(active).slice(0, Math.max(0, active.length - wanted))) {
      this.cluster.remove(pod);
      this.events.normal(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
    }
    return this.#writeStatus(set);
  }

  #writeStatus(set: ReplicaSetObject): number | undefined {
    const counts = this.count(set);
    this.cluster.writeStatus(set, {
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
      await this.cluster.createAdmitted({
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
      this.events.warning(set, 'FailedCreate', `Error creating: ${errorMessage(error)}`);
      throw error;
    }
    for (const created of this.#podNames(set)) {
      if (!before.has(created)) this.events.normal(set, 'SuccessfulCreate', `Created pod: ${created}`);
    }
  }

  #podNames(set: ReplicaSetObject): ReadonlySet<string> {
    return new Set(this.pods(set).map(({ metadata }) => metadata.name));
  }
}
