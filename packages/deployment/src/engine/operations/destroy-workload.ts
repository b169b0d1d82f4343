import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { virtualNodeObjects } from '../../manifests/virtual-node.ts';
import { virtualNodeName, virtualNodeValues } from '../../manifests/virtual-node-values.ts';
import { kubernetesReason } from '../errors.ts';
import { referenceTo } from '../kubernetes-state.ts';
import type { ObjectReference } from '../ports.ts';
import type { Run } from '../run.ts';
import { callOptions, tell, waitFor } from './context.ts';
import type { OperationContext } from './context.ts';
import { waitForGroups } from './drain-slot.ts';
import { probeServiceReference } from './internal-probe.ts';
import { podsOf, readSlots, serviceReference } from './slots.ts';

export const destroyStage = 'destroy';
const GONE_TIMEOUT_MS = 30 * 60_000;
const INTERVAL_MS = 10_000;

/** Removes an object if it is there, and tells what it did. */
async function removeObject(
  context: OperationContext,
  reference: ObjectReference,
  propagation: 'Foreground' | 'Background' = 'Foreground',
): Promise<boolean> {
  const options = callOptions(context);
  try {
    if ((await context.cluster.read(reference, options)) === undefined) return false;
  } catch (error) {
    // A kind that the cluster does not know has no objects.
    if (kubernetesReason(error)?.reason === 'NotFound') return false;
    throw error;
  }
  tell(context, destroyStage, 'updating', `remove ${reference.kind} ${reference.name}`, reference.name);
  await context.cluster.remove(reference, { ...options, propagation });
  return true;
}

/**
 * Takes the operator out of a cluster: Service and Deployments, then their pods, then their container groups, then the virtual
 * node with its nodes. The order matters: without the virtual node nobody would remove the container groups, and these hold
 * the subnet.
 */
export async function removeOperator(context: OperationContext, config: Uid2Vn2Config): Promise<readonly string[]> {
  const removed: string[] = [];
  const remove = async (reference: ObjectReference): Promise<void> => {
    if (await removeObject(context, reference)) removed.push(`${reference.kind}/${reference.name}`);
  };
  const { all, service } = await readSlots(context, config);
  if (service !== undefined) await remove(serviceReference(config));
  await remove(probeServiceReference(config));
  for (const { deployment } of all) await remove(referenceTo(deployment));
  await waitFor(context, {
    stage: destroyStage,
    what: 'the pods of the operator to be gone',
    intervalMs: INTERVAL_MS,
    timeoutMs: GONE_TIMEOUT_MS,
    look: async () => {
      const pods = await Promise.all(all.map((slot) => podsOf(context, slot)));
      return pods.flat().length === 0 ? true : undefined;
    },
  });
  // Those of an earlier run that was interrupted have no Deployment any more: all versions are named alike.
  await waitForGroups(context, config, ['operator'], destroyStage);
  const values = virtualNodeValues(config);
  for (const object of virtualNodeObjects(values).toReversed()) {
    if (object.kind !== 'Namespace') await remove(referenceTo(object));
  }
  const own = `${virtualNodeName(config.virtualNode.releaseName)}-`;
  const nodes = await context.cluster.list('v1', 'Node', {
    ...callOptions(context),
    labelSelector: 'type=virtual-kubelet',
  });
  for (const { metadata } of nodes) {
    if (metadata.name.startsWith(own)) await remove({ apiVersion: 'v1', kind: 'Node', name: metadata.name });
  }
  return removed;
}

/** Takes the objects of another profile out of a cluster, the last applied first. Namespaces of the cluster itself stay. */
export async function removeManifests(context: OperationContext, run: Run): Promise<readonly string[]> {
  const removed: string[] = [];
  const objects = (await run.manifests()).flatMap((set) => set.objects).toReversed();
  for (const object of objects) {
    if (object.kind === 'Namespace' && /^(default|kube-.*)$/.test(object.metadata.name)) continue;
    const reference = referenceTo(object);
    if (await removeObject(context, reference)) removed.push(`${reference.kind}/${reference.name}`);
  }
  return removed;
}
