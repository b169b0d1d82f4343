import { dnsPrefix } from './ids.ts';
import { resource } from './parts.ts';
import type { ArmResource, Resolved, ResourceObject, Scope, UpdateRules } from './types.ts';

/** Fields of a cluster that cannot change, and fields that the service or others change on their own. */
export const clusterRules: UpdateRules = {
  immutable: [
    'location',
    'properties.dnsPrefix',
    'properties.nodeResourceGroup',
    'properties.networkProfile.networkPlugin',
    'properties.networkProfile.serviceCidr',
    'properties.networkProfile.dnsServiceIP',
    'properties.enableRBAC',
    'properties.agentPoolProfiles[].name',
    'properties.agentPoolProfiles[].vnetSubnetID',
    'properties.agentPoolProfiles[].enableNodePublicIP',
    'properties.agentPoolProfiles[].osType',
    'properties.agentPoolProfiles[].vmSize',
    'properties.agentPoolProfiles[].workloadRuntime',
    'identity.type',
  ],
  createOnly: [
    'properties.agentPoolProfiles[].count',
    'properties.agentPoolProfiles[].maxPods',
    'properties.agentPoolProfiles[].osDiskType',
    'properties.agentPoolProfiles[].orchestratorVersion',
  ],
  carryOver: ['tags', 'properties.agentPoolProfiles', 'properties.addonProfiles', '*'],
  consequences: { 'properties.kubernetesVersion': 'a new minor is an upgrade of the cluster, with its own command' },
};

/** What federated credentials need of a cluster. */
export const workloadIdentity: ResourceObject = {
  oidcIssuerProfile: { enabled: true },
  securityProfile: { workloadIdentity: { enabled: true } },
};

interface NetworkProfileInput {
  readonly networkPlugin: string;
  readonly networkPolicy?: string;
  readonly aks: { readonly serviceCidr: string; readonly dnsServiceIp: string };
}

/** The network of a cluster: nodes reach the internet through its load balancer. */
export function networkProfile({ networkPlugin, networkPolicy, aks }: NetworkProfileInput): ResourceObject {
  return {
    networkPlugin,
    ...(networkPolicy === undefined ? {} : { networkPolicy }),
    serviceCidr: aks.serviceCidr,
    dnsServiceIP: aks.dnsServiceIp,
    loadBalancerSku: 'standard',
    outboundType: 'loadBalancer',
  };
}

interface ClusterInput {
  readonly id: string;
  readonly scope: Scope;
  readonly name: string;
  readonly location: string;
  readonly resolved: Resolved;
  readonly tier?: string;
  /** That of the system when missing. */
  readonly identity?: ResourceObject;
  /** As the Azure CLI computes it when missing. */
  readonly dnsPrefix?: string | undefined;
  readonly properties: ResourceObject;
  readonly dependsOn: readonly string[];
  readonly purpose: string;
  readonly apiVersion?: string;
}

/** A cluster that is created; one that exists is a merge of its own. */
export function cluster(input: ClusterInput): ArmResource {
  const { id, scope, name, location, resolved, apiVersion, dependsOn, purpose } = input;
  return resource({
    id,
    stage: 'S4',
    scope,
    type: 'Microsoft.ContainerService/managedClusters',
    ...(apiVersion === undefined ? {} : { apiVersion }),
    name,
    body: {
      location,
      sku: { name: 'Base', tier: input.tier ?? 'Free' },
      identity: input.identity ?? { type: 'SystemAssigned' },
      properties: {
        kubernetesVersion: resolved.kubernetesVersion,
        dnsPrefix: input.dnsPrefix ?? dnsPrefix(name, scope.resourceGroup ?? '', resolved.subscriptionId),
        ...input.properties,
      },
    },
    dependsOn,
    purpose,
    rules: clusterRules,
  });
}
