import { textAt } from '../../bundle/shape.ts';
import { uid2Names } from '../../graph/uid2-vn2.ts';
import { idOf } from '../../graph/parts.ts';
import type { GroupFacts } from '../facts.ts';
import { below, groupPath, lastPart, plannedNodes, readAll, readOne, readVersions, sameId } from './gather-context.ts';
import type { GatherContext } from './gather-context.ts';

/** The resource group and that of the nodes: who else uses them, and what locks them. */
export async function gatherGroup(context: GatherContext): Promise<GroupFacts> {
  const id = groupPath(context);
  const group = await readOne(context, id, readVersions.resources);
  const [nodeGroup, otherVirtualNodes] = await Promise.all([nodeGroupOf(context), othersWithSameGroup(context)]);
  if (group === undefined) {
    return { exists: false, foreignResources: [], locks: [], nodeGroup, otherVirtualNodes, existingNames: [] };
  }
  const [resources, locks] = await Promise.all([
    readAll(context, `${id}/resources`, readVersions.resources),
    readAll(context, `${id}/providers/Microsoft.Authorization/locks`, readVersions.locks),
  ]);
  const location = textAt(group, 'location');
  return {
    exists: true,
    ...(location === undefined ? {} : { location }),
    foreignResources: foreign(context, resources),
    locks: locks.flatMap((lock) => {
      const level = textAt(lock, 'properties', 'level');
      return level === 'ReadOnly' || level === 'CanNotDelete' ? [{ name: textAt(lock, 'name') ?? '', level }] : [];
    }),
    nodeGroup,
    otherVirtualNodes,
    existingNames: resources.flatMap((one) => textAt(one, 'name') ?? []),
  };
}

/** What is in the group and is nothing that this deployment makes. */
function foreign(context: GatherContext, resources: readonly unknown[]): readonly string[] {
  const ours = new Set(
    plannedNodes(context).flatMap((node) => (node.kind === 'arm' ? [idOf(node).toLowerCase()] : [])),
  );
  for (const id of context.ports.ownedResources ?? []) ours.add(id.toLowerCase());
  return resources.flatMap((resource) => {
    const id = textAt(resource, 'id');
    return id === undefined || ours.has(id.toLowerCase())
      ? []
      : [`${textAt(resource, 'type') ?? 'resource'} ${lastPart(id)}`];
  });
}

async function nodeGroupOf(context: GatherContext): Promise<GroupFacts['nodeGroup']> {
  const { config, subscriptionId } = context;
  if (config.profile !== 'uid2-vn2') return { exists: false };
  const group = await readOne(
    context,
    groupPath(context, uid2Names(config, subscriptionId).nodeGroup),
    readVersions.resources,
  );
  const managedBy = textAt(group, 'managedBy');
  return { exists: group !== undefined, ...(managedBy === undefined ? {} : { managedBy }) };
}

/** Clusters that are not ours and whose nodes are in the group where our container groups will be. */
async function othersWithSameGroup(context: GatherContext): Promise<readonly string[]> {
  const { config, subscriptionId } = context;
  if (config.profile !== 'uid2-vn2' || config.virtualNode.aciResourceGroupName === undefined) return [];
  const names = uid2Names(config, subscriptionId);
  const target = config.virtualNode.aciResourceGroupName;
  const clusters = await readAll(
    context,
    below(context, '/providers/Microsoft.ContainerService/managedClusters'),
    '2025-05-01',
  );
  return clusters
    .filter((one) => !sameId(textAt(one, 'id'), names.cluster))
    .filter((one) => sameId(textAt(one, 'properties', 'nodeResourceGroup'), target))
    .map((one) => textAt(one, 'name') ?? '');
}
