import type { VaultProperties } from '../azure/vault-access.ts';
import { objectsAt, textAt, valueAt } from './json.ts';
import type { JsonValue } from './json.ts';
import { keyOf } from './resource-store.ts';
import { ASSIGNMENT, assignmentState } from './types/authorization.ts';
import { VAULT } from './types/key-vaults.ts';
import type { ArmWorld } from './world.ts';

/** Names of the roles that a vault knows, by GUID. */
const roleNames: Readonly<Record<string, string>> = {
  '00482a5a-887f-4fb3-b363-3b7fe8e74483': 'Key Vault Administrator',
  '4633458b-17de-408a-b874-0445c86b69e6': 'Key Vault Secrets User',
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd7': 'Key Vault Secrets Officer',
  '14b46e9e-c2b7-41b4-b07b-48a6ebf60603': 'Key Vault Crypto Officer',
  '12338af0-0e69-4776-bea7-57ae8d297424': 'Key Vault Crypto User',
  '08bbd89e-9f13-488c-ac41-acfcb10c90ab': 'Key Vault Crypto Service Release User',
};

/**
 * Who may do what in a vault of the world: for the data plane of that vault, which asks for every request. Roles that are
 * given at the vault or above it count once `roleDelayMs` has passed. Undefined when there is no such vault.
 */
export function vaultProperties(world: ArmWorld, vaultName: string): VaultProperties | undefined {
  const wanted = vaultName.toLowerCase();
  const vault = world.store.ofType(VAULT).find(({ name }) => name.toLowerCase() === wanted);
  if (vault === undefined) return undefined;
  const closed = textAt(vault.body, 'properties.publicNetworkAccess') === 'Disabled';
  return {
    enableRbacAuthorization: valueAt(vault.body, 'properties.enableRbacAuthorization') === true,
    roleAssignments: rolesAt(world, vault.id),
    accessPolicies: objectsAt(vault.body, 'properties.accessPolicies').map((policy) => ({
      objectId: textAt(policy, 'objectId') ?? '',
      permissions: {
        secrets: texts(valueAt(policy, 'permissions.secrets')),
        keys: texts(valueAt(policy, 'permissions.keys')),
      },
    })),
    publicNetworkAccess: closed ? 'Disabled' : 'Enabled',
  };
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

function texts(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
