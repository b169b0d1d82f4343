import type { VaultProperties, VaultRequestSource } from '../azure/vault-access.ts';
import { objectAt, objectsAt, textAt, textsAt, valueAt } from './json.ts';
import type { JsonObject } from './json.ts';
import { keyOf } from './resource-store.ts';
import type { StoredResource } from './resource-store.ts';
import { AGENT_POOL } from './types/agent-pools.ts';
import { ASSIGNMENT, assignmentState } from './types/authorization.ts';
import { VAULT } from './types/key-vaults.ts';
import { PEERING } from './types/network/peerings.ts';
import { PRIVATE_ENDPOINT } from './types/network/private-access.ts';
import { SECRET } from './types/vault-objects.ts';
import type { ArmWorld } from './world.ts';

/** Names of the roles that a vault knows, by GUID. */
const roleNames: Readonly<Record<string, string>> = {
  '00482a5a-887f-4fb3-b363-3b7fe8e74483': 'Key Vault Administrator',
  '21090545-7ca7-4776-b22c-e363652d74d2': 'Key Vault Reader',
  '4633458b-17de-408a-b874-0445c86b69e6': 'Key Vault Secrets User',
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd7': 'Key Vault Secrets Officer',
  'a4417e6f-fecd-4de8-b567-7b0420556985': 'Key Vault Certificates Officer',
  'db79e9a7-68ee-4b58-9aeb-b90e7c24fcba': 'Key Vault Certificate User',
  '14b46e9e-c2b7-41b4-b07b-48a6ebf60603': 'Key Vault Crypto Officer',
  '12338af0-0e69-4776-bea7-57ae8d297424': 'Key Vault Crypto User',
  'e147488a-f6f5-4113-8e2d-b22465e65bf6': 'Key Vault Crypto Service Encryption User',
  '08bbd89e-9f13-488c-ac41-acfcb10c90ab': 'Key Vault Crypto Service Release User',
};

/**
 * Who may do what in a vault of the world, and from where: for the data plane of that vault, which asks for every request. Roles that
 * are given at the vault or above it count once `roleDelayMs` has passed. Undefined when there is no such vault.
 */
export function vaultProperties(world: ArmWorld, vaultName: string): VaultProperties | undefined {
  const vault = vaultOf(world, vaultName);
  if (vault === undefined) return undefined;
  const closed = textAt(vault.body, 'properties.publicNetworkAccess')?.toLowerCase() === 'disabled';
  return {
    name: vault.name,
    location: textAt(vault.body, 'location') ?? '',
    enableRbacAuthorization: valueAt(vault.body, 'properties.enableRbacAuthorization') === true,
    roleAssignments: rolesAt(world, vault.id),
    accessPolicies: objectsAt(vault.body, 'properties.accessPolicies').map((policy) => ({
      objectId: textAt(policy, 'objectId') ?? '',
      permissions: {
        secrets: textsAt(policy, 'permissions.secrets'),
        keys: textsAt(policy, 'permissions.keys'),
        certificates: textsAt(policy, 'permissions.certificates'),
      },
    })),
    publicNetworkAccess: closed ? 'Disabled' : 'Enabled',
    networkAcls: networkAcls(objectAt(vault.body, 'properties.networkAcls')),
    privateEndpointConnections: endpointsOf(world, vault.id).map(({ id, status }) => ({ id, status })),
  };
}

/** Names of the vaults whose secrets include one of this name. */
export function vaultsWithSecret(world: ArmWorld, secretName: string): readonly string[] {
  const wanted = secretName.toLowerCase();
  return world.store
    .ofType(SECRET)
    .filter(({ name }) => name.toLowerCase() === wanted)
    .map(({ id }) => id.split('/').at(-3) ?? '');
}

/**
 * How requests of a cluster's pods come to a vault: through a private endpoint in the network of the cluster or in one that it is
 * peered with, or from the subnet of its nodes.
 */
export function clusterSource(
  world: ArmWorld,
  clusterId: string,
  vaultName: string,
): Omit<VaultRequestSource, 'address'> {
  const pools = world.store.children(clusterId, AGENT_POOL);
  const subnetId = pools.map(({ body }) => textAt(body, 'properties.vnetSubnetID')).find((id) => id !== undefined);
  const vault = vaultOf(world, vaultName);
  if (subnetId === undefined || vault === undefined) return {};
  const networks = reachableNetworks(world, networkOf(subnetId));
  const endpoint = endpointsOf(world, vault.id).find(({ network }) => networks.has(network));
  return {
    ...(endpoint === undefined ? {} : { privateEndpointId: endpoint.id }),
    ...(hasServiceEndpoint(world, subnetId) ? { subnetId } : {}),
  };
}

function vaultOf(world: ArmWorld, name: string): StoredResource | undefined {
  const wanted = name.toLowerCase();
  return world.store.ofType(VAULT).find((vault) => vault.name.toLowerCase() === wanted);
}

function networkAcls(acls: JsonObject): NonNullable<VaultProperties['networkAcls']> {
  return {
    defaultAction: textAt(acls, 'defaultAction')?.toLowerCase() === 'deny' ? 'Deny' : 'Allow',
    ipRules: objectsAt(acls, 'ipRules').map((rule) => textAt(rule, 'value') ?? ''),
    virtualNetworkRules: objectsAt(acls, 'virtualNetworkRules').map((rule) => textAt(rule, 'id') ?? ''),
  };
}

interface Endpoint {
  readonly id: string;
  readonly status: 'Approved' | 'Pending' | 'Rejected';
  /** Id of its network in lower case. */
  readonly network: string;
}

function endpointsOf(world: ArmWorld, vaultId: string): readonly Endpoint[] {
  return world.store.ofType(PRIVATE_ENDPOINT).flatMap(({ id, body }) => {
    const connection = objectsAt(body, 'properties.privateLinkServiceConnections').find(
      (one) => keyOf(textAt(one, 'properties.privateLinkServiceId') ?? '') === keyOf(vaultId),
    );
    if (connection === undefined) return [];
    const status = textAt(connection, 'properties.privateLinkServiceConnectionState.status') ?? 'Pending';
    const known = status === 'Approved' || status === 'Rejected' ? status : 'Pending';
    return [{ id, status: known, network: networkOf(textAt(body, 'properties.subnet.id') ?? '') }];
  });
}

/** The network of a subnet, and those that it is peered with, by id in lower case. */
function reachableNetworks(world: ArmWorld, network: string): ReadonlySet<string> {
  const peers = world.store
    .children(network, PEERING)
    .map(({ body }) => keyOf(textAt(body, 'properties.remoteVirtualNetwork.id') ?? ''));
  return new Set([network, ...peers]);
}

function networkOf(subnetId: string): string {
  return keyOf(subnetId.split('/').slice(0, -2).join('/'));
}

function hasServiceEndpoint(world: ArmWorld, subnetId: string): boolean {
  const subnet = world.store.get(subnetId);
  return objectsAt(subnet?.body, 'properties.serviceEndpoints').some(
    (endpoint) => textAt(endpoint, 'service')?.toLowerCase() === 'microsoft.keyvault',
  );
}

function rolesAt(world: ArmWorld, vaultId: string): readonly { readonly principalId: string; readonly role: string }[] {
  const at = `${keyOf(vaultId)}/`;
  const since = world.clock() - world.settings.roleDelayMs;
  return world.store.ofType(ASSIGNMENT).flatMap((resource) => {
    const { scope, principalId, roleId } = assignmentState(resource);
    const role = roleNames[roleId];
    const given = Date.parse(textAt(resource.body, 'properties.createdOn') ?? '');
    const counts = at.startsWith(`${keyOf(scope)}/`) && given <= since;
    return role === undefined || !counts ? [] : [{ principalId, role }];
  });
}
