/** Who may do what in a vault, and from where: the properties of the vault resource that decide it. */
export interface VaultProperties {
  /** True: only role assignments count. False: only access policies count. */
  readonly enableRbacAuthorization: boolean;
  readonly roleAssignments?: readonly {
    /** Object id of the principal. */
    readonly principalId: string;
    /** Built-in role name, for example `Key Vault Secrets User`. */
    readonly role: string;
  }[];
  readonly accessPolicies?: readonly {
    readonly objectId: string;
    readonly permissions: { readonly secrets?: readonly string[] };
  }[];
  /** `Enabled` when missing. */
  readonly publicNetworkAccess?: 'Enabled' | 'Disabled';
}

export type SecretPermission = 'get' | 'list' | 'set' | 'delete' | 'recover' | 'purge';

/** A refusal of Key Vault: 403 with this inner code and text. */
export interface AccessRefusal {
  readonly innerCode: 'ForbiddenByConnection' | 'ForbiddenByRbac' | 'AccessDenied';
  readonly message: string;
}

const ALL: readonly SecretPermission[] = ['get', 'list', 'set', 'delete', 'recover', 'purge'];

const ROLE_PERMISSIONS: ReadonlyMap<string, readonly SecretPermission[]> = new Map([
  ['key vault secrets user', ['get', 'list']],
  ['key vault secrets officer', ALL],
  ['key vault administrator', ALL],
  ['key vault reader', ['list']],
]);

const DATA_ACTION: Readonly<Record<SecretPermission, string>> = {
  get: 'Microsoft.KeyVault/vaults/secrets/getSecret/action',
  list: 'Microsoft.KeyVault/vaults/secrets/readMetadata/action',
  set: 'Microsoft.KeyVault/vaults/secrets/setSecret/action',
  delete: 'Microsoft.KeyVault/vaults/secrets/delete',
  recover: 'Microsoft.KeyVault/vaults/secrets/recover/action',
  purge: 'Microsoft.KeyVault/vaults/secrets/purge/action',
};

/**
 * Decides as Key Vault does once the token is known to be good: first the network, then the permission in the model that
 * is switched on; grants in the other model are ignored. Undefined means allowed.
 */
export function checkVaultAccess(
  properties: VaultProperties,
  caller: { readonly objectId: string; readonly clientId: string; readonly issuer: string },
  permission: SecretPermission,
): AccessRefusal | undefined {
  if (properties.publicNetworkAccess === 'Disabled') {
    return {
      innerCode: 'ForbiddenByConnection',
      message:
        'Public network access is disabled and request is not from a trusted service nor via an approved private link.',
    };
  }
  const principal = caller.objectId.toLowerCase();
  const who = `appid=${caller.clientId};oid=${caller.objectId};iss=${caller.issuer}`;
  if (properties.enableRbacAuthorization) {
    const allowed = properties.roleAssignments?.some(
      ({ principalId, role }) =>
        principalId.toLowerCase() === principal && ROLE_PERMISSIONS.get(role.toLowerCase())?.includes(permission),
    );
    if (allowed === true) return undefined;
    return {
      innerCode: 'ForbiddenByRbac',
      message:
        'Caller is not authorized to perform action on resource. If role assignments, deny assignments or role ' +
        `definitions were changed recently, please observe propagation time. Caller: ${who} Action: '${DATA_ACTION[permission]}'`,
    };
  }
  const allowed = properties.accessPolicies?.some(
    ({ objectId, permissions }) =>
      objectId.toLowerCase() === principal &&
      permissions.secrets?.some((granted) => ['all', permission].includes(granted.toLowerCase())),
  );
  if (allowed === true) return undefined;
  return {
    innerCode: 'AccessDenied',
    message: `The user, group or application '${who}' does not have secrets ${permission} permission on key vault.`,
  };
}
