import { normaliseRegion } from '../rules/regions.ts';
import type { Scope } from './types.ts';

/** The id of a resource; `name` holds the names of the parents as well: `vault/secret`. */
export function resourceId(scope: Scope, type: string, name: string): string {
  const [provider = '', ...types] = type.split('/');
  const names = name.split('/');
  const parts = types.flatMap((part, index) => [part, names[index] ?? '']);
  return [scopeId(scope), 'providers', provider, ...parts].join('/');
}

export function scopeId(scope: Scope): string {
  const subscription = `/subscriptions/${scope.subscriptionId}`;
  return scope.resourceGroup === undefined ? subscription : `${subscription}/resourceGroups/${scope.resourceGroup}`;
}

/** The prefix of the cluster's address that the Azure CLI chooses. */
export function dnsPrefix(cluster: string, group: string, subscriptionId: string): string {
  const plain = (text: string): string => text.replaceAll(/[^A-Za-z0-9-]/g, '');
  let first = plain(cluster).slice(0, 10);
  if (!/^[A-Za-z]/.test(first)) first = `a${first}`.slice(0, 10);
  return `${first}-${plain(group).slice(0, 16)}-${subscriptionId.slice(0, 6)}`;
}

/** The name that Azure gives to the group of the nodes. */
export function defaultNodeGroup(group: string, cluster: string, location: string): string {
  return `MC_${group}_${cluster}_${location}`;
}

export const vaultType = 'Microsoft.KeyVault/vaults';

/** The id under which Azure keeps a softly deleted vault. */
export function deletedVaultId(subscriptionId: string, location: string, name: string): string {
  const place = `/subscriptions/${subscriptionId}/providers/Microsoft.KeyVault/locations/${normaliseRegion(location)}`;
  return `${place}/deletedVaults/${name}`;
}

/**
 * The type of a resource in lower case, with the types of its parents, from its id. What extends another resource has the type
 * behind the last provider.
 */
export function resourceTypeOf(id: string): string {
  const parts = (id.toLowerCase().split('/providers/').at(-1) ?? '').split('/');
  return [parts[0], ...parts.filter((_, index) => index % 2 === 1)].join('/');
}
