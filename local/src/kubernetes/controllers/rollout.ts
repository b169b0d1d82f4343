import { scaled } from './quantity.ts';

/** How many pods a ReplicaSet asks for and how many of them are available. */
export interface SetCounts {
  readonly replicas: number;
  readonly available: number;
}

export interface RolloutState {
  readonly wanted: number;
  readonly maxSurge: number | string | undefined;
  readonly maxUnavailable: number | string | undefined;
  readonly current: SetCounts;
  /** Oldest first. */
  readonly old: readonly SetCounts[];
}

/** How many pods each ReplicaSet is to ask for next. */
export interface RolloutStep {
  readonly current: number;
  readonly old: readonly number[];
}

const DEFAULT_SHARE = '25%';

/**
 * The next step of a rolling update: up to `maxSurge` pods more than wanted at any time, and never more than `maxUnavailable`
 * fewer available ones. Old pods that are not available go first: nothing is lost with them.
 * @see Kubernetes, Deployments, "Rolling Update Deployment"
 */
export function nextRolloutStep(state: RolloutState): RolloutStep {
  const { wanted, current, old } = state;
  const surge = scaled(state.maxSurge ?? DEFAULT_SHARE, wanted, 'up');
  const unavailable = scaled(state.maxUnavailable ?? DEFAULT_SHARE, wanted, 'down');
  // Both zero would never move.
  const maxUnavailable = surge === 0 && unavailable === 0 ? 1 : unavailable;
  const total = current.replicas + sum(old.map(({ replicas }) => replicas));
  const grown = Math.min(wanted, current.replicas + Math.max(0, wanted + surge - total));
  const next = current.replicas > wanted ? wanted : grown;
  if (next !== current.replicas) return { current: next, old: old.map(({ replicas }) => replicas) };
  return { current: next, old: shrinkOld(state, wanted - maxUnavailable, total) };
}

function shrinkOld({ current, old }: RolloutState, minAvailable: number, total: number): readonly number[] {
  const left = old.map(({ replicas }) => replicas);
  let spare = total - minAvailable - (current.replicas - current.available);
  for (const [index, { replicas, available }] of old.entries()) {
    const useless = Math.min(Math.max(0, replicas - available), Math.max(0, spare));
    left[index] = replicas - useless;
    spare -= useless;
  }
  let surplus = current.available + sum(old.map(({ available }) => available)) - minAvailable;
  for (const [index, { available }] of old.entries()) {
    const gone = Math.min(left[index] ?? 0, available, Math.max(0, surplus), Math.max(0, spare));
    left[index] = (left[index] ?? 0) - gone;
    surplus -= gone;
    spare -= gone;
  }
  return left;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
