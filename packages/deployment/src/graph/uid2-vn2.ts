import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import { virtualNodeName } from '../manifests/virtual-node-values.ts';
import { cluster, networkProfile } from './cluster-parts.ts';
import { assignment, identity } from './identity-parts.ts';
import { defaultNodeGroup } from './ids.ts';
import { natGateway, publicIp, virtualNetwork } from './network-parts.ts';
import { groupResource, idOf, idsIn, kubernetesSet, registration, runtime } from './parts.ts';
import { firstStages, healthStage, stage } from './stages.ts';
import type { Stage } from './stages.ts';
import type { ArmResource, Graph, GraphNode, Resolved, ResourceObject, Scope } from './types.ts';
import { keyVault, vaultSecret } from './vault-parts.ts';

/** Names and ids that follow from the configuration alone. */
export function uid2Names(config: Uid2Vn2Config, subscriptionId: string) {
  const scope: Scope = { subscriptionId, resourceGroup: config.resourceGroup.name };
  const nodeGroup =
    config.aks.nodeResourceGroup ?? defaultNodeGroup(config.resourceGroup.name, config.aks.name, config.location);
  const at = idsIn(scope);
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
    registration({
      id: 'R-PROVIDERS',
      providers: [
        'Microsoft.ContainerService',
        'Microsoft.ContainerInstance',
        'Microsoft.Network',
        'Microsoft.Compute',
        'Microsoft.Storage',
        'Microsoft.KeyVault',
        'Microsoft.ManagedIdentity',
      ],
    }),
    groupResource('R-RG', names.scope, config.location, config.resourceGroup.tags),
    ...network(config, names),
    ...vaultAndIdentity(config, resolved, names),
    ...(preprovisioned ? preprovisionedIdentities(config, names) : []),
    operatorCluster(config, resolved, names),
    ...assignments(names, preprovisioned),
    ...secret(config, names),
    kubernetesSet({
      id: 'R-VN',
      stage: 'S7',
      fieldManager: 'uid2-virtual-node',
      dependsOn: ['R-AKS', 'R-RA-MAIN', 'R-RA-NODE', 'R-RA-SUBNET', 'R-PROVIDERS'],
      purpose: 'Turns pods into confidential container groups',
    }),
    kubernetesSet({
      id: 'R-OP',
      stage: 'S8',
      fieldManager: 'uid2-operator',
      dependsOn: ['R-VN', 'R-RA-KV', ...(keyIsWritten(config) ? ['R-SECRET'] : [])],
      purpose: 'The operator',
    }),
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
    virtualNetwork({
      id: 'R-VNET',
      scope,
      network: vnet,
      location,
      subnets: [
        ['default', { addressPrefix: subnets.default }],
        ['aks', { addressPrefix: subnets.aks }],
        [subnets.cg.name, containerGroupSubnet(subnets.cg.cidr, names.nat)],
      ],
      immutable: ['properties.subnets[].properties.delegations'],
      dependsOn: ['R-NAT'],
      purpose:
        'Network of nodes and container groups; its subnets are written with it, because an omitted one is deleted',
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
      vault: config.vault,
      sku: config.vault.sku,
      location: config.location,
      tenantId: config.tenantId ?? resolved.tenantId,
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

function operatorCluster(config: Uid2Vn2Config, resolved: Resolved, names: Names): ArmResource {
  const { aks } = config;
  const { pool } = aks;
  const preprovisioned = aks.identityMode === 'preprovisioned';
  const userAssigned = (name: string): string =>
    idsIn(names.scope)('Microsoft.ManagedIdentity/userAssignedIdentities', name);
  return cluster({
    id: 'R-AKS',
    scope: names.scope,
    name: aks.name,
    location: config.location,
    resolved,
    tier: aks.tier,
    ...(preprovisioned
      ? {
          identity: {
            type: 'UserAssigned',
            userAssignedIdentities: { [userAssigned(names.controlPlaneIdentity)]: {} },
          },
        }
      : {}),
    dnsPrefix: aks.dnsPrefix,
    properties: {
      nodeResourceGroup: names.nodeGroup,
      enableRBAC: true,
      disableLocalAccounts: false,
      supportPlan: aks.supportPlan,
      autoUpgradeProfile: { upgradeChannel: aks.upgradeChannel },
      networkProfile: networkProfile({ networkPlugin: 'azure', networkPolicy: 'calico', aks }),
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
    dependsOn: ['R-VNET', ...(preprovisioned ? ['R-RA-KUBELET', 'R-RA-SUBNET', 'R-RA-MAIN'] : [])],
    purpose: 'The cluster',
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
    vaultSecret({
      id: 'R-SECRET',
      scope: names.scope,
      vault: config.vault,
      tags: { keyFingerprint: { $parameter: 'keyFingerprint' } },
      value: { $parameter: 'operatorKey' },
      dependsOn: ['R-KV'],
      purpose: 'The operator key; written only when the fingerprint says that it is another one',
    }),
  ];
}

/** The stages with their tests. */
export function uid2Stages(config: Uid2Vn2Config): readonly Stage[] {
  const node = `${virtualNodeName(config.virtualNode.releaseName)}-0`;
  return [
    ...firstStages,
    stage('S3'),
    stage('S4', {
      tests: [
        { kind: 'field', resource: 'R-AKS', path: 'properties.provisioningState', equals: 'Succeeded' },
        { kind: 'field', resource: 'R-AKS', path: 'properties.powerState.code', equals: 'Running' },
        { kind: 'field', resource: 'R-AKS', path: 'properties.identityProfile.kubeletidentity.objectId' },
      ],
    }),
    stage('S5a'),
    stage('S5b'),
    stage('S6'),
    stage('S7', {
      title: 'Virtual node',
      tests: [{ kind: 'node-ready', node, seconds: 60 }],
      done: `the node ${node} is ready for 60 s`,
    }),
    stage('S8', { title: 'Operator' }),
    healthStage('/ops/healthcheck', 'OK'),
  ];
}
