import { objectAt, overlay, textAt, valueAt } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { lastName } from '../resource-id.ts';
import type { StoredResource } from '../resource-store.ts';
import type { ArmWorld } from '../world.ts';
import { AGENT_POOL } from './agent-pools.ts';
import { ASSIGNMENT, assignmentState } from './authorization.ts';
import { minorOf } from './kubernetes-versions.ts';
import { IDENTITY, identityState, tenantOf } from './managed-identities.ts';
import { addressFor } from './network/addresses.ts';

function nodeGroupId(cluster: StoredResource): string {
  const subscription = cluster.id.split('/').slice(0, 3).join('/');
  return `${subscription}/resourceGroups/${textAt(cluster.body, 'properties.nodeResourceGroup') ?? ''}`;
}

/** What the service makes beside a cluster: the group of its nodes, their identity and the address they go out with. */
export async function makeNodeGroup(cluster: StoredResource, world: ArmWorld): Promise<void> {
  const id = nodeGroupId(cluster);
  const location = textAt(cluster.body, 'location') ?? '';
  world.store.put({
    id,
    type: 'Microsoft.Resources/resourceGroups',
    name: lastName(id),
    body: {
      location,
      managedBy: cluster.id,
      tags: { 'aks-managed-cluster-name': cluster.name, 'aks-managed-cluster-rg': cluster.id.split('/')[4] ?? '' },
      properties: { provisioningState: 'Succeeded' },
    },
  });
  const put = (type: string, name: string, body: JsonObject): void =>
    world.store.put({ id: `${id}/providers/${type}/${name}`, type, name, body: { location, tags: {}, ...body } });
  put('Microsoft.Network/publicIPAddresses', 'outbound', {
    sku: { name: 'Standard', tier: 'Regional' },
    properties: {
      publicIPAllocationMethod: 'Static',
      publicIPAddressVersion: 'IPv4',
      ipAddress: addressFor(id),
      provisioningState: 'Succeeded',
    },
  });
  const kubelet = objectAt(cluster.body, 'properties.identityProfile.kubeletidentity');
  const identityId = textAt(kubelet, 'resourceId') ?? '';
  if (world.store.get(identityId) !== undefined) return;
  const identity: StoredResource = {
    id: identityId,
    type: IDENTITY,
    name: lastName(identityId),
    body: {
      location,
      tags: {},
      properties: {
        tenantId: tenantOf(world, identityId.split('/')[2] ?? ''),
        clientId: kubelet['clientId'] ?? '',
        principalId: kubelet['objectId'] ?? '',
      },
    },
  };
  world.store.put(identity);
  await world.effects.onIdentity(identityState(identity), 'created');
}

/** The group of the nodes goes with the cluster. */
export async function removeNodeGroup(cluster: StoredResource, world: ArmWorld): Promise<void> {
  const id = nodeGroupId(cluster);
  for (const resource of world.store.below(id)) {
    world.store.delete(resource.id);
    if (resource.type === IDENTITY) await world.effects.onIdentity(identityState(resource), 'deleted');
    if (resource.type === ASSIGNMENT) await world.effects.onRoleAssignment(assignmentState(resource), 'deleted');
  }
  world.store.delete(id);
}

/** What the autoscaler does: another number of nodes, without anybody writing it. */
export function autoscale(world: ArmWorld, clusterId: string, pool: string, count: number): void {
  change(world, `${clusterId}/agentPools/${pool}`, { count });
}

/** What the upgrade channel `patch` does: the newest patch of the minor version, for the cluster and its nodes. */
export function upgradePatch(world: ArmWorld, clusterId: string): void {
  const cluster = world.store.get(clusterId);
  const live = textAt(cluster?.body, 'properties.currentKubernetesVersion') ?? '';
  const newest = world.settings.kubernetesVersions[minorOf(live)]?.at(-1) ?? live;
  change(world, clusterId, { currentKubernetesVersion: newest });
  for (const pool of world.store.children(clusterId, AGENT_POOL)) {
    change(world, pool.id, { currentOrchestratorVersion: newest });
  }
}

function change(world: ArmWorld, id: string, properties: JsonObject): void {
  const resource = world.store.get(id);
  if (resource === undefined || valueAt(resource.body, 'properties') === undefined) return;
  world.store.put({ ...resource, body: overlay(resource.body, { properties }) });
}
