import { Buffer } from 'node:buffer';

import { ArmFault } from '../arm-fault.ts';
import { compact, objectAt, objectsAt, overlay, textAt, valueAt } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { lastName } from '../resource-id.ts';
import type { ResourceId } from '../resource-id.ts';
import type { StoredResource } from '../resource-store.ts';
import type { ArmWorld } from '../world.ts';
import { AGENT_POOL, poolAfter, poolProfiles } from './agent-pools.ts';
import { addOnsAfter, makeAddOnIdentities } from './cluster-add-ons.ts';
import { clusterShape, clusterVersions } from './cluster-shape.ts';
import type { Change, ResourceKind } from './kind.ts';
import { defaultMinor, isLower, minorOf, resolveVersion } from './kubernetes-versions.ts';
import { announcePrincipal, tenantOf } from './managed-identities.ts';
import { isInside, overlaps } from './network/cidr.ts';
import { makeNodeGroup, removeNodeGroup } from './node-group.ts';

export const CLUSTER = 'Microsoft.ContainerService/managedClusters';

const IMMUTABLE = [
  'properties.dnsPrefix',
  'properties.nodeResourceGroup',
  'properties.enableRBAC',
  'properties.networkProfile.networkPlugin',
  'properties.networkProfile.serviceCidr',
  'properties.networkProfile.dnsServiceIP',
];

export const managedClusters: ResourceKind = {
  type: CLUSTER,
  apiVersions: clusterVersions,
  shape: clusterShape,
  name: 'cluster',
  ends: 'async-operation',
  unfinished: 'Creating',
  write: writeCluster,
  written: async (resource, { world, before }) => {
    if (before === undefined) await makeNodeGroup(resource, world);
    makeAddOnIdentities(resource, resource.id, world);
    await world.effects.onCluster(resource.id, before === undefined ? 'created' : 'updated');
  },
  view: (resource, world) =>
    overlay(resource.body, { properties: { agentPoolProfiles: poolProfiles(world, resource.id) } }),
  removed: async (resource, world) => {
    await removeNodeGroup(resource, world);
    await world.effects.onCluster(resource.id, 'deleted');
  },
  removal: 'async-operation',
  actions: {
    listclusterusercredential: async (resource, world) => credentials(resource, world, 'clusterUser'),
    listclusteradmincredential: async (resource, world) => credentials(resource, world, 'clusterAdmin'),
  },
};

async function credentials(resource: StoredResource, world: ArmWorld, name: string): Promise<JsonValue> {
  if (name === 'clusterAdmin' && valueAt(resource.body, 'properties.disableLocalAccounts') === true) {
    const text = 'Getting static credential is not allowed because this cluster is set to disable local accounts.';
    throw new ArmFault(400, 'BadRequest', text);
  }
  const kubeconfig = await world.effects.kubeconfig(resource.id);
  return { kubeconfigs: [{ name, value: Buffer.from(kubeconfig, 'utf8').toString('base64') }] };
}

async function writeCluster(change: Change): Promise<JsonObject> {
  const { world, id, before, body } = change;
  keepImmutable(change);
  const wanted = objectAt(body, 'properties');
  const live = textAt(before?.body, 'properties.currentKubernetesVersion');
  const version = textAt(wanted, 'kubernetesVersion') ?? live ?? defaultMinor(world);
  const current = nextVersion(world, version, live);
  const nodeResourceGroup =
    textAt(wanted, 'nodeResourceGroup') ??
    textAt(before?.body, 'properties.nodeResourceGroup') ??
    `MC_${id.resourceGroup ?? ''}_${lastName(id.text)}_${textAt(body, 'location') ?? ''}`;
  if (before === undefined) checkNodeGroup(world, id, nodeResourceGroup);
  checkNetwork(change);
  const addOns = addOnsAfter(change, nodeResourceGroup);
  writePools(change, current);
  const identity = identityAfter(change);
  const { agentPoolProfiles: _, ...properties } = wanted;
  const issuerURL =
    valueAt(wanted, 'oidcIssuerProfile.enabled') === true
      ? await world.effects.oidcIssuer(before?.id ?? id.text)
      : undefined;
  return {
    ...body,
    sku: { name: 'Base', tier: 'Free', ...objectAt(body, 'sku') },
    identity,
    properties: overlay(serviceOwned(change, nodeResourceGroup), {
      ...properties,
      ...addOns,
      kubernetesVersion: version,
      currentKubernetesVersion: current,
      nodeResourceGroup,
      ...(issuerURL === undefined ? {} : { oidcIssuerProfile: { enabled: true, issuerURL } }),
      powerState: { code: 'Running' },
      provisioningState: 'Succeeded',
    }),
  };
}

/** Defaults, and what stays as the service has made it whatever a write says. */
function serviceOwned({ world, id, before, body }: Change, nodeGroup: string): JsonObject {
  const prefix = textAt(body, 'properties.dnsPrefix') ?? lastName(id.text);
  const live = objectAt(before?.body, 'properties');
  const plugin = textAt(body, 'properties.networkProfile.networkPlugin') ?? 'azure';
  const serviceCidr = textAt(body, 'properties.networkProfile.serviceCidr') ?? '10.0.0.0/16';
  const host =
    textAt(live, 'fqdn') ?? `${prefix}-${world.uuid().slice(0, 8)}.hcp.${textAt(body, 'location') ?? ''}.azmk8s.io`;
  return compact({
    dnsPrefix: prefix,
    fqdn: host,
    azurePortalFQDN: host.replace('.hcp.', '.portal.hcp.'),
    enableRBAC: true,
    disableLocalAccounts: false,
    supportPlan: 'KubernetesOfficial',
    maxAgentPools: 100,
    servicePrincipalProfile: { clientId: 'msi' },
    windowsProfile: { adminUsername: 'azureuser', enableCSIProxy: true },
    storageProfile: {
      diskCSIDriver: { enabled: true },
      fileCSIDriver: { enabled: true },
      snapshotController: { enabled: true },
    },
    metricsProfile: { costAnalysis: { enabled: false } },
    autoUpgradeProfile: { nodeOSUpgradeChannel: 'NodeImage' },
    oidcIssuerProfile: { enabled: false },
    securityProfile: {},
    networkProfile: {
      networkPlugin: plugin,
      serviceCidr,
      serviceCidrs: [serviceCidr],
      ipFamilies: ['IPv4'],
      loadBalancerSku: 'standard',
      loadBalancerProfile: {
        managedOutboundIPs: { count: 1 },
        effectiveOutboundIPs: [
          {
            id: `/subscriptions/${id.subscriptionId}/resourceGroups/${nodeGroup}/providers/Microsoft.Network/publicIPAddresses/outbound`,
          },
        ],
      },
      outboundType: 'loadBalancer',
    },
    identityProfile: live['identityProfile'] ?? { kubeletidentity: kubeletIdentity(world, id, nodeGroup, body) },
    resourceUID: textAt(live, 'resourceUID') ?? world.uuid().replaceAll('-', ''),
  });
}

/** The identity that nodes act as: one of the caller's, or one that the service makes in the group of the nodes. */
function kubeletIdentity(world: ArmWorld, id: ResourceId, nodeGroup: string, body: JsonObject): JsonObject {
  const given = objectAt(body, 'properties.identityProfile.kubeletidentity');
  if (given['resourceId'] !== undefined) return given;
  const resourceId = `/subscriptions/${id.subscriptionId}/resourceGroups/${nodeGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${lastName(id.text)}-agentpool`;
  const { clientId, principalId } = world.effects.identityIds(resourceId);
  announcePrincipal(world, principalId);
  return { resourceId, clientId, objectId: principalId };
}

function identityAfter({ world, id, before, body }: Change): JsonObject {
  const wanted = objectAt(body, 'identity');
  const type = textAt(wanted, 'type') ?? textAt(before?.body, 'identity.type') ?? 'SystemAssigned';
  const live = textAt(before?.body, 'identity.principalId');
  if (type === 'UserAssigned') {
    const named = Object.keys(objectAt(wanted, 'userAssignedIdentities'));
    const found = named.map((name): readonly [string, JsonObject] => {
      const identity = world.store.get(name);
      if (identity === undefined) {
        throw new ArmFault(400, 'InvalidParameter', `The identity '${name}' does not exist.`, { target: 'identity' });
      }
      const { clientId = '', principalId = '' } = objectAt(identity.body, 'properties');
      return [name, { clientId, principalId }];
    });
    return { type, userAssignedIdentities: Object.fromEntries(found) };
  }
  const principalId = live ?? world.effects.identityIds(id.text).principalId;
  if (live === undefined) announcePrincipal(world, principalId);
  return { type, principalId, tenantId: tenantOf(world, id.subscriptionId) };
}

function keepImmutable({ before, body }: Change): void {
  if (before === undefined) return;
  for (const path of IMMUTABLE) {
    const [was, is] = [valueAt(before.body, path), valueAt(body, path)];
    if (is === undefined || was === is) continue;
    if (typeof was === 'string' && typeof is === 'string' && was.toLowerCase() === is.toLowerCase()) continue;
    const text = `Changing property '${path}' is not allowed.`;
    throw new ArmFault(400, 'PropertyChangeNotAllowed', text, { target: path });
  }
}

function nextVersion(world: ArmWorld, wanted: string, live: string | undefined): string {
  const target = 'properties.kubernetesVersion';
  const version = resolveVersion(world, wanted, live, target);
  if (live === undefined) return version;
  if (isLower(version, live)) {
    const text = `Downgrading cluster version from ${live} to ${version} is not supported.`;
    throw new ArmFault(400, 'OperationNotAllowed', text, { target });
  }
  const [from, to] = [Number(minorOf(live).slice(2)), Number(minorOf(version).slice(2))];
  if (to > from + 1) {
    const text = `Upgrading Kubernetes version ${live} to ${version} is not allowed: minor versions cannot be skipped.`;
    throw new ArmFault(400, 'OperationNotAllowed', text, { target });
  }
  return version;
}

function checkNodeGroup(world: ArmWorld, id: ResourceId, nodeGroup: string): void {
  if (nodeGroup.length > 80) {
    const text = `The length of the node resource group name is too long. The maximum length is 80 and the length of the value provided is ${nodeGroup.length}.`;
    throw new ArmFault(400, 'InvalidParameter', text, { target: 'properties.nodeResourceGroup' });
  }
  const groupId = `/subscriptions/${id.subscriptionId}/resourceGroups/${nodeGroup}`;
  if (world.store.get(groupId) === undefined) return;
  const text = `The node resource group '${nodeGroup}' already exists. The group of the nodes is made by the service and must not exist.`;
  throw new ArmFault(409, 'NodeResourceGroupAlreadyExists', text, { target: 'properties.nodeResourceGroup' });
}

/** Services must not have the addresses of subnets that exist, and DNS is one of the services. */
function checkNetwork({ world, body }: Change): void {
  const cidr = textAt(body, 'properties.networkProfile.serviceCidr');
  const dns = textAt(body, 'properties.networkProfile.dnsServiceIP');
  if (cidr === undefined) return;
  const target = 'properties.networkProfile.serviceCidr';
  if (dns !== undefined && !isInside(`${dns}/32`, cidr)) {
    throw new ArmFault(400, 'InvalidParameter', `dnsServiceIP ${dns} is not inside serviceCidr ${cidr}.`, { target });
  }
  for (const pool of objectsAt(body, 'properties.agentPoolProfiles')) {
    const subnetId = textAt(pool, 'vnetSubnetID');
    // A pool without one is in a network that the service makes.
    if (subnetId === undefined) continue;
    const network = subnetId.split('/').slice(0, -2).join('/');
    for (const subnet of world.store.children(network, 'Microsoft.Network/virtualNetworks/subnets')) {
      const prefix = textAt(subnet.body, 'properties.addressPrefix') ?? '';
      if (!overlaps(prefix, cidr)) continue;
      const text = `The specified service CIDR ${cidr} is conflicted with an existing subnet CIDR ${prefix}.`;
      throw new ArmFault(400, 'ServiceCidrOverlapExistingSubnetsCidr', text, { target });
    }
  }
}

/** A list of pools is the whole list: a pool that is not in it goes. */
function writePools({ world, id, before, body, apiVersion }: Change, clusterVersion: string): void {
  const clusterId = before?.id ?? id.text;
  const given = objectsAt(body, 'properties.agentPoolProfiles');
  if (given.length === 0 && before !== undefined) return;
  if (!given.some((pool) => pool['mode'] === 'System')) {
    const text = 'There has to be at least one agent pool of mode System.';
    throw new ArmFault(400, 'InvalidParameter', text, { target: 'properties.agentPoolProfiles' });
  }
  const after = given.map((pool, index): StoredResource => {
    const { name: _, ...wanted } = pool;
    const name = textAt(pool, 'name') ?? '';
    const live = world.store.get(`${clusterId}/agentPools/${name}`);
    const properties = poolAfter({
      world,
      subscriptionId: id.subscriptionId,
      apiVersion,
      name,
      wanted,
      before: live === undefined ? undefined : objectAt(live.body, 'properties'),
      clusterVersion,
      networkPlugin: textAt(body, 'properties.networkProfile.networkPlugin') ?? 'azure',
      path: `properties.agentPoolProfiles[${index}]`,
    });
    return { id: live?.id ?? `${clusterId}/agentPools/${name}`, type: AGENT_POOL, name, body: { properties } };
  });
  const names = new Set(after.map(({ name }) => name));
  const gone = world.store.children(clusterId, AGENT_POOL).filter(({ name }) => !names.has(name));
  for (const pool of gone) world.store.delete(pool.id);
  for (const pool of after) world.store.put(pool);
}
