import type { ClusterEvent } from '../api/cluster-store.ts';
import { keyOf, splitKey } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Controller } from './controller.ts';
import type { DisruptionBudgetObject } from './objects.ts';
import { isActive, isReady, withCondition } from './pods.ts';
import { scaled } from './quantity.ts';
import { selects } from './selectors.ts';
import { timestamp } from './timers.ts';
import type { Timers } from './timers.ts';

/** Counts for each PodDisruptionBudget how many pods may be evicted. Nobody evicts in a local cluster; people look at it. */
export class DisruptionController implements Controller {
  readonly name = 'disruption';
  readonly watches = ['PodDisruptionBudget', 'Pod'] as const;
  readonly #cluster: Cluster;
  readonly #timers: Timers;

  constructor(cluster: Cluster, timers: Timers) {
    this.#cluster = cluster;
    this.#timers = timers;
  }

  keys({ object }: ClusterEvent): readonly string[] {
    if (object.kind === 'PodDisruptionBudget') return [keyOf(object)];
    const { namespace, labels } = object.metadata;
    return this.#cluster
      .list('PodDisruptionBudget', { namespace })
      .filter(({ spec }) => selects(spec.selector, labels))
      .map(keyOf);
  }

  reconcile(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const budget = this.#cluster.find('PodDisruptionBudget', name, namespace);
    if (budget !== undefined) this.#writeStatus(budget, namespace);
    return Promise.resolve(undefined);
  }

  #writeStatus(budget: DisruptionBudgetObject, namespace: string): void {
    const { selector, minAvailable, maxUnavailable } = budget.spec;
    const pods = this.#cluster
      .list('Pod', { namespace })
      .filter((pod) => isActive(pod) && selects(selector, pod.metadata.labels));
    const healthy = pods.filter(isReady).length;
    const desired =
      maxUnavailable === undefined
        ? scaled(minAvailable ?? 1, pods.length, 'up')
        : pods.length - scaled(maxUnavailable, pods.length, 'up');
    const allowed = Math.max(0, healthy - desired);
    const before = (budget as { readonly status?: { readonly conditions?: Parameters<typeof withCondition>[0] } })
      .status;
    this.#cluster.writeStatus(budget, {
      currentHealthy: healthy,
      desiredHealthy: Math.max(0, desired),
      disruptionsAllowed: allowed,
      expectedPods: pods.length,
      observedGeneration: budget.metadata.generation ?? 1,
      conditions: withCondition(
        before?.conditions ?? [],
        {
          type: 'DisruptionAllowed',
          status: allowed > 0 ? 'True' : 'False',
          reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
          message: '',
        },
        timestamp(this.#timers.clock()),
      ),
    });
  }
}
