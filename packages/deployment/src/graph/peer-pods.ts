import type { PeerPodsConfig } from '../config/peer-pods.ts';
import { natGateway, publicIp, virtualNetwork } from './network-parts.ts';
import { groupResource, idsIn, registration, resource } from './parts.ts';
import { firstStages, stage } from './stages.ts';
import type { Stage } from './stages.ts';
import type { ArmResource, Graph, GraphNode, Resolved, ResourceObject, Scope } from './types.ts';

/** Between the Kata shim on the worker and the agent in the pod VM: TCP. */
export const agentPort = 15_150;
/** The tunnel of the pod network, for which the guide says no protocol and the adaptor uses UDP. */
export const tunnelPort = 9_000;
const peerPodPorts = [agentPort, tunnelPort] as const;

function peerPodsNames(config: PeerPodsConfig, subscriptionId: string) {
  const scope: Scope = { subscriptionId, resourceGroup: config.resourceGroup.name };
  const clusterScope: Scope = {
    subscriptionId: config.cluster.subscriptionId ?? subscriptionId,
    resourceGroup: config.cluster.resourceGroup,
  };
  const at = idsIn(scope);
  const vnetType = 'Microsoft.Network/virtualNetworks';
  return {
    scope,
    clusterScope,
    nat: at('Microsoft.Network/natGateways', config.network.nat.name),
    publicIp: at('Microsoft.Network/publicIPAddresses', config.network.publicIp.name),
    vnet: at(vnetType, config.network.vnet.name),
    clusterVnet: idsIn(clusterScope)(vnetType, config.cluster.vnet.name),
    nsg: at('Microsoft.Network/networkSecurityGroups', config.network.nsg.name),
  };
}

type Names = ReturnType<typeof peerPodsNames>;

/** Ids of the subnet and the network security group that the machines of peer pods are put into. */
export function podVmPlaces(
  config: PeerPodsConfig,
  subscriptionId: string,
): { readonly subnet: string; readonly nsg: string } {
  const { vnet, clusterVnet, nsg, clusterScope } = peerPodsNames(config, subscriptionId);
  const { network, cluster } = config;
  if (network.peerPods.mode === 'dedicatedVnet') return { subnet: `${vnet}/subnets/${network.subnet.name}`, nsg };
  return {
    subnet: `${clusterVnet}/subnets/${cluster.workerSubnet.name}`,
    nsg: idsIn(clusterScope)('Microsoft.Network/networkSecurityGroups', cluster.networkSecurityGroup),
  };
}

/** The network that OpenShift peer pods need: a way out for the pod VMs, and two ports between them and the workers. */
export function peerPodsGraph(config: PeerPodsConfig, resolved: Resolved): Graph {
  const names = peerPodsNames(config, resolved.subscriptionId);
  const { scope } = names;
  const { location } = config;
  const nodes: GraphNode[] = [
    registration({ id: 'P-PROVIDERS', providers: ['Microsoft.Network', 'Microsoft.Compute'] }),
    groupResource('P-RG', scope, location, config.resourceGroup.tags),
    publicIp({ id: 'P-PIP', scope, name: config.network.publicIp.name, location, dependsOn: ['P-RG'] }),
    natGateway({
      id: 'P-NAT',
      scope,
      name: config.network.nat.name,
      location,
      addressId: names.publicIp,
      idleTimeoutMinutes: config.network.nat.idleTimeoutMinutes,
      dependsOn: ['P-PIP'],
    }),
    ...(config.network.peerPods.mode === 'dedicatedVnet' ? dedicated(config, names) : shared(config, names)),
  ];
  return { profile: config.profile, nodes, parameters: {} };
}

function dedicated(config: PeerPodsConfig, names: Names): ArmResource[] {
  const { network, cluster, location } = config;
  const { scope, clusterScope } = names;
  const workers = cluster.workerSubnet.cidr;
  const podVms = network.subnet.cidr;
  return [
    resource({
      id: 'P-NSG',
      stage: 'S3',
      scope,
      type: 'Microsoft.Network/networkSecurityGroups',
      name: network.nsg.name,
      body: {
        location,
        properties: {
          securityRules: ruleNames('from-workers').map(([name, port], index) => ({
            name,
            properties: inboundRule(port, workers, podVms, network.nsg.priority + index),
          })),
        },
      },
      dependsOn: ['P-RG'],
      purpose: 'Lets the workers reach the pod VMs',
      rules: { carryOver: ['tags', 'properties.securityRules'] },
    }),
    virtualNetwork({
      id: 'P-VNET',
      scope,
      network: network.vnet,
      location,
      subnets: [
        [
          network.subnet.name,
          {
            addressPrefix: podVms,
            natGateway: { id: names.nat },
            networkSecurityGroup: { id: names.nsg },
            defaultOutboundAccess: false,
          },
        ],
      ],
      dependsOn: ['P-NAT', 'P-NSG'],
      purpose: 'Network of the pod VMs',
    }),
    peering('P-PEER-B', scope, `${network.vnet.name}/${network.peering.toCluster}`, names.clusterVnet),
    peering('P-PEER-A', clusterScope, `${cluster.vnet.name}/${network.peering.toPodVms}`, names.vnet),
    ...workerRules(config, names, podVms, workers),
  ];
}

/** The worker subnet that exists gets the NAT gateway; nothing else of it changes. */
function shared(config: PeerPodsConfig, names: Names): ArmResource[] {
  const { vnet, workerSubnet } = config.cluster;
  return [
    resource({
      id: 'P-SUBNET',
      stage: 'S4',
      scope: names.clusterScope,
      type: 'Microsoft.Network/virtualNetworks/subnets',
      name: `${vnet.name}/${workerSubnet.name}`,
      body: { properties: { natGateway: { id: names.nat } } },
      dependsOn: ['P-NAT'],
      purpose: 'Way out for the pod VMs in the worker subnet',
      merge: true,
      rules: { carryOver: ['*'] },
    }),
    ...workerRules(config, names, workerSubnet.cidr, workerSubnet.cidr),
  ];
}

/** One in each direction: the first is Initiated, with the second both are Connected. */
function peering(id: string, scope: Scope, name: string, remote: string): ArmResource {
  return resource({
    id,
    stage: 'S4',
    scope,
    type: 'Microsoft.Network/virtualNetworks/virtualNetworkPeerings',
    name,
    body: {
      properties: {
        remoteVirtualNetwork: { id: remote },
        allowVirtualNetworkAccess: true,
        allowForwardedTraffic: false,
        allowGatewayTransit: false,
        useRemoteGateways: false,
      },
    },
    dependsOn: ['P-VNET'],
    purpose: 'Connects the networks of the cluster and of the pod VMs',
    rules: { immutable: ['properties.remoteVirtualNetwork.id'] },
  });
}

function workerRules(config: PeerPodsConfig, names: Names, from: string, to: string): ArmResource[] {
  const { cluster, network } = config;
  return ruleNames('from-pod-vms').map(([name, port], index) =>
    resource({
      id: `P-RULE-${port}`,
      stage: 'S4',
      scope: names.clusterScope,
      type: 'Microsoft.Network/networkSecurityGroups/securityRules',
      name: `${cluster.networkSecurityGroup}/${name}`,
      body: { properties: inboundRule(port, from, to, network.nsg.priority + index) },
      dependsOn: ['P-NAT'],
      purpose: 'Lets the pod VMs reach the workers',
    }),
  );
}

function ruleNames(direction: string): readonly (readonly [name: string, port: number])[] {
  return peerPodPorts.map((port) => [`peer-pods-${port}-${direction}`, port]);
}

function inboundRule(port: number, from: string, to: string, priority: number): ResourceObject {
  return {
    direction: 'Inbound',
    access: 'Allow',
    protocol: port === tunnelPort ? '*' : 'Tcp',
    priority,
    sourceAddressPrefix: from,
    sourcePortRange: '*',
    destinationAddressPrefix: to,
    destinationPortRange: String(port),
  };
}

export function peerPodsStages(config: PeerPodsConfig): readonly Stage[] {
  const peered = config.network.peerPods.mode === 'dedicatedVnet';
  return [
    ...firstStages,
    stage('S3', { title: 'Network of the pod VMs' }),
    stage('S4', {
      title: 'Network of the cluster',
      tests: peered
        ? [
            { kind: 'field', resource: 'P-PEER-A', path: 'properties.peeringState', equals: 'Connected' },
            { kind: 'field', resource: 'P-PEER-B', path: 'properties.peeringState', equals: 'Connected' },
            { kind: 'owned-fields-equal' },
          ]
        : [{ kind: 'owned-fields-equal' }],
      done: peered ? 'both peerings are Connected' : 'the worker subnet has the NAT gateway',
    }),
  ];
}
