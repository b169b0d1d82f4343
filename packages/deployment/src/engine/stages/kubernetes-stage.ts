import { DependencyError, PolicyError } from '@holdfast/base';

import type { Stage } from '../../graph/stages.ts';
import type { KubernetesObject, ManifestSet } from '../../manifests/object.ts';
import { unreadyIn } from '../completion.ts';
import type { StageState } from '../completion.ts';
import { kubernetesReason } from '../errors.ts';
import { textAt } from '../json.ts';
import type { SetState } from '../kubernetes-state.ts';
import { isCreateOnly, isCustomKind, managersOf, objectName, referenceTo } from '../kubernetes-state.ts';
import { lockCluster } from '../locks.ts';
import type { ClusterLock } from '../locks.ts';
import type { KubernetesPort } from '../ports.ts';
import type { Run } from '../run.ts';
import { waitFor } from '../waits.ts';

/** Managers whose fields may be taken over when the person says so. */
const adoptable: ReadonlySet<string> = new Set(['kubectl-client-side-apply', 'kubectl-create', 'kubectl-edit', 'helm']);

/**
 * Applies the sets of a stage, each object under the manager of its set, in order, and waits until the stage is complete.
 * Objects that are only created are created once; what is as it should be is not sent.
 * @throws DependencyError CLUSTER_MISSING, OBJECT_CONFLICT, DEPLOYMENT_DEADLINE
 * @throws PolicyError OPERATOR_OTHER_VERSION when another version of the operator serves
 * @throws RequestError DEPLOYMENT_LOCKED
 */
export async function runKubernetesStage(run: Run, stage: Stage, state: StageState): Promise<readonly string[]> {
  const cluster = await run.cluster();
  if (cluster === undefined) {
    throw new DependencyError('CLUSTER_MISSING', `stage ${stage.id} needs the cluster, which does not exist`, {
      retryable: true,
      action: 'Run the command again from the start.',
    });
  }
  const held: { lock?: ClusterLock } = {};
  try {
    const sets = await applySets(run, stage, cluster, state, held);
    await waitUntilReady(run, stage, sets, held.lock);
    await held.lock?.release();
    return [...new Set([...state.openWork, ...sets.flatMap(({ open }) => open ?? [])])];
  } catch (error) {
    // What went wrong matters more than a lock that expires by itself; a run that was stopped leaves it to expire.
    if (!run.signal.aborted) await held.lock?.release().catch(() => undefined);
    throw error;
  }
}

/**
 * Sends what is missing or differs; the answer says of which sets the cluster does not know a kind. The lock is taken
 * before the first write.
 */
async function applySets(
  run: Run,
  stage: Stage,
  cluster: KubernetesPort,
  state: StageState,
  held: { lock?: ClusterLock },
): Promise<readonly SetState[]> {
  const applied: SetState[] = [];
  for (const each of state.sets) {
    const { set, objects } = each;
    let open = each.open;
    const pending = open === undefined ? objects.filter(({ change }) => change !== 'none') : [];
    if (pending.length > 0) {
      if (run.config.profile === 'uid2-vn2' && set.id === 'R-OP') await refuseOtherVersion(run, cluster, set);
      held.lock ??= await lockCluster(run, cluster, set.fieldManager);
    }
    for (const { object, change } of pending) {
      await held.lock?.renew();
      open = await applyObject(run, stage, cluster, set, object, change === 'create' ? change : 'update');
      if (open !== undefined) break;
    }
    applied.push(open === undefined ? each : { ...each, open });
  }
  return applied;
}

async function waitUntilReady(
  run: Run,
  stage: Stage,
  sets: readonly SetState[],
  lock: ClusterLock | undefined,
): Promise<void> {
  await waitFor(run, {
    wait: stage.tests.some(({ kind }) => kind === 'node-ready') ? 'virtualNodeReady' : 'workloadReady',
    stage: stage.id,
    what: stage.title,
    probe: async () => {
      const unmet = await unreadyIn(run, stage, sets);
      return unmet.length === 0 ? { done: true } : { pending: unmet.join('; ') };
    },
    onPause: async () => await lock?.renew(),
  });
}

/** Applies one object; answers what somebody has to do when the cluster does not know its kind. */
async function applyObject(
  run: Run,
  stage: Stage,
  cluster: KubernetesPort,
  set: ManifestSet,
  object: KubernetesObject,
  change: 'create' | 'update',
): Promise<string | undefined> {
  const { signal } = run;
  run.emit(stage.id, change === 'create' ? 'creating' : 'updating', { resource: objectName(object) });
  const { fieldManager } = set;
  try {
    if (isCreateOnly(set, object)) await createOnce(cluster, object, signal);
    else await cluster.apply(object, { fieldManager, signal });
    return undefined;
  } catch (error) {
    const reason = kubernetesReason(error);
    if (reason?.status === 404 && isCustomKind(object)) {
      return `the cluster does not know ${object.kind} of ${object.apiVersion}: ${set.notes.at(-1) ?? 'install what brings it'}`;
    }
    if (reason?.reason !== 'Conflict') throw error;
    const managers = managersOf(error);
    if (!run.adopt || managers.length === 0 || !managers.every((manager) => adoptable.has(manager))) {
      throw conflict(object, managers, error);
    }
    run.emit(stage.id, 'warning', {
      resource: objectName(object),
      detail: `fields of ${managers.join(', ')} are taken over`,
    });
    await cluster.apply(object, { fieldManager, force: true, signal });
    return undefined;
  }
}

async function createOnce(cluster: KubernetesPort, object: KubernetesObject, signal: AbortSignal): Promise<void> {
  try {
    await cluster.create(object, { signal });
  } catch (error) {
    // It is there, and it is not ours to change.
    if (kubernetesReason(error)?.reason !== 'AlreadyExists') throw error;
  }
}

function conflict(object: KubernetesObject, managers: readonly string[], cause: unknown): DependencyError {
  const byHand = managers.length > 0 && managers.every((manager) => adoptable.has(manager));
  return new DependencyError(
    'OBJECT_CONFLICT',
    `${objectName(object)} has fields that ${managers.join(', ') || 'somebody else'} set: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      retryable: false,
      cause,
      details: { object: objectName(object), managers },
      action: byHand
        ? 'Run the command again with --adopt to take these fields over.'
        : 'Nothing was forced. Find out why it owns them, and let it give them up.',
    },
  );
}

/** Another version is not replaced in place: an upgrade runs both side by side. */
async function refuseOtherVersion(run: Run, cluster: KubernetesPort, set: ManifestSet): Promise<void> {
  const service = set.objects.find(({ kind }) => kind === 'Service');
  const own = set.objects.find(({ kind }) => kind === 'Deployment');
  if (service === undefined || own === undefined) return;
  const live = await cluster.read(referenceTo(service), { signal: run.signal });
  const serving = textAt((live?.['spec'] as { selector?: unknown } | undefined)?.selector ?? {}, 'uid2/slot');
  const labels = own.metadata.labels ?? {};
  if (serving === undefined || serving === labels['uid2/slot']) return;
  throw new PolicyError(
    'OPERATOR_OTHER_VERSION',
    `the version ${serving} serves, and the configuration names ${labels['uid2/slot'] ?? 'another one'}`,
    {
      details: { serving },
      action: 'Run holdfast upgrade operator: it brings the new version up beside the old one.',
    },
  );
}
