import { at, listAt, objectAt, textAt } from '../../bundle/shape.ts';
import type { PeerPodsConfig } from '../../config/peer-pods.ts';
import type { PrivateLinkConfig } from '../../config/private-link.ts';
import type { JsonObject } from '../../engine/ports.ts';
import { egressHosts } from '../../export/egress.ts';
import { apiVersions } from '../../graph/api-versions.ts';
import { agentPort, tunnelPort } from '../../graph/peer-pods.ts';
import { cidrOf } from '../../network/cidr.ts';
import type { NetworkFacts, PodVmPeering, SubnetFacts } from '../facts.ts';
import { groupPath, lastPart, readAll, readOne, sameId, textsAt } from './gather-context.ts';
import type { GatherContext } from './gather-context.ts';
import { closingRule } from './nsg-rules.ts';

const NETWORKS = apiVersions['Microsoft.Network/virtualNetworks'];
const GROUPS = apiVersions['Microsoft.Network/networkSecurityGroups'];
const ZONES = apiVersions['Microsoft.Network/privateDnsZones'];
const PEER_POD_FLOWS: readonly { readonly port: number; readonly protocol?: 'udp' }[] = [
  { port: agentPort },
  { port: tunnelPort },
  { port: tunnelPort, protocol: 'udp' },
];
const PROBE_MS = 5000;

/** The networks that exist, who is connected to them, and what can be reached. */
export async function gatherNetwork(context: GatherContext): Promise<NetworkFacts> {
  const { config } = context;
  const ids = networkIds(context);
  const networks = (await Promise.all(ids.map(async (id) => await readOne(context, id, NETWORKS)))).filter(
    (network) => network !== undefined,
  );
  const blockedHosts = await blockedHostsOf(context);
  return {
    subnets: networks.flatMap((network) => listAt(network, 'properties', 'subnets').map(subnetFacts)),
    connected: networks.flatMap((network) => peers(network, ids)),
    ...(blockedHosts === undefined ? {} : { blockedHosts }),
    ...(config.profile === 'peer-pods' ? await peerPodPorts(context, config) : {}),
    ...(config.profile === 'peer-pods' ? podVmPeerings(networks, ids) : {}),
    ...(config.profile === 'private-link' && networks.length > 0
      ? { privateNames: await privateNames(context, config) }
      : {}),
  };
}

function networkId(context: GatherContext, name: string, group?: string): string {
  return `${groupPath(context, group)}/providers/Microsoft.Network/virtualNetworks/${name}`;
}

/** Networks that this deployment makes or changes. */
function networkIds(context: GatherContext): readonly string[] {
  const { config } = context;
  switch (config.profile) {
    case 'uid2-vn2':
    case 'private-link':
      return [networkId(context, config.network.vnet.name)];
    case 'peer-pods':
      return [
        ...(config.network.peerPods.mode === 'dedicatedVnet' ? [networkId(context, config.network.vnet.name)] : []),
        clusterNetworkId(context, config),
      ];
    default:
      return [];
  }
}

function clusterGroup({ subscriptionId }: GatherContext, { cluster }: PeerPodsConfig): string {
  return `/subscriptions/${cluster.subscriptionId ?? subscriptionId}/resourceGroups/${cluster.resourceGroup}`;
}

function clusterNetworkId(context: GatherContext, config: PeerPodsConfig): string {
  return `${clusterGroup(context, config)}/providers/Microsoft.Network/virtualNetworks/${config.cluster.vnet.name}`;
}

/** Members that leave through the load balancer of a cluster: nodes of AKS, in scale sets of its own group. */
const CLUSTER_NODE = /\/virtualMachineScaleSets\/aks-/i;
/** What Azure puts into a subnet for container groups. */
const CONTAINER_GROUP = /\/(networkProfiles|containerGroups)\//i;

function subnetFacts(subnet: JsonObject | object): SubnetFacts {
  const properties = objectAt(subnet, 'properties');
  const members = [...listAt(properties, 'ipConfigurations'), ...listAt(properties, 'ipConfigurationProfiles')].flatMap(
    (one) => textAt(one, 'id') ?? [],
  );
  const access = properties['defaultOutboundAccess'];
  return {
    name: textAt(subnet, 'name') ?? '',
    delegations: listAt(properties, 'delegations').flatMap((one) => textAt(one, 'properties', 'serviceName') ?? []),
    nat: textAt(properties, 'natGateway', 'id') !== undefined,
    members: members.length,
    otherEgress: textAt(properties, 'routeTable', 'id') !== undefined || members.some((id) => CLUSTER_NODE.test(id)),
    foreignResources: members.filter((id) => !CONTAINER_GROUP.test(id)).map(ownerOf),
    defaultOutboundAccess: typeof access === 'boolean' ? access : undefined,
  };
}

/** `…/networkInterfaces/name/ipConfigurations/x` is about the interface. */
function ownerOf(id: string): string {
  return lastPart(id.replace(/\/ipConfigurations\/[^/]*$/i, ''));
}

/** Ranges of the networks that are peered with one, those of this deployment left out. */
function peers(network: JsonObject, own: readonly string[]): NetworkFacts['connected'] {
  return listAt(network, 'properties', 'virtualNetworkPeerings')
    .filter((peering) => !own.some((id) => sameId(id, textAt(peering, 'properties', 'remoteVirtualNetwork', 'id'))))
    .flatMap((peering) => {
      const name = lastPart(
        textAt(peering, 'properties', 'remoteVirtualNetwork', 'id') ?? textAt(peering, 'name') ?? '',
      );
      const space = objectAt(peering, 'properties');
      const prefixes = [
        ...textsAt(space, 'remoteVirtualNetworkAddressSpace', 'addressPrefixes'),
        ...textsAt(space, 'remoteAddressSpace', 'addressPrefixes'),
      ];
      return [...new Set(prefixes)].map((cidr) => ({ name, cidr }));
    });
}

/** How the networks of pod VMs and cluster see each other; nothing before both exist. */
function podVmPeerings(
  networks: readonly JsonObject[],
  [podVmNetwork, clusterNetwork]: readonly string[],
): Pick<NetworkFacts, 'podVmPeerings'> {
  const [podVms, cluster] = [podVmNetwork, clusterNetwork].map((id) =>
    networks.find((network) => sameId(id, textAt(network, 'id'))),
  );
  if (podVms === undefined || cluster === undefined) return {};
  const seen = (direction: string, network: JsonObject, remote: string | undefined): PodVmPeering => {
    const peering = listAt(network, 'properties', 'virtualNetworkPeerings').find((one) =>
      sameId(remote, textAt(one, 'properties', 'remoteVirtualNetwork', 'id')),
    );
    const state = textAt(peering, 'properties', 'peeringState');
    return { direction, state, access: at(peering, 'properties', 'allowVirtualNetworkAccess') !== false };
  };
  return {
    podVmPeerings: [seen('to the cluster', podVms, clusterNetwork), seen('from the cluster', cluster, podVmNetwork)],
  };
}

/** Ports between workers and pod VMs that a security group of either side closes. */
async function peerPodPorts(
  context: GatherContext,
  config: PeerPodsConfig,
): Promise<Pick<NetworkFacts, 'closedPorts'>> {
  const workers = cidrOf(config.cluster.workerSubnet.cidr);
  const dedicated = config.network.peerPods.mode === 'dedicatedVnet';
  const podVms = dedicated ? cidrOf(config.network.subnet.cidr) : workers;
  if (workers === undefined || podVms === undefined) return {};
  const securityGroups = '/providers/Microsoft.Network/networkSecurityGroups/';
  const [ofWorkers, ofPodVms] = await Promise.all([
    readOne(context, `${clusterGroup(context, config)}${securityGroups}${config.cluster.networkSecurityGroup}`, GROUPS),
    dedicated
      ? readOne(context, `${groupPath(context)}${securityGroups}${config.network.nsg.name}`, GROUPS)
      : undefined,
  ]);
  // Without both ends there is nothing to say yet; within the worker subnet one group is both.
  if (ofWorkers === undefined || (dedicated && ofPodVms === undefined)) return {};
  const ends = {
    workers: { range: workers, group: ofWorkers },
    podVms: { range: podVms, group: ofPodVms ?? ofWorkers },
  };
  const ways = [
    { direction: 'from workers to pod VMs', from: ends.workers, to: ends.podVms },
    { direction: 'from pod VMs to workers', from: ends.podVms, to: ends.workers },
  ];
  return {
    closedPorts: ways.flatMap(({ direction, from, to }) =>
      PEER_POD_FLOWS.flatMap((wanted) => {
        const flow = { ...wanted, from: from.range, to: to.range };
        const rule =
          closingRule(from.group, { ...flow, direction: 'Outbound' }) ??
          closingRule(to.group, { ...flow, direction: 'Inbound' });
        if (rule === undefined) return [];
        return [
          {
            port: wanted.port,
            ...(wanted.protocol === undefined ? {} : { protocol: 'UDP' as const }),
            direction,
            rule,
          },
        ];
      }),
    ),
  };
}

/** What the private zones of vault and Redis say: their records, and whether the network asks them. */
async function privateNames(
  context: GatherContext,
  config: PrivateLinkConfig,
): Promise<NonNullable<NetworkFacts['privateNames']>> {
  const network = networkId(context, config.network.vnet.name);
  const wanted = [
    { zone: 'privatelink.vaultcore.azure.net', host: config.vault.name },
    { zone: 'privatelink.redis.cache.windows.net', host: config.redis.name },
  ];
  const found = await Promise.all(
    wanted.map(async ({ zone, host }) => {
      const id = `${groupPath(context)}/providers/Microsoft.Network/privateDnsZones/${zone}`;
      const record = await readOne(context, `${id}/A/${host}`, ZONES);
      // No zone or no record yet: the deployment makes them.
      const [address] = listAt(record, 'properties', 'aRecords').flatMap((one) => textAt(one, 'ipv4Address') ?? []);
      if (address === undefined) return [];
      const links = await readAll(context, `${id}/virtualNetworkLinks`, ZONES);
      const linked = links.some((link) => sameId(textAt(link, 'properties', 'virtualNetwork', 'id'), network));
      return [{ name: `${host}.${zone}`, address, linked }];
    }),
  );
  return found.flat();
}

/** Hosts that do not answer from here: a hint, because the pods take another way. Undefined when nobody can be asked. */
async function blockedHostsOf({ config, ports, signal }: GatherContext): Promise<readonly string[] | undefined> {
  const { http } = ports;
  if (http === undefined || config.profile !== 'uid2-vn2') return undefined;
  const hosts = egressHosts(config)
    // Names with a star cannot be asked; the vault may not exist yet, and then has no address.
    .filter(({ host, ports: open }) => !host.includes('*') && !host.endsWith('.vault.azure.net') && open.includes(443))
    .map(({ host }) => host);
  const answers = await Promise.all(
    hosts.map(async (host): Promise<readonly string[]> => {
      try {
        await http.get(`https://${host}/`, { timeoutMs: PROBE_MS, signal });
        return [];
      } catch {
        // Any answer is one; what counts is that there was none.
        return [host];
      }
    }),
  );
  return answers.flat();
}

/** The attestation provider of confidential containers, when the configuration names one that must exist. */
export async function gatherAttestationProvider(
  context: GatherContext,
): Promise<{ readonly exists: boolean; readonly status?: string } | undefined> {
  const { config } = context;
  if (config.profile !== 'kata-cc') return undefined;
  const { endpoint } = config.attestation;
  if (typeof endpoint === 'string' || endpoint.create) return undefined;
  const id = `${groupPath(context, endpoint.resourceGroup)}/providers/Microsoft.Attestation/attestationProviders/${endpoint.provider}`;
  const provider = await readOne(context, id, apiVersions['Microsoft.Attestation/attestationProviders']);
  const status = textAt(provider, 'properties', 'status');
  return { exists: at(provider, 'id') !== undefined, ...(status === undefined ? {} : { status }) };
}
