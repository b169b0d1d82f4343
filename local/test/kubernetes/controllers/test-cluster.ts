import { randomBytes } from 'node:crypto';

import { createClusterStore } from '../../../src/kubernetes/api/cluster-store.ts';
import type { ClusterObject, ClusterStore } from '../../../src/kubernetes/api/cluster-store.ts';
import { Cluster } from '../../../src/kubernetes/controllers/cluster.ts';
import type { KindName } from '../../../src/kubernetes/controllers/cluster.ts';
import type { PodObject } from '../../../src/kubernetes/controllers/objects.ts';
import { isReady, withCondition } from '../../../src/kubernetes/controllers/pods.ts';
import { startControllers } from '../../../src/kubernetes/controllers/start-controllers.ts';
import type { ControllersOptions, RunningControllers } from '../../../src/kubernetes/controllers/start-controllers.ts';
import { timestamp } from '../../../src/kubernetes/controllers/timers.ts';
import { VirtualTimers } from '../virtual-timers.ts';

export interface WorkloadOptions {
  readonly name?: string;
  readonly replicas?: number;
  readonly image?: string;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly podSpec?: Readonly<Record<string, unknown>>;
}

/** A Deployment of one container. */
export function deployment({
  name = 'web',
  replicas = 1,
  image = 'app:1',
  spec = {},
  podSpec = {},
}: WorkloadOptions = {}) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image }], ...podSpec } },
      ...spec,
    },
  };
}

/** A cluster without a node's programs: pods become what a test says they are. Time is virtual. */
export class TestCluster implements AsyncDisposable {
  readonly timers = new VirtualTimers();
  readonly store: ClusterStore;
  readonly cluster: Cluster;
  readonly errors: unknown[] = [];
  readonly #controllers: RunningControllers;

  constructor(options: Partial<ControllersOptions> = {}) {
    const { timers } = this;
    this.store = createClusterStore({ clock: timers.clock, randomBytes });
    this.cluster = new Cluster(this.store, 'test');
    const onError = (error: unknown): void => void this.errors.push(error);
    this.#controllers = startControllers({ store: this.store, timers, onError, ...options });
    timers.settled = () => this.settled();
  }

  async apply(object: Parameters<ClusterStore['apply']>[0]): Promise<ClusterObject> {
    const applied = this.store.apply(object, { fieldManager: 'test', force: true });
    await this.settled();
    return applied;
  }

  /** A node that takes everything, unless it is told otherwise. */
  async node(name: string, changes: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const { labels = {}, taints = [], allocatable = { cpu: '64', memory: '256Gi', pods: '110' } } = changes;
    this.store.create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: labels as Readonly<Record<string, string>> },
      spec: { taints },
    });
    const node = this.cluster.find('Node', name);
    if (node !== undefined) this.cluster.writeStatus(node, { allocatable });
    await this.settled();
  }

  pods(): readonly PodObject[] {
    return this.cluster.list('Pod');
  }

  images(): readonly string[] {
    return this.pods()
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ spec }) => spec.containers[0]?.image ?? '');
  }

  readyPods(): readonly PodObject[] {
    return this.pods().filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined);
  }

  /** Lets a pod become ready, or stop being it, with an address of its own. */
  async setReady(pod: PodObject, ready = true): Promise<void> {
    const live = this.cluster.find('Pod', pod.metadata.name, pod.metadata.namespace);
    if (live === undefined) return;
    const now = timestamp(this.timers.clock());
    const status = ready ? ('True' as const) : ('False' as const);
    const conditions = withCondition(live.status?.conditions ?? [], { type: 'Ready', status }, now);
    const podIP = live.status?.podIP ?? `10.1.0.${this.pods().indexOf(live) + 1}`;
    this.cluster.writeStatus(live, { ...live.status, phase: 'Running', podIP, conditions });
    await this.settled();
  }

  /** What a kubelet does in the end with pods that are to go. */
  async finishDeletions(): Promise<void> {
    for (const pod of this.pods()) {
      if (pod.metadata.deletionTimestamp !== undefined) this.cluster.remove(pod, 0);
    }
    await this.settled();
  }

  status(kind: KindName, name: string): Readonly<Record<string, unknown>> {
    const object = this.cluster.find(kind, name, 'default') as
      | { readonly status?: Record<string, unknown> }
      | undefined;
    return object?.status ?? {};
  }

  events(reason: string): readonly ClusterObject[] {
    return this.store.list({ apiVersion: 'v1', kind: 'Event' }).filter((event) => event['reason'] === reason);
  }

  settled(): Promise<void> {
    return this.#controllers.settled();
  }

  /** Lets virtual time pass. */
  pass(ms: number): Promise<void> {
    return this.timers.pass(ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controllers.close();
  }
}
