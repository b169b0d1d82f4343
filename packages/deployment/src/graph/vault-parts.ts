import { resource } from './parts.ts';
import type { ArmResource, DeferredValue, ResourceObject, Scope } from './types.ts';

interface VaultInput {
  readonly id: string;
  readonly scope: Scope;
  readonly vault: { readonly name: string; readonly purgeProtection: boolean; readonly retentionDays: number };
  readonly sku: 'standard' | 'premium';
  readonly location: string;
  /** That of the subscription when missing. */
  readonly tenantId: string | undefined;
  readonly publicNetworkAccess?: 'Enabled' | 'Disabled';
  readonly networkAcls?: ResourceObject;
  readonly dependsOn: readonly string[];
}

/** A vault that decides by roles. Purge protection is written only to switch it on: the service refuses the opposite. */
export function keyVault(input: VaultInput): ArmResource {
  return resource({
    id: input.id,
    stage: 'S3',
    scope: input.scope,
    type: 'Microsoft.KeyVault/vaults',
    name: input.vault.name,
    body: {
      location: input.location,
      properties: {
        tenantId: input.tenantId ?? { $tenantId: true },
        sku: { family: 'A', name: input.sku },
        enableRbacAuthorization: true,
        enableSoftDelete: true,
        softDeleteRetentionInDays: input.vault.retentionDays,
        ...(input.vault.purgeProtection ? { enablePurgeProtection: true } : {}),
        publicNetworkAccess: input.publicNetworkAccess ?? 'Enabled',
        networkAcls: input.networkAcls ?? { defaultAction: 'Allow', bypass: 'AzureServices' },
      },
    },
    dependsOn: input.dependsOn,
    purpose: 'Keeps the secret',
    rules: {
      immutable: ['location', 'properties.tenantId', 'properties.softDeleteRetentionInDays'],
      createOnly: ['properties.networkAcls', 'properties.publicNetworkAccess'],
      carryOver: ['tags', 'properties.accessPolicies'],
    },
  });
}

interface VaultSecretInput {
  readonly id: string;
  readonly scope: Scope;
  readonly vault: { readonly name: string; readonly secretName: string };
  readonly tags?: ResourceObject;
  readonly value: DeferredValue;
  readonly dependsOn: readonly string[];
  readonly purpose: string;
}

/** A secret, written through Azure Resource Manager, which needs no right on the data of the vault. */
export function vaultSecret({ id, scope, vault, tags, value, dependsOn, purpose }: VaultSecretInput): ArmResource {
  return resource({
    id,
    stage: 'S6',
    scope,
    type: 'Microsoft.KeyVault/vaults/secrets',
    name: `${vault.name}/${vault.secretName}`,
    body: {
      ...(tags === undefined ? {} : { tags }),
      properties: { value, contentType: 'text/plain', attributes: { enabled: true } },
    },
    dependsOn,
    purpose,
  });
}
