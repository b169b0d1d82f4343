import { ArmFault } from '../arm-fault.ts';
import { compact, objectAt, overlay, textAt, valueAt } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { checkName } from '../name-rules.ts';
import { parentOf } from '../resource-id.ts';
import type { StoredResource } from '../resource-store.ts';
import type { ArmWorld } from '../world.ts';
import { clusterVersions, poolShape } from './cluster-shape.ts';
import type { ResourceKind } from './kind.ts';
import { isLower, minorOf, resolveVersion } from './kubernetes-versions.ts';

export const AGENT_POOL = 'Microsoft.ContainerService/managedClusters/agentPools';

const IMMUTABLE = [
  'vmSize',
  'osType',
  'vnetSubnetID',
  'maxPods',
  'osDiskType',
  'enableNodePublicIP',
  'workloadRuntime',
];
const KATA_FEATURE = 'KataCcIsolationPreview';

interface PoolChange {
  readonly world: ArmWorld;
  readonly subscriptionId: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly wanted: JsonObject;
  readonly before: JsonObject | undefined;
  /** Version of the control plane. */
  readonly clusterVersion: string;
  readonly networkPlugin: string;
  /** Where the pool stands in the body, for error targets. */
  readonly path: string;
}

function invalid(text: string, target: string): ArmFault {
  return new ArmFault(400, 'InvalidParameter', text, { target });
}

/** A node pool as it is after a write: what the write leaves out stays as it was. */
export function poolAfter(change: PoolChange): JsonObject {
  const { world, name, before, path } = change;
  checkName('pool', name);
  const wanted = { ...before, ...change.wanted };
  for (const field of IMMUTABLE) {
    const is = change.wanted[field];
    if (before === undefined || is === undefined || same(is, before[field])) continue;
    const text = `Changing property '${path}.${field}' is not allowed.`;
    throw new ArmFault(400, 'PropertyChangeNotAllowed', text, { target: `${path}.${field}` });
  }
  const subnet = textAt(wanted, 'vnetSubnetID');
  if (subnet !== undefined && world.store.get(subnet) === undefined) {
    throw invalid(`The subnet '${subnet}' of node pool '${name}' does not exist.`, `${path}.vnetSubnetID`);
  }
  checkScale(wanted, path, name);
  checkKata(change, wanted);
  const live = textAt(before, 'currentOrchestratorVersion');
  const version = textAt(change.wanted, 'orchestratorVersion') ?? live ?? change.clusterVersion;
  const current = resolveVersion(world, version, live, `${path}.agentPool.orchestratorVersion`);
  if (live !== undefined && isLower(current, live)) {
    throw new ArmFault(400, 'OperationNotAllowed', `Downgrading node pool '${name}' from ${live} is not allowed.`);
  }
  if (isLower(change.clusterVersion, current)) {
    const text = `Node pool version ${current} and control plane version ${change.clusterVersion} are incompatible.`;
    throw new ArmFault(400, 'NodePoolMcVersionIncompatible', text, { target: `${path}.orchestratorVersion` });
  }
  return overlay(defaults(wanted, change), {
    ...wanted,
    orchestratorVersion: version,
    currentOrchestratorVersion: current,
    nodeImageVersion: `AKS${textAt(wanted, 'osSKU') ?? 'Ubuntu'}-2204gen2containerd-202510.${minorOf(current).slice(2)}.0`,
    powerState: { code: 'Running' },
    provisioningState: 'Succeeded',
  });
}

function defaults(wanted: JsonObject, { networkPlugin }: PoolChange): JsonObject {
  return {
    count: 1,
    mode: 'User',
    type: 'VirtualMachineScaleSets',
    osType: 'Linux',
    osSKU: 'Ubuntu',
    vmSize: 'Standard_D4d_v5',
    maxPods: networkPlugin === 'azure' ? 30 : 110,
    osDiskType: /d(s)?_v\d/.test(textAt(wanted, 'vmSize') ?? '') ? 'Ephemeral' : 'Managed',
    osDiskSizeGB: 128,
    kubeletDiskType: 'OS',
    workloadRuntime: 'OCIContainer',
    enableNodePublicIP: false,
    enableFIPS: false,
    enableEncryptionAtHost: false,
    enableAutoScaling: false,
    scaleDownMode: 'Delete',
    upgradeSettings: { maxSurge: '10%' },
  };
}

function checkScale(wanted: JsonObject, path: string, name: string): void {
  if (wanted['enableAutoScaling'] !== true) return;
  const [count, min, max] = ['count', 'minCount', 'maxCount'].map((field) => wanted[field]);
  if (typeof min !== 'number' || typeof max !== 'number' || min > max) {
    throw invalid(`Node pool '${name}' scales by itself and needs minCount and maxCount.`, `${path}.minCount`);
  }
  if (typeof count === 'number' && (count < min || count > max)) {
    throw invalid(`The count of node pool '${name}' must be between ${min} and ${max}.`, `${path}.count`);
  }
}

/** Kata confidential containers need one operating system, one family of machines, and a preview. */
function checkKata({ world, subscriptionId, apiVersion, path }: PoolChange, wanted: JsonObject): void {
  if (textAt(wanted, 'workloadRuntime') !== 'KataCcIsolation') return;
  const target = `${path}.workloadRuntime`;
  if (!apiVersion.endsWith('-preview')) throw invalid(`KataCcIsolation is not a value of ${apiVersion}.`, target);
  if (world.registrations.feature(subscriptionId, 'Microsoft.ContainerService', KATA_FEATURE) !== 'Registered') {
    const text = `Preview feature Microsoft.ContainerService/${KATA_FEATURE} not registered.`;
    throw new ArmFault(400, 'FeatureNotEnabled', text, { target });
  }
  if (textAt(wanted, 'osSKU') !== 'AzureLinux') {
    throw invalid('KataCcIsolation can only be used with osSKU AzureLinux.', `${path}.osSKU`);
  }
  if (!/_cc_v\d$/i.test(textAt(wanted, 'vmSize') ?? '')) {
    throw invalid('KataCcIsolation needs a VM size that hosts confidential child VMs.', `${path}.vmSize`);
  }
}

function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' && typeof b === 'string') return a.toLowerCase() === b.toLowerCase();
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The pools of a cluster, as its own body shows them. */
export function poolProfiles(world: ArmWorld, clusterId: string): JsonObject[] {
  return world.store
    .children(clusterId, AGENT_POOL)
    .map(({ name, body }): JsonObject => ({ name, ...objectAt(body, 'properties') }));
}

function clusterOf(world: ArmWorld, id: string | undefined): StoredResource {
  const cluster = id === undefined ? undefined : world.store.get(id);
  if (cluster !== undefined) return cluster;
  throw new ArmFault(404, 'ParentResourceNotFound', 'The cluster of the node pool does not exist.');
}

export const agentPools: ResourceKind = {
  type: AGENT_POOL,
  apiVersions: clusterVersions,
  shape: poolShape,
  name: 'pool',
  ends: 'async-operation',
  unfinished: 'Updating',
  write: ({ world, id, before, body, apiVersion }) => {
    const cluster = clusterOf(world, parentOf(id));
    const properties = poolAfter({
      world,
      subscriptionId: id.subscriptionId,
      apiVersion,
      name: id.name.split('/')[1] ?? '',
      wanted: objectAt(body, 'properties'),
      before: before === undefined ? undefined : objectAt(before.body, 'properties'),
      clusterVersion: textAt(cluster.body, 'properties.currentKubernetesVersion') ?? '',
      networkPlugin: textAt(cluster.body, 'properties.networkProfile.networkPlugin') ?? '',
      path: 'properties',
    });
    return compact({ properties });
  },
  beforeRemoval: (resource, world) => {
    const clusterId = resource.id.split('/').slice(0, -2).join('/');
    const others = world.store.children(clusterId, AGENT_POOL).filter(({ name }) => name !== resource.name);
    if (others.some(({ body }) => valueAt(body, 'properties.mode') === 'System')) return;
    const text = 'There has to be at least one agent pool of mode System.';
    throw new ArmFault(400, 'OperationNotAllowed', text);
  },
  removal: 'async-operation',
};
