import type { DeploymentConfig } from '../config/profiles.ts';
import type { ConfigPath } from '../config/yaml-places.ts';
import { cidrOf } from '../network/cidr.ts';
import type { Cidr } from '../network/cidr.ts';

export interface Range {
  readonly what: string;
  readonly text: string;
  readonly path: ConfigPath;
}

/** The ranges of a configuration by what they are. */
export interface Ranges {
  readonly networks: readonly { readonly network: Range; readonly subnets: readonly Range[] }[];
  readonly services: readonly Range[];
  readonly connected: readonly Range[];
  /** Public ranges that are allowed to be anything. */
  readonly sources: readonly Range[];
}

export const range = (what: string, text: string, ...path: ConfigPath): Range => ({ what, text, path });

/** Every range that a configuration gives. */
export function rangesOf(config: DeploymentConfig): Ranges {
  if (config.profile === 'kata-cc') return { networks: [], services: [], connected: [], sources: [] };
  const connected = config.network.connected.map(({ name, cidr }, index) =>
    range(name, cidr, 'network', 'connected', index, 'cidr'),
  );
  switch (config.profile) {
    case 'uid2-vn2': {
      const { vnet, subnets } = config.network;
      return {
        networks: [
          {
            network: range('the network', vnet.cidr, 'network', 'vnet', 'cidr'),
            subnets: [
              range('the subnet default', subnets.default, 'network', 'subnets', 'default'),
              range('the subnet aks', subnets.aks, 'network', 'subnets', 'aks'),
              range(`the subnet ${subnets.cg.name}`, subnets.cg.cidr, 'network', 'subnets', 'cg', 'cidr'),
            ],
          },
        ],
        services: [range('the range of Services', config.aks.serviceCidr, 'aks', 'serviceCidr')],
        connected,
        sources: config.operator.exposure.allowedSources.map((text, index) =>
          range('an allowed source', text, 'operator', 'exposure', 'allowedSources', index),
        ),
      };
    }
    case 'peer-pods': {
      const { cluster, network } = config;
      const own = {
        network: range('the network of the pod VMs', network.vnet.cidr, 'network', 'vnet', 'cidr'),
        subnets: [range('the subnet of the pod VMs', network.subnet.cidr, 'network', 'subnet', 'cidr')],
      };
      return {
        networks: [
          {
            network: range('the network of the cluster', cluster.vnet.cidr, 'cluster', 'vnet', 'cidr'),
            subnets: [range('the worker subnet', cluster.workerSubnet.cidr, 'cluster', 'workerSubnet', 'cidr')],
          },
          ...(network.peerPods.mode === 'dedicatedVnet' ? [own] : []),
        ],
        services: [
          range('the range of Services', cluster.serviceCidr, 'cluster', 'serviceCidr'),
          range('the range of pods', cluster.podCidr, 'cluster', 'podCidr'),
        ],
        connected,
        sources: [],
      };
    }
    default: {
      const { vnet, subnets } = config.network;
      return {
        networks: [
          {
            network: range('the network', vnet.cidr, 'network', 'vnet', 'cidr'),
            subnets: [
              range('the subnet aks', subnets.aks, 'network', 'subnets', 'aks'),
              range('the subnet endpoints', subnets.endpoints, 'network', 'subnets', 'endpoints'),
            ],
          },
        ],
        services: [range('the range of Services', config.aks.serviceCidr, 'aks', 'serviceCidr')],
        connected,
        sources: config.vault.allowedSources.map((text, index) =>
          range('an allowed source', text, 'vault', 'allowedSources', index),
        ),
      };
    }
  }
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
