import type { Condition, PodObject } from './objects.ts';

/** Neither ended nor on its way out. */
export function isActive({ metadata, status }: PodObject): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase !== 'Failed' && status?.phase !== 'Succeeded';
}

export function readyCondition({ status }: PodObject): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}

export function isReady(pod: PodObject): boolean {
  return readyCondition(pod)?.status === 'True';
}

/** Milliseconds until a ready pod counts as available; 0 when it does, undefined when it is not ready. */
export function untilAvailable(pod: PodObject, minReadySeconds: number, nowMs: number): number | undefined {
  const ready = readyCondition(pod);
  if (ready?.status !== 'True') return undefined;
  if (minReadySeconds === 0) return 0;
  const since = Date.parse(ready.lastTransitionTime ?? '');
  return Math.max(0, since + minReadySeconds * 1000 - nowMs);
}

export interface PodCounts {
  readonly replicas: number;
  readonly ready: number;
  readonly available: number;
  /** Milliseconds until the next ready pod becomes available by time alone. */
  readonly nextAvailableMs: number | undefined;
}

export function countPods(pods: readonly PodObject[], minReadySeconds: number, nowMs: number): PodCounts {
  const active = pods.filter(isActive);
  const waits = active.map((pod) => untilAvailable(pod, minReadySeconds, nowMs)).filter((wait) => wait !== undefined);
  const later = waits.filter((wait) => wait > 0);
  return {
    replicas: active.length,
    ready: waits.length,
    available: waits.length - later.length,
    nextAvailableMs: later.length === 0 ? undefined : Math.min(...later),
  };
}

/** Pods in the order in which a smaller number gives them up: the least useful first, the newest first among equals. */
export function leastUsefulFirst(pods: readonly PodObject[]): PodObject[] {
  const rank = (pod: PodObject): number => {
    if (pod.spec.nodeName === undefined || pod.spec.nodeName === '') return 0;
    if (pod.status?.phase !== 'Running') return 1;
    return isReady(pod) ? 3 : 2;
  };
  const age = (pod: PodObject): string => pod.metadata.creationTimestamp ?? '';
  return [...pods].sort((a, b) => rank(a) - rank(b) || age(b).localeCompare(age(a)));
}

/** A list of conditions with one written anew; its transition time moves only when its status does. */
export function withCondition(
  conditions: readonly Condition[],
  condition: Condition,
  now: string,
): readonly Condition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? (before.lastTransitionTime ?? now) : now;
  const written = { ...condition, lastTransitionTime };
  return before === undefined
    ? [...conditions, written]
    : conditions.map((other) => (other.type === condition.type ? written : other));
}
