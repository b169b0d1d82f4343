import { agentPools } from './agent-pools.ts';
import { locks, roleAssignments } from './authorization.ts';
import { vaults } from './key-vaults.ts';
import type { ResourceKind } from './kind.ts';
import { managedClusters } from './managed-clusters.ts';
import { federatedCredentials, identities } from './managed-identities.ts';
import { natGateways, publicIpAddresses } from './network/addresses.ts';
import { peerings } from './network/peerings.ts';
import {
  privateDnsZoneGroups,
  privateDnsZones,
  privateEndpoints,
  virtualNetworkLinks,
} from './network/private-access.ts';
import { networkSecurityGroups, securityRules } from './network/security-groups.ts';
import { subnets } from './network/subnets.ts';
import { virtualNetworks } from './network/virtual-networks.ts';
import { keys, secrets } from './vault-objects.ts';
import { attestationProviders, containerGroups } from './other-services.ts';
import { redisCaches } from './redis-caches.ts';
import { resourceGroups } from './resource-groups.ts';

/** Every type of resource that can be written. */
const kinds: readonly ResourceKind[] = [
  resourceGroups,
  publicIpAddresses,
  natGateways,
  virtualNetworks,
  subnets,
  peerings,
  networkSecurityGroups,
  securityRules,
  privateEndpoints,
  privateDnsZoneGroups,
  privateDnsZones,
  virtualNetworkLinks,
  identities,
  federatedCredentials,
  vaults,
  secrets,
  keys,
  roleAssignments,
  locks,
  managedClusters,
  agentPools,
  redisCaches,
  attestationProviders,
  containerGroups,
];

const byType = new Map(kinds.map((kind) => [kind.type.toLowerCase(), kind]));

/** The kind of a type in any case; undefined when the emulator does not know it. */
export function kindOf(type: string): ResourceKind | undefined {
  return byType.get(type.toLowerCase());
}

export function kindsOf(namespace: string): readonly ResourceKind[] {
  const prefix = `${namespace.toLowerCase()}/`;
  return kinds.filter(({ type }) => type.toLowerCase().startsWith(prefix));
}

/** Providers that can be asked about and registered. Some have no type of resource here. */
export const namespaces: readonly string[] = [
  ...new Set([
    ...kinds.map(({ type }) => type.split('/')[0] ?? ''),
    'Microsoft.Compute',
    'Microsoft.Storage',
    'Microsoft.Insights',
    'Microsoft.Features',
    'Microsoft.OperationsManagement',
  ]),
];
