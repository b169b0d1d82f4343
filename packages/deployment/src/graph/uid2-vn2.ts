import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import { defaultNodeGroup, dnsPrefix } from './ids.ts';
import {
  assignment,
  clusterRules,
  groupResource,
  identity,
  idOf,
  keyVault,
  natGateway,
  publicIp,
  resource,
  runtime,
} from './parts.ts';
import { stage } from './stages.ts';
import type { Stage } from './stages.ts';
import type { ArmResource, Graph, GraphNode, Resolved, ResourceObject, Scope } from './types.ts';

/** Names and ids that follow from the configuration alone. */
export function uid2Names(config: Uid2Vn2Config, subscriptionId: string) {
  const scope: Scope = { subscriptionId, resourceGroup: config.resourceGroup.name };
  const nodeGroup =
    config.aks.nodeResourceGroup ?? defaultNodeGroup(config.resourceGroup.name, config.aks.name, config.location);
  const at = (type: ArmResource['type'], name: string): string => idOf({ scope, type, name });
  const vnet = at('Microsoft.Network/virtualNetworks', config.network.vnet.name);
  return {
    scope,
    nodeGroup,
    nodeScope: { subscriptionId, resourceGroup: nodeGroup } satisfies Scope,
    publicIp: at('Microsoft.Network/publicIPAddresses', config.network.publicIp.name),
    nat: at('Microsoft.Network/natGateways', config.network.nat.name),
    subnet: (name: string): string => `${vnet}/subnets/${name}`,
    vault: at('Microsoft.KeyVault/vaults', config.vault.name),
    identity: at('Microsoft.ManagedIdentity/userAssignedIdentities', config.operator.identityName),
    cluster: at('Microsoft.ContainerService/managedClusters', config.aks.name),
    controlPlaneIdentity: `${config.aks.name}-controlplane`,
    kubeletIdentity: `${config.aks.name}-kubelet`,
  };
}

type Names = ReturnType<typeof uid2Names>;

/** Everything that the UID2 private operator consists of on virtual nodes. */
export function uid2Graph(config: Uid2Vn2Config, resolved: Resolved): Graph {
  const names = uid2Names(config, resolved.subscriptionId);
  const preprovisioned = config.aks.identityMode === 'preprovisioned';
  const nodes: GraphNode[] = [
    {
      kind: 'registration',
      id: 'R-PROVIDERS',
      stage: 'S1',
      providers: [
        'Microsoft.ContainerService',
        'Microsoft.ContainerInstance',
        'Microsoft.Network',
        'Microsoft.Compute',
        'Microsoft.Storage',
        'Microsoft.KeyVault',
        'Microsoft.ManagedIdentity',
      ],
      features: [],
      dependsOn: [],
      purpose: 'Allows the subscription to hold these kinds of resources',
    },
    groupResource('R-RG', names.scope, config.location, config.resourceGroup.tags),
    ...network(config, names),
    ...vaultAndIdentity(config, resolved, names),
    ...(preprovisioned ? preprovisionedIdentities(config, names) : []),
    cluster(config, resolved, names),
    ...assignments(names, preprovisioned),
    ...secret(config, names),
    {
      kind: 'kubernetes',
      id: 'R-VN',
      stage: 'S7',
      fieldManager: 'uid2-virtual-node',
      dependsOn: ['R-AKS', 'R-RA-MAIN', 'R-RA-NODE', 'R-RA-SUBNET', 'R-PROVIDERS'],
      purpose: 'Turns pods into confidential container groups',
    },
    {
      kind: 'kubernetes',
      id: 'R-OP',
      stage: 'S8',
      fieldManager: 'uid2-operator',
      dependsOn: ['R-VN', 'R-RA-KV', ...(keyIsWritten(config) ? ['R-SECRET'] : [])],
      purpose: 'The operator',
    },
  ];
  return { profile: config.profile, nodes, parameters: keyIsWritten(config) ? secretParameters : {} };
}

const secretParameters: Graph['parameters'] = {
  operatorKey: { type: 'securestring', description: 'The operator key; never stored in a file or shown' },
  keyFingerprint: {
    type: 'string',
    defaultValue: '',
    description: 'Tells later runs whether the secret holds this key, without revealing it',
  },
};

function keyIsWritten(config: Uid2Vn2Config): boolean {
  return config.operator.keySource === 'stdin' || !('vaultVersion' in config.operator.keySource);
}

function network(config: Uid2Vn2Config, names: Names): ArmResource[] {
  const { scope } = names;
  const { location } = config;
  const { vnet, subnets, nat } = config.network;
  return [
    publicIp({ id: 'R-PIP', scope, name: config.network.publicIp.name, location, dependsOn: ['R-RG'] }),
    natGateway({
      id: 'R-NAT',
      scope,
      name: nat.name,
      location,
      addressId: names.publicIp,
      idleTimeoutMinutes: nat.idleTimeoutMinutes,
      dependsOn: ['R-PIP'],
    }),
    resource({
      id: 'R-VNET',
      stage: 'S3',
      scope,
      type: 'Microsoft.Network/virtualNetworks',
      name: vnet.name,
      body: {
        location,
        properties: {
          addressSpace: { addressPrefixes: [vnet.cidr] },
          subnets: [
            { name: 'default', properties: { addressPrefix: subnets.default } },
            { name: 'aks', properties: { addressPrefix: subnets.aks } },
            { name: subnets.cg.name, properties: containerGroupSubnet(subnets.cg.cidr, names.nat) },
          ],
        },
      },
      dependsOn: ['R-NAT'],
      purpose:
        'Network of nodes and container groups; its subnets are written with it, because an omitted one is deleted',
      rules: {
        carryOver: ['tags', 'properties.subnets', 'properties.virtualNetworkPeerings', 'properties.dhcpOptions'],
        immutable: ['location', `properties.subnets[].properties.delegations`],
      },
    }),
  ];
}

/** The NAT gateway is the way out, so the default one is switched off in words: its default differs between API versions. */
function containerGroupSubnet(cidr: string, natId: string): ResourceObject {
  const service = 'Microsoft.ContainerInstance/containerGroups';
  return {
    addressPrefix: cidr,
    natGateway: { id: natId },
    delegations: [{ name: service.replaceAll('/', '.'), properties: { serviceName: service } }],
    defaultOutboundAccess: false,
  };
}

function vaultAndIdentity(config: Uid2Vn2Config, resolved: Resolved, names: Names): ArmResource[] {
  const { scope } = names;
  return [
    identity({
      id: 'R-ID',
      scope,
      name: config.operator.identityName,
      location: config.location,
      purpose: 'What the operator reads the vault as',
      dependsOn: ['R-RG'],
    }),
    keyVault({
      id: 'R-KV',
      scope,
      name: config.vault.name,
      location: config.location,
      tenantId: config.tenantId ?? resolved.tenantId,
      sku: config.vault.sku,
      purgeProtection: config.vault.purgeProtection,
      retentionDays: config.vault.retentionDays,
      dependsOn: ['R-RG'],
    }),
    assignment({
      id: 'R-RA-KV',
      stage: 'S3',
      scope,
      target: names.vault,
      role: 'keyVaultSecretsUser',
      subject: names.identity,
      principalId: runtime('R-ID', 'properties.principalId'),
      dependsOn: ['R-ID', 'R-KV'],
      purpose: 'The operator may read secrets of the vault',
    }),
  ];
}

function preprovisionedIdentities(config: Uid2Vn2Config, names: Names): ArmResource[] {
  const { scope } = names;
  const made = (id: string, name: string, purpose: string): ArmResource =>
    identity({ id, scope, name, location: config.location, purpose, dependsOn: ['R-RG'] });
  const kubelet = made('R-ID-KUBELET', names.kubeletIdentity, 'What the nodes act as');
  return [
    made('R-ID-CONTROLPLANE', names.controlPlaneIdentity, 'What the cluster acts as'),
    kubelet,
    assignment({
      id: 'R-RA-KUBELET',
      stage: 'S3',
      scope,
      target: idOf(kubelet),
      role: 'managedIdentityOperator',
      subject: `${names.cluster}#controlplane`,
      principalId: runtime('R-ID-CONTROLPLANE', 'properties.principalId'),
      dependsOn: ['R-ID-CONTROLPLANE', 'R-ID-KUBELET'],
      purpose: 'The cluster may give its nodes their identity',
    }),
  ];
}

function cluster(config: Uid2Vn2Config, resolved: Resolved, names: Names): ArmResource {
  const { aks } = config;
  const { pool } = aks;
  const preprovisioned = aks.identityMode === 'preprovisioned';
  const userAssigned = (name: string): string =>
    idOf({ scope: names.scope, type: 'Microsoft.ManagedIdentity/userAssignedIdentities', name });
  return resource({
    id: 'R-AKS',
    stage: 'S4',
    scope: names.scope,
    type: 'Microsoft.ContainerService/managedClusters',
    name: aks.name,
    body: {
      location: config.location,
      sku: { name: 'Base', tier: aks.tier },
      identity: preprovisioned
        ? { type: 'UserAssigned', userAssignedIdentities: { [userAssigned(names.controlPlaneIdentity)]: {} } }
        : { type: 'SystemAssigned' },
      properties: {
        kubernetesVersion: resolved.kubernetesVersion,
        dnsPrefix: aks.dnsPrefix ?? dnsPrefix(aks.name, config.resourceGroup.name, resolved.subscriptionId),
        nodeResourceGroup: names.nodeGroup,
        enableRBAC: true,
        disableLocalAccounts: false,
        supportPlan: aks.supportPlan,
        autoUpgradeProfile: { upgradeChannel: aks.upgradeChannel },
        networkProfile: {
          networkPlugin: 'azure',
          networkPolicy: 'calico',
          serviceCidr: aks.serviceCidr,
          dnsServiceIP: aks.dnsServiceIp,
          loadBalancerSku: 'standard',
          outboundType: 'loadBalancer',
        },
        agentPoolProfiles: [
          {
            name: pool.name,
            mode: 'System',
            type: 'VirtualMachineScaleSets',
            osType: 'Linux',
            osSKU: pool.osSku,
            vmSize: pool.vmSize,
            count: pool.count,
            enableAutoScaling: true,
            minCount: pool.min,
            maxCount: pool.max,
            maxPods: pool.maxPods,
            enableNodePublicIP: false,
            orchestratorVersion: resolved.kubernetesVersion,
            vnetSubnetID: names.subnet('aks'),
          },
        ],
        ...(preprovisioned
          ? { identityProfile: { kubeletidentity: kubeletIdentity(userAssigned(names.kubeletIdentity)) } }
          : {}),
      },
    },
    dependsOn: ['R-VNET', ...(preprovisioned ? ['R-RA-KUBELET', 'R-RA-SUBNET', 'R-RA-MAIN'] : [])],
    purpose: 'The cluster',
    rules: clusterRules,
  });
}

function kubeletIdentity(id: string): ResourceObject {
  return {
    resourceId: id,
    clientId: runtime('R-ID-KUBELET', 'properties.clientId'),
    objectId: runtime('R-ID-KUBELET', 'properties.principalId'),
  };
}

/** With identities of its own the cluster gets its rights before it exists; otherwise they can only be given afterwards. */
function assignments(names: Names, preprovisioned: boolean): ArmResource[] {
  const { scope } = names;
  const stageOf = preprovisioned ? 'S3' : 'S5a';
  const kubeletPrincipal = preprovisioned
    ? runtime('R-ID-KUBELET', 'properties.principalId')
    : runtime('R-AKS', 'properties.identityProfile.kubeletidentity.objectId');
  const clusterPrincipal = preprovisioned
    ? runtime('R-ID-CONTROLPLANE', 'properties.principalId')
    : runtime('R-AKS', 'identity.principalId');
  return [
    assignment({
      id: 'R-RA-MAIN',
      stage: stageOf,
      scope,
      role: 'contributor',
      subject: `${names.cluster}#kubelet`,
      principalId: kubeletPrincipal,
      dependsOn: preprovisioned ? ['R-ID-KUBELET'] : ['R-AKS'],
      purpose: 'The nodes may use the network and the identity of the group',
    }),
    assignment({
      id: 'R-RA-SUBNET',
      stage: stageOf,
      scope,
      target: names.subnet('aks'),
      role: 'networkContributor',
      subject: `${names.cluster}#controlplane`,
      principalId: clusterPrincipal,
      dependsOn: preprovisioned ? ['R-ID-CONTROLPLANE', 'R-VNET'] : ['R-AKS'],
      purpose: 'The cluster may use its subnet, which the Azure CLI grants silently',
    }),
    assignment({
      id: 'R-RA-NODE',
      stage: 'S5b',
      scope: names.nodeScope,
      role: 'contributor',
      subject: `${names.cluster}#kubelet`,
      principalId: kubeletPrincipal,
      dependsOn: ['R-AKS'],
      purpose: 'The nodes may create container groups in their group',
    }),
  ];
}

function secret(config: Uid2Vn2Config, names: Names): ArmResource[] {
  if (!keyIsWritten(config)) return [];
  return [
    resource({
      id: 'R-SECRET',
      stage: 'S6',
      scope: names.scope,
      type: 'Microsoft.KeyVault/vaults/secrets',
      name: `${config.vault.name}/${config.vault.secretName}`,
      body: {
        tags: { keyFingerprint: { $parameter: 'keyFingerprint' } },
        properties: {
          value: { $parameter: 'operatorKey' },
          contentType: 'text/plain',
          attributes: { enabled: true },
        },
      },
      dependsOn: ['R-KV'],
      purpose: 'The operator key; written only when the fingerprint says that it is another one',
    }),
  ];
}

/** The stages with their tests. */
export function uid2Stages(config: Uid2Vn2Config): readonly Stage[] {
  const release = config.virtualNode.releaseName;
  const node = `${release.includes('virtualnode') ? release : `${release}-virtualnode`}-0`;
  return [
    stage('S0'),
    stage('S1'),
    stage('S2'),
    stage('S3'),
    stage('S4', [
      { kind: 'field', resource: 'R-AKS', path: 'properties.provisioningState', equals: 'Succeeded' },
      { kind: 'field', resource: 'R-AKS', path: 'properties.powerState.code', equals: 'Running' },
      { kind: 'field', resource: 'R-AKS', path: 'properties.identityProfile.kubeletidentity.objectId' },
    ]),
    stage('S5a'),
    stage('S5b'),
    stage('S6'),
    stage('S7', [{ kind: 'node-ready', node, seconds: 60 }], `the node ${node} is ready for 60 s`, 'Virtual node'),
    stage('S8', undefined, undefined, 'Operator'),
    stage('S9', [{ kind: 'healthy', path: '/ops/healthcheck', body: 'OK', times: 3 }]),
  ];
}
