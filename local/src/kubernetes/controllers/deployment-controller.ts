import type { ClusterEvent } from '../api/cluster-store.ts';
import { controllerKeys, controllerReference, keyOf, splitKey } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Controller } from './controller.ts';
import { deploymentStatus } from './deployment-status.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { DeploymentObject, PodObject, ReplicaSetObject } from './objects.ts';
import { countPods, isActive } from './pods.ts';
import { nextRolloutStep } from './rollout.ts';
import type { SetCounts } from './rollout.ts';
import { sameTemplate, TEMPLATE_HASH_LABEL, templateHash } from './template-hash.ts';
import type { Timers } from './timers.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const DEFAULT_HISTORY = 10;

/** The ReplicaSets of a deployment: the one of its present template, if there is one, and the others, oldest first. */
interface Sets {
  readonly current: ReplicaSetObject | undefined;
  readonly old: readonly ReplicaSetObject[];
}

/** Replaces the pods of a Deployment step by step when its template changes, one ReplicaSet for each template. */
export class DeploymentController implements Controller {
  readonly name = 'deployment';
  readonly watches = ['Deployment', 'ReplicaSet', 'Pod'] as const;
  readonly #cluster: Cluster;
  readonly #timers: Timers;
  readonly #events: EventRecorder;

  constructor(cluster: Cluster, timers: Timers, events: EventRecorder) {
    this.#cluster = cluster;
    this.#timers = timers;
    this.#events = events;
  }

  keys({ object }: ClusterEvent): readonly string[] {
    if (object.kind === 'Deployment') return [keyOf(object)];
    if (object.kind === 'ReplicaSet') return controllerKeys(object, 'Deployment');
    return controllerKeys(object, 'ReplicaSet').flatMap((key) => {
      const { namespace, name } = splitKey(key);
      const set = this.#cluster.find('ReplicaSet', name, namespace);
      return set === undefined ? [] : (set.metadata.ownerReferences ?? []).map((owner) => `${namespace}/${owner.name}`);
    });
  }

  reconcile(key: string): Promise<number | undefined> {
    const { namespace, name } = splitKey(key);
    const deployment = this.#cluster.find('Deployment', name, namespace);
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) {
      return Promise.resolve(undefined);
    }
    if (deployment.spec.paused !== true) {
      this.#ensureCurrent(deployment);
      this.#progress(deployment);
      this.#forgetOld(deployment);
    } else {
      const { current } = this.#sets(deployment);
      if (current !== undefined) this.#scale(deployment, current, deployment.spec.replicas ?? 1);
    }
    return Promise.resolve(this.#writeStatus(deployment));
  }

  #sets(deployment: DeploymentObject): Sets {
    const all = [...this.#cluster.controlledBy('ReplicaSet', deployment)].sort((a, b) => revisionOf(a) - revisionOf(b));
    const current = all.findLast(({ spec }) => sameTemplate(spec.template, deployment.spec.template));
    return { current, old: all.filter((set) => set !== current) };
  }

  /** Makes the ReplicaSet of the template, or gives an older one of the same template the newest revision. */
  #ensureCurrent(deployment: DeploymentObject): void {
    const { current, old } = this.#sets(deployment);
    const newest = Math.max(0, ...old.map(revisionOf));
    if (current === undefined) this.#createSet(deployment, newest + 1);
    else if (revisionOf(current) <= newest) this.#setRevision(current, newest + 1);
    const revision = String(revisionOf(this.#sets(deployment).current));
    if (deployment.metadata.annotations?.[REVISION] !== revision) {
      this.#cluster.merge(deployment, { metadata: { annotations: { [REVISION]: revision } } });
    }
  }

  #createSet(deployment: DeploymentObject, revision: number): void {
    const { metadata, spec } = deployment;
    const hash = templateHash(spec.template);
    const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash };
    this.#cluster.create({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${metadata.name}-${hash}`,
        ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
        labels,
        annotations: { [REVISION]: String(revision) },
        ownerReferences: [controllerReference(deployment)],
      },
      spec: {
        replicas: 0,
        ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
        selector: {
          ...spec.selector,
          matchLabels: { ...spec.selector.matchLabels, [TEMPLATE_HASH_LABEL]: hash },
        },
        template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      },
    });
  }

  #setRevision(set: ReplicaSetObject, revision: number): void {
    this.#cluster.merge(set, { metadata: { annotations: { [REVISION]: String(revision) } } });
  }

  #progress(deployment: DeploymentObject): void {
    const { current, old } = this.#sets(deployment);
    if (current === undefined) return;
    const { replicas: wanted = 1, strategy, minReadySeconds = 0 } = deployment.spec;
    if ((current.spec.minReadySeconds ?? 0) !== minReadySeconds) {
      this.#cluster.merge(current, { spec: { minReadySeconds } });
    }
    if (strategy?.type === 'Recreate') {
      this.#recreate(deployment, { current, old }, wanted);
      return;
    }
    const step = nextRolloutStep({
      wanted,
      maxSurge: strategy?.rollingUpdate?.maxSurge,
      maxUnavailable: strategy?.rollingUpdate?.maxUnavailable,
      current: this.#counts(current, minReadySeconds),
      old: old.map((set) => this.#counts(set, minReadySeconds)),
    });
    this.#scale(deployment, current, step.current);
    for (const [index, set] of old.entries()) this.#scale(deployment, set, step.old[index] ?? 0);
  }

  /** All old pods are gone before the first new one is made. */
  #recreate(deployment: DeploymentObject, { current, old }: Sets, wanted: number): void {
    for (const set of old) this.#scale(deployment, set, 0);
    const remaining = old.flatMap((set) => this.#cluster.controlledBy('Pod', set));
    const running = remaining.filter((pod) => isActive(pod) || pod.metadata.deletionTimestamp !== undefined);
    if (running.length === 0 && current !== undefined) this.#scale(deployment, current, wanted);
  }

  #counts(set: ReplicaSetObject, minReadySeconds: number): SetCounts {
    const pods = this.#cluster.controlledBy('Pod', set);
    const { available } = countPods(pods, minReadySeconds, this.#timers.clock());
    return { replicas: set.spec.replicas ?? 0, available };
  }

  #scale(deployment: DeploymentObject, set: ReplicaSetObject, replicas: number): void {
    const before = set.spec.replicas ?? 0;
    if (before === replicas) return;
    this.#cluster.merge(set, { spec: { replicas } });
    const direction = replicas > before ? 'up' : 'down';
    const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    this.#events.normal(deployment, 'ScalingReplicaSet', message);
  }

  #forgetOld(deployment: DeploymentObject): void {
    const idle = this.#sets(deployment).old.filter(
      (set) => set.spec.replicas === 0 && this.#cluster.controlledBy('Pod', set).length === 0,
    );
    const kept = deployment.spec.revisionHistoryLimit ?? DEFAULT_HISTORY;
    for (const set of idle.slice(0, Math.max(0, idle.length - kept))) this.#cluster.remove(set);
  }

  #writeStatus(before: DeploymentObject): number | undefined {
    const { name, namespace } = before.metadata;
    const deployment = this.#cluster.find('Deployment', name, namespace);
    if (deployment === undefined) return undefined;
    const { current, old } = this.#sets(deployment);
    const nowMs = this.#timers.clock();
    const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
    const { status, againMs } = deploymentStatus(deployment, {
      setName: current?.metadata.name ?? '',
      updated: countPods(this.#podsOf(current), minReadySeconds, nowMs),
      all: countPods(
        [current, ...old].flatMap((set) => this.#podsOf(set)),
        minReadySeconds,
        nowMs,
      ),
      nowMs,
    });
    this.#cluster.writeStatus(deployment, status);
    return againMs;
  }

  #podsOf(set: ReplicaSetObject | undefined): readonly PodObject[] {
    return set === undefined ? [] : this.#cluster.controlledBy('Pod', set);
  }
}

function revisionOf(set: ReplicaSetObject | undefined): number {
  return Number(set?.metadata.annotations?.[REVISION] ?? 0);
}
