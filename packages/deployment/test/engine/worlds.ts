import { Secret } from '@holdfast/base';

import type { DeploymentConfig, KubernetesObject, Run, RunInput } from '../../src/index.ts';
import { idOf, openRun } from '../../src/index.ts';
import type { FakeWorld } from '../../testing/index.ts';
import { fakeWorld } from '../../testing/index.ts';
import { releaseOf } from '../bundle/release.ts';
import { configOf, resolved } from '../configs.ts';

export const marker = 'UID2-O-I-777-MARKERmarkerMARKERmarker';

/** What can be deployed, with everything that must exist before. */
export interface Scenario {
  readonly name: string;
  readonly config: DeploymentConfig;
  readonly prepare?: (world: FakeWorld) => void;
  readonly input?: Omit<RunInput, 'ports' | 'config'>;
}

const clusterScope = { subscriptionId: resolved.subscriptionId, resourceGroup: 'openshift' };
const foreignCluster = idOf({
  scope: { subscriptionId: resolved.subscriptionId, resourceGroup: 'myResourceGroup' },
  type: 'Microsoft.ContainerService/managedClusters',
  name: 'myAKSCluster',
});

function openshift(world: FakeWorld): void {
  const group = `/subscriptions/${resolved.subscriptionId}/resourceGroups/openshift`;
  world.azure.put(group, { location: 'eastus' });
  world.azure.put(idOf({ scope: clusterScope, type: 'Microsoft.Network/virtualNetworks', name: 'openshift-vnet' }), {
    location: 'eastus',
    properties: {
      addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
      subnets: [
        { name: 'worker', properties: { addressPrefix: '10.0.32.0/19', serviceEndpoints: [{ service: 'x' }] } },
        { name: 'master', properties: { addressPrefix: '10.0.0.0/19' } },
      ],
    },
  });
  world.azure.put(
    idOf({ scope: clusterScope, type: 'Microsoft.Network/networkSecurityGroups', name: 'openshift-nsg' }),
    { location: 'eastus', properties: { securityRules: [{ name: 'theirs', properties: { priority: 100 } }] } },
  );
}

function adoptedCluster(world: FakeWorld): void {
  world.azure.put(`/subscriptions/${resolved.subscriptionId}/resourceGroups/myResourceGroup`, { location: 'eastus' });
  world.azure.put(foreignCluster, {
    location: 'eastus',
    tags: { team: 'a' },
    identity: { type: 'SystemAssigned' },
    properties: {
      kubernetesVersion: '1.34',
      hostGroupSetting: { kept: true },
      agentPoolProfiles: [{ name: 'theirs', count: 3, vmSize: 'Standard_D4s_v5' }],
    },
  });
}

const uid2Input = (): Omit<RunInput, 'ports' | 'config'> => ({
  bundle: releaseOf(),
  operatorKey: new Secret(marker),
});

export const scenarios: readonly Scenario[] = [
  { name: 'uid2-vn2', config: configOf('uid2-vn2'), input: uid2Input() },
  {
    name: 'uid2-vn2 with identities made before the cluster, in a namespace of its own',
    config: configOf('uid2-vn2', 'aks: {identityMode: preprovisioned}\noperator: {namespace: uid2}\n'),
    input: uid2Input(),
  },
  {
    name: 'kata-cc in a new cluster',
    config: configOf('kata-cc', 'producer: {publicKey: PEM}\nattestation: {endpoint: {provider: maa, create: true}}\n'),
  },
  {
    name: 'kata-cc in a cluster that exists',
    config: configOf(
      'kata-cc',
      'cluster: {mode: adopt}\nproducer: {publicKey: PEM}\nattestation: {endpoint: maa.eus.attest.azure.net}\n',
    ),
    prepare: adoptedCluster,
  },
  { name: 'peer-pods with a network of their own', config: configOf('peer-pods'), prepare: openshift },
  {
    name: 'peer-pods in the worker subnet',
    config: configOf('peer-pods', 'network: {peerPods: {mode: workerSubnet}}\n'),
    prepare: openshift,
  },
  { name: 'private-link', config: configOf('private-link') },
];

/** A world in which a scenario can begin. */
export function worldFor({ prepare }: Scenario): FakeWorld {
  const world = fakeWorld(resolved.subscriptionId);
  prepare?.(world);
  return world;
}

export async function runOf(world: FakeWorld, { config, input }: Scenario, more: Partial<RunInput> = {}): Promise<Run> {
  return await openRun({ ports: world.ports, config, ...input, ...more });
}

/** What a world holds in the end, without times and counters: two ways of getting there must give the same. */
export function endState(world: FakeWorld): unknown {
  const resources = [...world.azure.resources].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const secrets = [...world.azure.secrets].map(([name, versions]) => [
    name,
    versions.map(({ value, tags, enabled }) => ({ value, tags, enabled })),
  ]);
  const objects = [...world.cluster.objects]
    .filter(([, { object }]) => object['kind'] !== 'Lease')
    .map(([name, { object }]) => [name, withoutCounters(object as unknown as KubernetesObject)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.parse(JSON.stringify({ resources: resources.map(withoutTimes), secrets, objects })) as unknown;
}

function withoutTimes([id, resource]: readonly [string, unknown]): unknown {
  return [id, JSON.parse(JSON.stringify(resource).replaceAll(/"created":\d+/g, '"created":0')) as unknown];
}

function withoutCounters(object: KubernetesObject): unknown {
  const { resourceVersion: _, uid: __, ...metadata } = object.metadata as unknown as Record<string, unknown>;
  return { ...object, metadata };
}
