import type { PrivateLinkConfig } from '../config/private-link.ts';
import type { DeploymentConfig } from '../config/profiles.ts';
import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import type { ConfigPath } from '../config/yaml-places.ts';
import { cidrOf } from '../network/cidr.ts';
import type { Cidr } from '../network/cidr.ts';

export interface Range {
  readonly what: string;
  readonly text: string;
  readonly path: ConfigPath;
}

interface NetworkPlan {
  readonly network: Range;
  readonly subnets: readonly Range[];
}

/** The ranges of a configuration by what they are. */
interface Ranges {
  /** The networks themselves. */
  readonly networks: readonly Range[];
  /** Each network with its subnets. */
  readonly plans: readonly NetworkPlan[];
  readonly services: readonly Range[];
  readonly connected: readonly Range[];
  /** Public ranges that are allowed to be anything. */
  readonly sources: readonly Range[];
}

export const range = (what: string, text: string, ...path: ConfigPath): Range => ({ what, text, path });

/** Every range that a configuration gives. */
export function rangesOf(config: DeploymentConfig): Ranges {
  const plans = plansOf(config);
  return {
    plans,
    networks: plans.map(({ network }) => network),
    services: servicesOf(config),
    connected:
      config.profile === 'kata-cc'
        ? []
        : config.network.connected.map(({ name, cidr }, index) =>
            range(name, cidr, 'network', 'connected', index, 'cidr'),
          ),
    sources: sourcesOf(config),
  };
}

function plansOf(config: DeploymentConfig): readonly NetworkPlan[] {
  switch (config.profile) {
    case 'kata-cc':
      return [];
    case 'uid2-vn2': {
      const { default: spare, cg } = config.network.subnets;
      return [
        {
          network: range('the network', config.network.vnet.cidr, 'network', 'vnet', 'cidr'),
          subnets: [
            range('the subnet default', spare, 'network', 'subnets', 'default'),
            nodeSubnet(config),
            range(`the subnet ${cg.name}`, cg.cidr, 'network', 'subnets', 'cg', 'cidr'),
          ],
        },
      ];
    }
    case 'peer-pods': {
      const { cluster, network } = config;
      const own = {
        network: range('the network of the pod VMs', network.vnet.cidr, 'network', 'vnet', 'cidr'),
        subnets: [range('the subnet of the pod VMs', network.subnet.cidr, 'network', 'subnet', 'cidr')],
      };
      return [
        {
          network: range('the network of the cluster', cluster.vnet.cidr, 'cluster', 'vnet', 'cidr'),
          subnets: [range('the worker subnet', cluster.workerSubnet.cidr, 'cluster', 'workerSubnet', 'cidr')],
        },
        ...(network.peerPods.mode === 'dedicatedVnet' ? [own] : []),
      ];
    }
    default:
      return [
        {
          network: range('the network', config.network.vnet.cidr, 'network', 'vnet', 'cidr'),
          subnets: [
            nodeSubnet(config),
            range('the subnet endpoints', config.network.subnets.endpoints, 'network', 'subnets', 'endpoints'),
          ],
        },
      ];
  }
}

function nodeSubnet(config: Uid2Vn2Config | PrivateLinkConfig): Range {
  return range('the subnet aks', config.network.subnets.aks, 'network', 'subnets', 'aks');
}

function servicesOf(config: DeploymentConfig): readonly Range[] {
  switch (config.profile) {
    case 'kata-cc':
      return [];
    case 'peer-pods':
      return [
        range('the range of Services', config.cluster.serviceCidr, 'cluster', 'serviceCidr'),
        range('the range of pods', config.cluster.podCidr, 'cluster', 'podCidr'),
      ];
    default:
      return [range('the range of Services', config.aks.serviceCidr, 'aks', 'serviceCidr')];
  }
}

function sourcesOf(config: DeploymentConfig): readonly Range[] {
  const allowed = (sources: readonly string[], ...path: ConfigPath): readonly Range[] =>
    sources.map((text, index) => range('an allowed source', text, ...path, 'allowedSources', index));
  if (config.profile === 'uid2-vn2') return allowed(config.operator.exposure.allowedSources, 'operator', 'exposure');
  if (config.profile === 'private-link') return allowed(config.vault.allowedSources, 'vault');
  return [];
}

export type Parsed = Range & { readonly cidr: Cidr };

/** Ranges that cannot be read are found by NW-01 alone. */
export function parsed(ranges: readonly Range[]): readonly Parsed[] {
  return ranges.flatMap((one) => {
    const cidr = cidrOf(one.text);
    return cidr === undefined ? [] : [{ ...one, cidr }];
  });
}

export function pairs<T>(items: readonly T[]): readonly (readonly [T, T])[] {
  return items.flatMap((a, index) => items.slice(index + 1).map((b) => [a, b] as const));
}
