import type { ManagedIdentity } from '../azure/index.ts';
import type { VaultAsked } from '../azure/key-vault-app.ts';
import type { VaultProperties } from '../azure/vault-access.ts';

/** What Azure Resource Manager knows of vaults. */
export interface KnownVaults {
  /** Undefined when there is no vault of that name. */
  vault(name: string): VaultProperties | undefined;
  /** Names of the vaults to which deployments wrote a secret of that name. */
  vaultsWithSecret(name: string): readonly string[];
  identities(): readonly Pick<ManagedIdentity, 'principalId'>[];
}

export interface VaultRightsOptions {
  /** Undefined until Azure Resource Manager is there. */
  readonly known: () => KnownVaults | undefined;
  /** Rights of the home folder itself, in every vault with roles. */
  readonly roleAssignments: NonNullable<VaultProperties['roleAssignments']>;
  /** The vault that the address of this machine stands for. */
  readonly ownVault: string;
}

/** Lets its principal ask for the release of a key. */
export const RELEASE_ROLE = 'Key Vault Crypto Service Release User';

/**
 * Who may do what in the vaults, which share one data plane. By its public host name a vault is judged by its own rights, policies
 * and network rules alone. The address of this machine names no vault: there a secret is that of the vaults to which deployments
 * wrote it, everything else that of the home's own vault, and the administrator of the home folder may do everything.
 */
export function vaultRights(
  options: VaultRightsOptions,
): (asked: VaultAsked) => readonly [VaultProperties, ...VaultProperties[]] {
  return ({ vaultName, objectName }) => {
    const known = options.known();
    // Any identity may ask for a release: whether a key is released, its policy decides.
    const release = (known?.identities() ?? []).map(({ principalId }) => ({ principalId, role: RELEASE_ROLE }));
    const always = [...options.roleAssignments, ...release];
    const rightsOf = (name: string): VaultProperties => {
      const vault = known?.vault(name);
      if (vault === undefined) return { enableRbacAuthorization: true, name };
      return { ...vault, roleAssignments: [...(vault.roleAssignments ?? []), ...always] };
    };
    if (vaultName !== undefined) return [rightsOf(vaultName)];
    const written = objectName === undefined ? [] : (known?.vaultsWithSecret(objectName) ?? []);
    const names = written.length > 0 ? written : [options.ownVault];
    const first: VaultProperties = { enableRbacAuthorization: true, roleAssignments: always };
    return [first, ...names.map(rightsOf)];
  };
}
