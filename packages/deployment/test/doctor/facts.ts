import { operatorSkeleton } from '../../src/index.ts';
import type {
  Bundle,
  CapacityFacts,
  ClusterFacts,
  Facts,
  GroupFacts,
  KubernetesOffer,
  NetworkFacts,
  PermissionFacts,
  ProviderFacts,
  SubnetFacts,
  VaultFacts,
} from '../../src/index.ts';

/** Facts of a healthy cloud; a case changes what it is about. */
const permissions: PermissionFacts = {
  createGroup: 'allowed',
  missingActions: [],
  noAssignmentsAt: [],
  noAssignmentRemovalAt: [],
  conditional: [],
  writeSecret: 'allowed',
  registerProviders: 'allowed',
  denyingPolicies: [],
};
const group: GroupFacts = {
  exists: true,
  location: 'East US',
  foreignResources: [],
  locks: [],
  nodeGroup: { exists: false },
  otherVirtualNodes: [],
  existingNames: [],
};
const capacity: CapacityFacts = {
  sku: { offered: true, vcpus: 4, memoryGb: 16 },
  familyCoresFree: 1000,
  regionalCoresFree: 1000,
  containerGroupsFree: 100,
  containerCoresFree: 100,
  publicIpsFree: 10,
};
const inside: NonNullable<ClusterFacts['inside']> = {
  namespaceUsable: true,
  denyingPolicies: [],
  quotaProblems: [],
  foreignObjects: [],
  otherInstallations: [],
  orphanNodes: [],
  admissionControllers: 1,
  authorizationFailures: [],
};
const cluster: ClusterFacts = {
  minor: 34,
  authorizedIpRanges: [],
  networkPlugin: 'azure',
  networkPolicy: 'calico',
  podIdentity: false,
  workloadIdentity: true,
  inside,
};
const live: NonNullable<VaultFacts['live']> = {
  rbac: true,
  purgeProtection: true,
  blocked: [],
  tenantId: 't',
  location: 'eastus',
  sameKey: true,
  foreignContents: [],
};
const offer: KubernetesOffer = { minor: '1.34', preview: false, supportPlans: ['KubernetesOfficial'], daysLeft: 300 };
const cg: SubnetFacts = {
  name: 'cg',
  delegations: ['Microsoft.ContainerInstance/containerGroups'],
  nat: true,
  members: 1,
  otherEgress: false,
  foreignResources: [],
  defaultOutboundAccess: undefined,
};

type Part<T> = Partial<T>;

export const withTools = (tools: Part<NonNullable<Facts['tools']>> = {}): Facts => ({
  tools: { node: '24.1.0', ...tools },
});
export const withFiles = (files: NonNullable<Facts['files']>): Facts => ({ files });
export const withAzure = (azure: NonNullable<Facts['azure']>): Facts => ({ azure });
export const withPermissions = (part: Part<PermissionFacts> = {}): Facts =>
  withAzure({ permissions: { ...permissions, ...part }, group: { ...group, exists: false } });
export const withGroup = (part: Part<GroupFacts> = {}): Facts => withAzure({ group: { ...group, ...part } });
export const withCapacity = (part: Part<CapacityFacts> = {}): Facts =>
  withAzure({ capacity: { ...capacity, ...part } });
export const withInside = (part: Part<typeof inside> = {}): Facts =>
  withAzure({ cluster: { ...cluster, inside: { ...inside, ...part } } });
export const withCluster = (part: Part<ClusterFacts> = {}): Facts => withAzure({ cluster: { ...cluster, ...part } });
export const withVault = (part: Part<VaultFacts> = {}): Facts => withAzure({ vault: { live, ...part } });
export const withLive = (part: Part<typeof live> = {}): Facts => withAzure({ vault: { live: { ...live, ...part } } });
export const withOffer = (part: Part<KubernetesOffer> = {}): Facts =>
  withAzure({ kubernetes: [{ ...offer, ...part }] });
export const withCredential = (part: Part<NonNullable<NonNullable<Facts['azure']>['credential']>> = {}): Facts =>
  withAzure({
    credential: {
      tried: [{ name: 'environment', problem: 'not set' }],
      token: { tenantId: 't', minutesLeft: 10, refreshable: true },
      subscriptions: [],
      ...part,
    },
    subscription: { tenantId: 't', state: 'Enabled', spendingLimit: false, quotaId: 'PayAsYouGo' },
  });
export const withSubscription = (part: Part<NonNullable<NonNullable<Facts['azure']>['subscription']>> = {}): Facts =>
  withAzure({ subscription: { tenantId: 't', state: 'Enabled', spendingLimit: false, quotaId: 'Free', ...part } });
export const withNetwork = (part: Part<NetworkFacts> = {}): Facts =>
  withAzure({ network: { subnets: [cg], connected: [], blockedHosts: [], ...part } });
export const withSubnet = (part: Part<SubnetFacts> = {}): Facts => withNetwork({ subnets: [{ ...cg, ...part }] });

/** What follows `Microsoft.` in the names of the providers that every deployment on AKS needs. */
export const providerNames = [
  'ContainerService',
  'ContainerInstance',
  'Network',
  'Compute',
  'Storage',
  'KeyVault',
  'ManagedIdentity',
];

export const withProviders = (state = 'Registered', part: Part<ProviderFacts> = {}): Facts => ({
  azure: {
    permissions: { ...permissions, registerProviders: 'refused' },
    providers: providerNames.map((name) => ({
      namespace: `Microsoft.${name}`,
      state,
      types: name === 'KeyVault' ? { vaults: { apiVersions: ['2023-07-01'], locations: ['East US'] } } : {},
      ...(name === 'KeyVault' ? part : {}),
    })),
  },
});

/** A manifest as a release has it, with a change. */
export function bundleOf(change: (text: string) => string = (text) => text): Bundle {
  const skeleton = operatorSkeleton();
  return { ...skeleton, deployment: JSON.parse(change(JSON.stringify(skeleton.deployment))) as Bundle['deployment'] };
}
