import type { ClusterEvent } from '../api/cluster-store.ts';
import { keyOf, splitKey } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Controller } from './controller.ts';
import type { EventRecorder } from './event-recorder.ts';
import { whyNot } from './node-fit.ts';
import type { NodeObject, PodObject } from './objects.ts';
import { withCondition } from './pods.ts';
import { timestamp } from './timers.ts';
import type { Timers } from './timers.ts';

/** Gives every pod a node that takes it: the one with the fewest pods. */
export class Scheduler implements Controller {
  readonly name = 'scheduler';
  readonly watches = ['Pod', 'Node'] as const;
  readonly #cluster: Cluster;
  readonly #timers: Timers;
  readonly #events: EventRecorder;

  constructor(cluster: Cluster, timers: Timers, events: EventRecorder) {
    this.#cluster = cluster;
    this.#timers = timers;
    this.#events = events;
  }

  /** A node that changed, or a pod that is gone, may make room for any pod that waits. */
  keys({ type, object }: ClusterEvent): readonly string[] {
    const waiting = this.#cluster.list('Pod').filter(isWaiting).map(keyOf);
    if (object.kind === 'Pod' && type !== 'DELETED') {
      const key = keyOf(object);
      return waiting.includes(key) ? [key] : [];
    }
    return waiting;
  }

  reconcile(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const pod = this.#cluster.find('Pod', name, namespace);
    if (pod !== undefined && isWaiting(pod)) this.#schedule(pod);
    return Promise.resolve(undefined);
  }

  #schedule(pod: PodObject): void {
    const reasons: string[] = [];
    const fitting: { readonly node: NodeObject; readonly pods: number }[] = [];
    for (const node of this.#cluster.list('Node')) {
      const onNode = this.#podsOn(node);
      const reason = whyNot(pod, node, onNode);
      if (reason === undefined) fitting.push({ node, pods: onNode.length });
      else reasons.push(reason);
    }
    const best = fitting.reduce<(typeof fitting)[number] | undefined>(
      (least, candidate) => (least === undefined || candidate.pods < least.pods ? candidate : least),
      undefined,
    );
    if (best === undefined) this.#refuse(pod, reasons);
    else this.#bind(pod, best.node);
  }

  #podsOn(node: NodeObject): readonly PodObject[] {
    return this.#cluster
      .list('Pod')
      .filter(
        ({ spec, status }) =>
          spec.nodeName === node.metadata.name && status?.phase !== 'Failed' && status?.phase !== 'Succeeded',
      );
  }

  #bind(pod: PodObject, node: NodeObject): void {
    const { name } = node.metadata;
    this.#cluster.merge(pod, { spec: { nodeName: name } });
    this.#writeCondition(pod, { type: 'PodScheduled', status: 'True' });
    this.#events.normal(pod, 'Scheduled', `Successfully assigned ${keyOf(pod)} to ${name}`);
  }

  #refuse(pod: PodObject, reasons: readonly string[]): void {
    const message = describeRefusal(reasons);
    const before = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (before?.status === 'False' && before.message === message) return;
    this.#writeCondition(pod, { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message });
    this.#events.warning(pod, 'FailedScheduling', message);
  }

  #writeCondition(pod: PodObject, condition: Parameters<typeof withCondition>[1]): void {
    const { name, namespace } = pod.metadata;
    const live = this.#cluster.find('Pod', name, namespace);
    if (live === undefined) return;
    const now = timestamp(this.#timers.clock());
    const conditions = withCondition(live.status?.conditions ?? [], condition, now);
    this.#cluster.writeStatus(live, { phase: 'Pending', ...live.status, conditions });
  }
}

function isWaiting({ metadata, spec, status }: PodObject): boolean {
  const { nodeName = '' } = spec;
  return nodeName === '' && metadata.deletionTimestamp === undefined && (status?.phase ?? 'Pending') === 'Pending';
}

/** `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {…}. preemption: …` */
function describeRefusal(reasons: readonly string[]): string {
  if (reasons.length === 0) return 'no nodes available to schedule pods';
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const told = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  const none = `0/${reasons.length} nodes are available`;
  return `${none}: ${told.join(', ')}. preemption: ${none}: ${reasons.length} Preemption is not helpful for scheduling.`;
}
