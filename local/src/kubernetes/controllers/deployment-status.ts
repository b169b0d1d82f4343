import { scaled } from './quantity.ts';
import type { Condition, DeploymentObject } from './objects.ts';
import { withCondition } from './pods.ts';
import type { PodCounts } from './pods.ts';
import { timestamp } from './timers.ts';

const DEFAULT_DEADLINE_SECONDS = 600;

export interface DeploymentFacts {
  /** Name of the ReplicaSet of the present template. */
  readonly setName: string;
  /** Pods of the present template. */
  readonly updated: PodCounts;
  readonly all: PodCounts;
  readonly nowMs: number;
}

export interface DeploymentVerdict {
  readonly status: Readonly<Record<string, unknown>>;
  /** When time alone may change it. */
  readonly againMs: number | undefined;
}

/**
 * What a Deployment's status says: counts, and the conditions Available and Progressing. Progress is any change of the counts;
 * without one for `progressDeadlineSeconds` the rollout counts as failed.
 */
export function deploymentStatus(deployment: DeploymentObject, facts: DeploymentFacts): DeploymentVerdict {
  const { updated, all, nowMs } = facts;
  const { replicas: wanted = 1, progressDeadlineSeconds = DEFAULT_DEADLINE_SECONDS } = deployment.spec;
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...present('replicas', all.replicas),
    ...present('updatedReplicas', updated.replicas),
    ...present('readyReplicas', all.ready),
    ...present('availableReplicas', all.available),
    ...present('unavailableReplicas', Math.max(0, wanted - all.available)),
  };
  const before = deployment.status ?? {};
  const complete = updated.available >= wanted && all.replicas === updated.replicas;
  const moved = COUNTED.some((name) => before[name] !== (counts as Readonly<Record<string, unknown>>)[name]);
  const progressing = progressCondition(deployment, facts, { complete, moved, progressDeadlineSeconds });
  const now = timestamp(nowMs);
  const available = availability(deployment, all.available);
  const conditions = [available, progressing].reduce(
    (list, condition) => withUpdateTime(list, condition, now),
    before.conditions ?? [],
  );
  const deadlineMs =
    complete || progressing.reason === 'ProgressDeadlineExceeded'
      ? undefined
      : Date.parse(progressing.lastUpdateTime ?? now) + progressDeadlineSeconds * 1000 - nowMs;
  const waits = [all.nextAvailableMs, deadlineMs].filter((wait) => wait !== undefined);
  return { status: { ...counts, conditions }, againMs: waits.length === 0 ? undefined : Math.min(...waits) };
}

const COUNTED = ['replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'];

function availability({ spec }: DeploymentObject, available: number): Condition {
  const { replicas: wanted = 1, strategy } = spec;
  const missing =
    strategy?.type === 'Recreate' ? wanted : scaled(strategy?.rollingUpdate?.maxUnavailable ?? '25%', wanted, 'down');
  return available >= wanted - missing && (available > 0 || wanted === 0)
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

function progressCondition(
  deployment: DeploymentObject,
  { setName, nowMs }: DeploymentFacts,
  rollout: { readonly complete: boolean; readonly moved: boolean; readonly progressDeadlineSeconds: number },
): Condition {
  const type = 'Progressing';
  const now = timestamp(nowMs);
  const before = deployment.status?.conditions?.find((condition) => condition.type === type);
  if (rollout.complete) {
    const message = `ReplicaSet "${setName}" has successfully progressed.`;
    const since = before?.reason === 'NewReplicaSetAvailable' ? (before.lastUpdateTime ?? now) : now;
    return { type, status: 'True', reason: 'NewReplicaSetAvailable', message, lastUpdateTime: since };
  }
  if (rollout.moved || before === undefined) {
    const message = `ReplicaSet "${setName}" is progressing.`;
    return { type, status: 'True', reason: 'ReplicaSetUpdated', message, lastUpdateTime: now };
  }
  const idleMs = nowMs - Date.parse(before.lastUpdateTime ?? now);
  if (idleMs < rollout.progressDeadlineSeconds * 1000 || before.reason === 'NewReplicaSetAvailable') return before;
  const message = `ReplicaSet "${setName}" has timed out progressing.`;
  return { type, status: 'False', reason: 'ProgressDeadlineExceeded', message, lastUpdateTime: now };
}

function withUpdateTime(conditions: readonly Condition[], condition: Condition, now: string): readonly Condition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  const same = before?.status === condition.status && before.reason === condition.reason;
  const lastUpdateTime = condition.lastUpdateTime ?? (same ? (before?.lastUpdateTime ?? now) : now);
  return withCondition(conditions, { ...condition, lastUpdateTime }, now);
}

/** Kubernetes leaves counts of zero out. */
function present(name: string, count: number): Readonly<Record<string, number>> {
  return count === 0 ? {} : { [name]: count };
}
