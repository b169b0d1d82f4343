import { controllerReference } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { PodObject, StatefulSetObject } from './objects.ts';
import { PodSetController } from './pod-set-controller.ts';
import { isReady } from './pods.ts';
import { templateHash } from './template-hash.ts';
import type { Timers } from './timers.ts';

const REVISION_LABEL = 'controller-revision-hash';

/**
 * Keeps the numbered pods of a StatefulSet, `name-0` and on. Without volumes of their own: claims are not made. An update
 * replaces one pod at a time, the highest number first, once all others are ready.
 */
export class StatefulSetController extends PodSetController<'StatefulSet'> {
  constructor(cluster: Cluster, timers: Timers, events: EventRecorder) {
    super('StatefulSet', cluster, timers, events);
  }

  protected override async arrange(set: StatefulSetObject): Promise<number | undefined> {
    const revision = `${set.metadata.name}-${templateHash(set.spec.template)}`;
    await this.#fill(set, revision);
    this.#shrink(set);
    this.#update(set, revision);
    return this.#writeStatus(set, revision);
  }

  async #fill(set: StatefulSetObject, revision: string): Promise<void> {
    const inOrder = set.spec.podManagementPolicy !== 'Parallel';
    for (let ordinal = 0; ordinal < (set.spec.replicas ?? 1); ordinal += 1) {
      const pod = this.#pod(set, ordinal);
      if (pod === undefined) await this.#createPod(set, ordinal, revision);
      if (inOrder && (pod === undefined || !isReady(pod))) return;
    }
  }

  #shrink(set: StatefulSetObject): void {
    for (const pod of this.pods(set)) {
      if (ordinalOf(pod) >= (set.spec.replicas ?? 1)) this.#removePod(set, pod);
    }
  }

  #update(set: StatefulSetObject, revision: string): void {
    const pods = this.pods(set);
    if (pods.length < (set.spec.replicas ?? 1)) return;
    const outdated = pods.filter(({ metadata }) => metadata.labels?.[REVISION_LABEL] !== revision);
    const updated = pods.filter((pod) => !outdated.includes(pod));
    const [next] = outdated.sort((a, b) => ordinalOf(b) - ordinalOf(a));
    if (next !== undefined && updated.every(isReady)) this.#removePod(set, next);
  }

  #removePod(set: StatefulSetObject, pod: PodObject): void {
    if (pod.metadata.deletionTimestamp !== undefined) return;
    this.cluster.remove(pod);
    const message = `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`;
    this.events.normal(set, 'SuccessfulDelete', message);
  }

  async #createPod(set: StatefulSetObject, ordinal: number, revision: string): Promise<void> {
    const { template } = set.spec;
    const name = `${set.metadata.name}-${ordinal}`;
    const labels = {
      ...template.metadata?.labels,
      [REVISION_LABEL]: revision,
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': String(ordinal),
    };
    await this.cluster.createAdmitted({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...template.metadata,
        labels,
        name,
        namespace: set.metadata.namespace,
        ownerReferences: [controllerReference(set)],
      },
      spec: { hostname: name, ...template.spec },
    });
    const message = `create Pod ${name} in StatefulSet ${set.metadata.name} successful`;
    this.events.normal(set, 'SuccessfulCreate', message);
  }

  #writeStatus(set: StatefulSetObject, revision: string): number | undefined {
    const updated = this.pods(set).filter(({ metadata }) => metadata.labels?.[REVISION_LABEL] === revision);
    const counts = this.count(set);
    this.cluster.writeStatus(set, {
      observedGeneration: set.metadata.generation ?? 0,
      replicas: counts.replicas,
      readyReplicas: counts.ready,
      availableReplicas: counts.available,
      currentReplicas: updated.length,
      updatedReplicas: updated.length,
      currentRevision: revision,
      updateRevision: revision,
      collisionCount: 0,
    });
    return counts.nextAvailableMs;
  }

  #pod(set: StatefulSetObject, ordinal: number): PodObject | undefined {
    return this.pods(set).find((pod) => ordinalOf(pod) === ordinal);
  }
}

function ordinalOf({ metadata }: PodObject): number {
  return Number(metadata.name.slice(metadata.name.lastIndexOf('-') + 1));
}
