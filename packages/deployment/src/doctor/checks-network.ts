import type { DeploymentConfig } from '../config/profiles.ts';
import {
  aksReservedRanges,
  cidrOf,
  contains,
  containsAddress,
  lastAddress,
  overlaps,
  parseAddress,
  parseCidr,
  privateRanges,
  sharedRange,
  suggestServiceCidr,
  usableAddresses,
} from '../network/cidr.ts';
import type { Cidr } from '../network/cidr.ts';
import { check, checkFor, notChecked } from './check.ts';
import type { Check, Finding } from './check.ts';
import { pairs, parsed, range, rangesOf } from './config-ranges.ts';
import type { Parsed, Range } from './config-ranges.ts';

const overlap = (a: Parsed, b: Parsed): Finding => ({
  message: `${a.what} ${a.text} and ${b.what} ${b.text} overlap`,
  path: a.path,
});

/** Networks and their subnets. */
const planned = (config: DeploymentConfig): readonly Range[] =>
  rangesOf(config).plans.flatMap(({ network, subnets }) => [network, ...subnets]);

export const networkPlanChecks: readonly Check[] = [
  check({
    id: 'NW-01',
    title: 'Address ranges are written correctly',
    severity: 'error',
    explanation: 'Four decimal numbers without leading zeros, a length, and nothing behind the length.',
    remedy: 'Write the range as the message suggests.',
    run: (config) => {
      const { services, connected, sources } = rangesOf(config);
      return [...planned(config), ...services, ...connected, ...sources].flatMap(({ text, path }): Finding[] => {
        const result = parseCidr(text);
        if (!('reason' in result)) return [];
        const hint = result.suggestion === undefined ? '' : `; the range is ${result.suggestion}`;
        return [{ message: `"${text}" ${result.reason}${hint}`, path }];
      });
    },
  }),
  check({
    id: 'NW-02',
    title: 'Subnets lie in their network, apart from each other',
    severity: 'error',
    explanation: 'Azure refuses subnets outside the network or on top of each other.',
    remedy: 'Choose ranges inside the network that do not overlap.',
    run: (config) => [
      ...subnetNames(config),
      ...rangesOf(config).plans.flatMap(({ network, subnets }) => {
        const whole = cidrOf(network.text);
        const known = parsed(subnets);
        const outside = known.filter(({ cidr }) => whole !== undefined && !contains(whole, cidr));
        return [
          ...outside.map(({ what, text, path }) => ({
            message: `${what} ${text} is not inside ${network.what} ${network.text}`,
            path,
          })),
          ...pairs(known).flatMap(([a, b]) => (overlaps(a.cidr, b.cidr) ? [overlap(b, a)] : [])),
        ];
      }),
    ],
  }),
  check({
    id: 'NW-03',
    title: 'Networks and subnets have a size that Azure takes',
    severity: 'error',
    explanation: 'From /2 to /29.',
    remedy: 'Choose a length from 2 to 29.',
    run: (config) =>
      parsed(planned(config))
        .filter(({ cidr }) => cidr.length < 2 || cidr.length > 29)
        .map(({ what, text, path }) => ({ message: `${what} ${text} is not between /2 and /29`, path })),
  }),
  check({
    id: 'NW-04',
    title: 'Ranges are private, and none that AKS keeps for itself',
    severity: 'error',
    explanation: 'AKS keeps 169.254.0.0/16, 172.30.0.0/16, 172.31.0.0/16 and 192.0.2.0/24 for itself.',
    remedy: 'Choose ranges from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16.',
    run: (config) => {
      // OpenShift's Services are in one of the ranges that only AKS keeps.
      const onAks = config.profile !== 'peer-pods';
      const all = parsed([...planned(config), ...(onAks ? rangesOf(config).services : [])]);
      return all.flatMap(({ what, text, path, cidr }): Finding[] => {
        const reserved = onAks ? aksReservedRanges.find((one) => overlaps(one, cidr)) : undefined;
        if (reserved !== undefined)
          return [{ message: `${what} ${text} overlaps ${reserved.text}, which AKS keeps`, path }];
        if (privateRanges.some((one) => contains(one, cidr))) return [];
        if (contains(sharedRange, cidr))
          return [{ message: `${what} ${text} is a shared range`, path, severity: 'warning' }];
        return [{ message: `${what} ${text} is not private`, path }];
      });
    },
  }),
  checkFor(['uid2-vn2', 'private-link'], {
    id: 'NW-05',
    title: 'The range of Services has a usable size, and the DNS address lies in it',
    severity: 'error',
    explanation:
      'The first address belongs to the API server, the last is the broadcast address; the range is smaller than /12.',
    remedy: 'Use the tenth address of the range, as the guide does.',
    run: (config) => {
      const { serviceCidr, dnsServiceIp } = config.aks;
      const cidr = cidrOf(serviceCidr);
      if (cidr === undefined) return [];
      const path = ['aks', 'serviceCidr'];
      const found: Finding[] = [];
      if (cidr.length < 12) found.push({ message: `${serviceCidr} is larger than /12`, path });
      if (cidr.length === 12)
        found.push({ message: `${serviceCidr} should be smaller than /12`, path, severity: 'warning' });
      const problem = dnsProblem(dnsServiceIp, cidr);
      if (problem !== undefined) found.push({ message: problem, path: ['aks', 'dnsServiceIp'] });
      return found;
    },
  }),
  check({
    id: 'NW-06',
    title: 'The range of Services is used for nothing else',
    severity: 'error',
    explanation: 'On top of a subnet nothing works; inside the network it works, and blocks future subnets there.',
    remedy: 'Choose another range, such as the one in the message.',
    run: (config) => {
      const { networks, plans, services, connected } = rangesOf(config);
      const known = parsed([...networks, ...connected]).map(({ cidr }) => cidr);
      const suggestion = suggestServiceCidr(known);
      const hint = suggestion === undefined ? '' : `; ${suggestion} is free`;
      return parsed(services).flatMap((service): Finding[] => {
        const subnets = parsed(plans.flatMap((plan) => plan.subnets));
        const hit = subnets.find(({ cidr }) => overlaps(cidr, service.cidr));
        if (hit !== undefined)
          return [{ ...overlap(service, hit), message: `${overlap(service, hit).message}${hint}` }];
        const inside = parsed(networks).find(({ cidr }) => overlaps(cidr, service.cidr));
        if (inside === undefined) return [];
        return [
          {
            message: `${service.what} ${service.text} lies inside ${inside.what} ${inside.text}${hint}`,
            path: service.path,
            severity: 'warning',
          },
        ];
      });
    },
  }),
  checkFor(['uid2-vn2', 'private-link'], {
    id: 'NW-07',
    title: 'The subnet of the nodes has enough addresses',
    severity: 'error',
    explanation: 'Every pod takes an address of its own, on the most nodes and on one more while they are upgraded.',
    remedy: 'Enlarge the subnet, or lower the number of nodes or of pods on each.',
    run: (config) => {
      const { pool } = config.aks;
      const most = 'max' in pool ? pool.max : pool.count;
      const cidr = cidrOf(config.network.subnets.aks);
      const needed = (most + 1) * (pool.maxPods + 1);
      if (cidr === undefined || usableAddresses(cidr) >= needed) return [];
      return [
        {
          message: `${most} nodes with ${pool.maxPods} pods need ${needed} addresses, ${cidr.text} has ${usableAddresses(cidr)}`,
          path: ['network', 'subnets', 'aks'],
        },
      ];
    },
  }),
  check({
    id: 'NW-08',
    title: 'Nothing overlaps with connected networks',
    severity: 'error',
    explanation: 'Peered networks and networks on premises must be apart from the network and from the Services.',
    remedy: 'Choose other ranges.',
    run: (config, { azure }) => {
      const { networks, services, connected } = rangesOf(config);
      const live = (azure?.network?.connected ?? []).map(({ name, cidr }) => range(name, cidr));
      const own = parsed([...networks, ...services]);
      const others = parsed([...connected, ...live]);
      const peers = config.profile === 'peer-pods' ? pairs(parsed(networks)) : [];
      const crossed = own.flatMap((a) => others.map((b) => [a, b] as const));
      // Of peer pods the Services and pods of the cluster must be apart from the network of the pod VMs.
      const inside =
        config.profile === 'peer-pods'
          ? parsed(services).flatMap((a) => parsed(networks.slice(1)).map((b) => [a, b] as const))
          : [];
      return [...peers, ...crossed, ...inside].flatMap(([a, b]) => (overlaps(a.cidr, b.cidr) ? [overlap(a, b)] : []));
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'NW-09',
    title: 'The subnet of the container groups is ready for them',
    severity: 'error',
    explanation:
      'It is delegated to container groups, has the NAT gateway, holds nothing else, and has room for all pods.',
    remedy: 'Correct what the message names; the deployment does it for a subnet that it creates.',
    run: (config, { azure }) => {
      const { name, cidr: text } = config.network.subnets.cg;
      const path = ['network', 'subnets', 'cg', 'cidr'];
      const cidr = cidrOf(text);
      const pods = config.operator.replicas * 2;
      const found: Finding[] = [];
      if (cidr !== undefined && usableAddresses(cidr) < pods + 5) {
        found.push({ message: `${pods} pods do not fit ${text}`, path });
      }
      const live = azure?.network?.subnets.find((subnet) => subnet.name === name);
      if (live === undefined) return found;
      if (!live.delegations.includes('Microsoft.ContainerInstance/containerGroups'))
        found.push({ message: `${name} is not delegated to container groups` });
      if (!live.nat) found.push({ message: `${name} has no NAT gateway` });
      if (live.foreignResources.length > 0)
        found.push({ message: `${name} also holds ${live.foreignResources.join(', ')}` });
      return found;
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'NW-10',
    title: 'The virtual node looks for the right subnet',
    severity: 'error',
    explanation: 'It finds the subnet by name.',
    remedy: 'Leave virtualNode.aciSubnetName out.',
    run: (config) => {
      const { aciSubnetName } = config.virtualNode;
      const { name } = config.network.subnets.cg;
      if (aciSubnetName === undefined || aciSubnetName === name || aciSubnetName.startsWith('/')) return [];
      return [
        {
          message: `it looks for ${aciSubnetName}, the subnet is called ${name}`,
          path: ['virtualNode', 'aciSubnetName'],
        },
      ];
    },
  }),
];

/** The subnet of the container groups is named by the configuration, the other two are not. */
function subnetNames(config: DeploymentConfig): readonly Finding[] {
  if (config.profile !== 'uid2-vn2') return [];
  const { name } = config.network.subnets.cg;
  if (!['default', 'aks'].includes(name.toLowerCase())) return [];
  return [{ message: `two subnets would be called ${name}`, path: ['network', 'subnets', 'cg', 'name'] }];
}

function dnsProblem(text: string, cidr: Cidr): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return `"${text}" is not an IPv4 address`;
  if (!containsAddress(cidr, address)) return `${text} is not inside ${cidr.text}`;
  if (address === cidr.base) return `${text} is the address of the range itself`;
  if (address === cidr.base + 1) return `${text} belongs to the API server (kubernetes.default)`;
  return address === lastAddress(cidr) ? `${text} is the broadcast address` : undefined;
}

export const networkStateChecks: readonly Check[] = [
  checkFor(['peer-pods'], {
    id: 'NW-11',
    title: 'Workers and pod VMs reach each other',
    severity: 'error',
    needs: ['azure'],
    explanation: 'TCP 15150 and 9000, and UDP 9000 for the tunnel, in both directions, whatever other rules say.',
    remedy: 'Allow the port in the named rule’s group with a lower priority number.',
    run: (_config, { azure }) => {
      const closed = azure?.network?.closedPorts;
      if (closed === undefined) return notChecked;
      return closed.map(({ port, protocol = 'TCP', direction, rule }) => ({
        message: `${protocol} ${port} ${direction} is closed by ${rule}`,
      }));
    },
  }),
  checkFor(['uid2-vn2'], {
    id: 'NW-12',
    title: 'The API server is open to the virtual node',
    severity: 'error',
    explanation: 'Virtual nodes do not work with authorised address ranges.',
    remedy: 'Remove the authorised ranges.',
    run: (config, { azure }) => {
      const ranges = [...config.aks.authorizedIpRanges, ...(azure?.cluster?.authorizedIpRanges ?? [])];
      return ranges.length === 0
        ? []
        : [{ message: `the API server is restricted to ${ranges.join(', ')}`, path: ['aks', 'authorizedIpRanges'] }];
    },
  }),
  check({
    id: 'NW-13',
    title: 'Everything that must be reached can be',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'The hosts are listed in the deployment guide; firewalls must allow them by name.',
    remedy: 'Add the hosts to the firewall.',
    run: (_config, { azure }) =>
      azure?.network?.blockedHosts === undefined
        ? notChecked
        : azure.network.blockedHosts.map((host) => ({ message: `${host} cannot be reached` })),
  }),
  checkFor(['uid2-vn2'], {
    id: 'NW-14',
    title: 'The cluster has a network plugin that virtual nodes work with',
    severity: 'error',
    needs: ['azure'],
    explanation: 'Pods need addresses of the subnet: neither overlay nor kubenet. Calico or no policy is documented.',
    remedy: 'Create the cluster with the network plugin azure, without overlay, and with calico.',
    run: (_config, { azure }) => {
      if (azure?.cluster === undefined) return notChecked;
      const { networkPlugin, networkPluginMode, networkPolicy, dataplane } = azure.cluster;
      const found: Finding[] = [];
      if (networkPlugin !== 'azure' || networkPluginMode === 'overlay') {
        found.push({
          message: `the network plugin is ${networkPlugin}${networkPluginMode === undefined ? '' : ` ${networkPluginMode}`}`,
        });
      }
      if (dataplane === 'cilium' || networkPolicy === 'cilium' || networkPolicy === 'azure') {
        found.push({ message: `the network policy is ${networkPolicy ?? dataplane}`, severity: 'warning' });
      }
      return found;
    },
  }),
  check({
    id: 'NW-15',
    title: 'Every subnet with members has a way out',
    severity: 'warning',
    needs: ['azure'],
    explanation: 'Newer versions of the interface make subnets private by default.',
    remedy: 'Attach a NAT gateway.',
    run: (_config, { azure }) => {
      if (azure?.network === undefined) return notChecked;
      return azure.network.subnets
        .filter(
          ({ members, nat, otherEgress, defaultOutboundAccess }) =>
            members > 0 && !nat && !otherEgress && defaultOutboundAccess === undefined,
        )
        .map(({ name }) => ({ message: `${name} relies on the default way out` }));
    },
  }),
];
