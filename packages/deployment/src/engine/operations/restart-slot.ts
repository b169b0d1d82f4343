import { DependencyError } from '@holdfast/base';

import { objectAt, operatorContainer, textAt } from '../../bundle/shape.ts';
import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { diagnosePod } from '../../diagnostics/diagnose-pod.ts';
import { gatherPodFacts } from '../../diagnostics/gather-pod-facts.ts';
import { timeOf } from '../../diagnostics/read-pod.ts';
import type { KubernetesObject } from '../../manifests/object.ts';
import { durationMs } from '../waits.ts';
import { callOptions, tell, waitFor } from './context.ts';
import type { OperationContext } from './context.ts';
import { managers, podsOf, readSlots, readyPods } from './slots.ts';
import type { Slot } from './slots.ts';

export const restartStage = 'rotate-key';
const ANNOTATION = 'kubectl.kubernetes.io/restartedAt';
const INTERVAL_MS = 10_000;

/**
 * Restarts the pods of a slot one by one through the annotation that `kubectl rollout restart` uses, which no policy measures.
 * One pod more than usual is allowed and none less, so the first new pod must be ready before an old one ends: with a bad key
 * the slot keeps serving as before. The same marker twice is one restart.
 * @throws DependencyError DEPLOYMENT_DEADLINE, and what `check` throws
 */
export async function restartOneByOne(
  context: OperationContext,
  config: Uid2Vn2Config,
  slot: Slot,
  marker: string,
  check: (log: string, pod: string) => void,
): Promise<void> {
  const { name, namespace = 'default' } = slot.deployment.metadata;
  if (restartedAt(slot.deployment) !== marker) {
    tell(context, restartStage, 'updating', `${slot.name}: one pod first, then the others`, name);
    await context.cluster.apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace },
        spec: {
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: { metadata: { annotations: { [ANNOTATION]: marker } } },
        },
      },
      { ...callOptions(context), fieldManager: managers.restart, force: true },
    );
  }
  const perPod = durationMs(config.timeouts.operatorReady) + config.operator.minReadySeconds * 1_000;
  await waitFor(context, {
    stage: restartStage,
    what: `all pods of ${slot.name} to be ready with the current key`,
    intervalMs: INTERVAL_MS,
    timeoutMs: perPod * Math.max(1, slot.replicas),
    look: () => allRestarted(context, config, slot, marker, check),
  });
}

async function allRestarted(
  context: OperationContext,
  config: Uid2Vn2Config,
  slot: Slot,
  marker: string,
  check: (log: string, pod: string) => void,
): Promise<true | undefined> {
  const live = (await readSlots(context, config)).all.find(({ name }) => name === slot.name);
  if (live === undefined || !live.observed) return undefined;
  const pods = await podsOf(context, slot);
  const isNew = (pod: KubernetesObject): boolean => isRestarted(pod, marker);
  const restarted = pods.filter(isNew);
  for (const pod of restarted) check(await logOf(context, pod), pod.metadata.name);
  const ready = readyPods(restarted);
  const tooLong = ready.length === 0 ? restarted.find((pod) => isOverdue(context, config, pod)) : undefined;
  if (tooLong !== undefined) throw await notReady(context, config, tooLong);
  return ready.length >= live.replicas && pods.every(isNew) ? true : undefined;
}

function restartedAt(deployment: KubernetesObject): string | undefined {
  return textAt(objectAt(deployment, 'spec', 'template', 'metadata', 'annotations'), ANNOTATION);
}

function isRestarted(pod: KubernetesObject, marker: string): boolean {
  return pod.metadata.annotations?.[ANNOTATION] === marker;
}

function isOverdue(context: OperationContext, config: Uid2Vn2Config, pod: KubernetesObject): boolean {
  const created = timeOf(objectAt(pod, 'metadata')['creationTimestamp']);
  return created !== undefined && context.ports.clock() - created > durationMs(config.timeouts.operatorReady);
}

async function notReady(
  context: OperationContext,
  config: Uid2Vn2Config,
  pod: KubernetesObject,
): Promise<DependencyError> {
  const { name } = pod.metadata;
  const now = context.ports.clock();
  const facts = await gatherPodFacts(context.cluster, config.operator.namespace, name, now, callOptions(context));
  const { cause } = diagnosePod(facts);
  return new DependencyError(
    'DEPLOYMENT_DEADLINE',
    `${name}, the first pod with the new key, is not ready: ${cause?.title ?? ''}`,
    {
      retryable: true,
      details: { pod: name },
      action:
        `${cause?.action ?? ''} The other pods still serve with the old key; holdfast rotate-key --rollback goes back to it.`.trim(),
    },
  );
}

/** A log that cannot be read says nothing about the key; being ready then does. */
async function logOf(context: OperationContext, pod: KubernetesObject): Promise<string> {
  const { name, namespace = 'default' } = pod.metadata;
  try {
    return await context.cluster.logs(namespace, name, {
      ...callOptions(context),
      container: operatorContainer,
      tailLines: 500,
    });
  } catch (error) {
    if (error instanceof DependencyError) return '';
    throw error;
  }
}
