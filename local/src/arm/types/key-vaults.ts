import { ArmFault } from '../arm-fault.ts';
import type { VaultState } from '../effects.ts';
import { compact, objectAt, textAt, valueAt } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { lastName } from '../resource-id.ts';
import type { StoredResource } from '../resource-store.ts';
import { anyOf, commonShape, readOnly } from '../shape.ts';
import type { ArmWorld } from '../world.ts';
import type { Change, ResourceKind } from './kind.ts';

export const VAULT = 'Microsoft.KeyVault/vaults';
/** Where a deleted vault waits for its end; not a type that is written. */
export const DELETED_VAULT = 'Microsoft.KeyVault/locations/deletedVaults';

export const vaultVersions = [
  '2022-07-01',
  '2023-02-01',
  '2023-07-01',
  '2024-11-01',
  '2025-05-01',
  '2026-02-01',
] as const;

const DAY_MS = 86_400_000;

/** The soft-deleted vault of a name, in whichever region. */
export function deletedVaultOf(world: ArmWorld, subscriptionId: string, name: string): StoredResource | undefined {
  return world.store
    .ofType(DELETED_VAULT)
    .find(
      (vault) =>
        vault.name.toLowerCase() === name.toLowerCase() &&
        vault.id.toLowerCase().startsWith(`/subscriptions/${subscriptionId.toLowerCase()}/`),
    );
}

/** Whether somebody has a vault of this name: names are one for all of Azure. */
export function isTaken(world: ArmWorld, name: string, exceptId?: string): boolean {
  const wanted = name.toLowerCase();
  const vaults = [...world.store.ofType(VAULT), ...world.store.ofType(DELETED_VAULT)];
  return (
    world.settings.takenVaultNames.some((taken) => taken.toLowerCase() === wanted) ||
    vaults.some((vault) => vault.name.toLowerCase() === wanted && vault.id.toLowerCase() !== exceptId?.toLowerCase())
  );
}

function vaultState(resource: StoredResource, world: ArmWorld): VaultState {
  return {
    id: resource.id,
    name: resource.name,
    location: textAt(resource.body, 'location') ?? '',
    tenantId: textAt(resource.body, 'properties.tenantId') ?? '',
    url: world.effects.vaultUrl(resource.name),
    kind: textAt(resource.body, 'properties.sku.name')?.toLowerCase() === 'premium' ? 'premium' : 'standard',
  };
}

/** A refusal in the words of Key Vault. */
export function badRequest(text: string, target?: string): ArmFault {
  return new ArmFault(400, 'BadRequest', text, target === undefined ? {} : { target });
}

/** What cannot be undone, or changed at all. */
function keepPromises({ before, body, id }: Change): void {
  const path = 'properties.enablePurgeProtection';
  if (valueAt(body, path) === false) {
    const text = `The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.`;
    throw badRequest(text, path);
  }
  if (before === undefined) return;
  for (const fixed of ['properties.softDeleteRetentionInDays', 'properties.tenantId']) {
    const wanted = valueAt(body, fixed);
    if (wanted !== undefined && wanted !== valueAt(before.body, fixed)) {
      throw badRequest(
        `The property "${lastName(fixed.replaceAll('.', '/'))}" of ${id.text} cannot be modified.`,
        fixed,
      );
    }
  }
}

/** Answers the vault that comes back, when one of this name was deleted. */
function mayBeMade({ world, id, body }: Change): StoredResource | undefined {
  const deleted = deletedVaultOf(world, id.subscriptionId, lastName(id.text));
  const recover = textAt(body, 'properties.createMode')?.toLowerCase() === 'recover';
  if (deleted !== undefined && recover) return deleted;
  if (recover) throw new ArmFault(404, 'DeletedVaultNotFound', `There is no deleted vault for ${id.text}.`);
  if (deleted !== undefined) {
    const text = `A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault. It is recoverable: deleted but recoverable state.`;
    throw new ArmFault(409, 'ConflictError', text);
  }
  if (isTaken(world, lastName(id.text), id.text)) {
    const text = `The vault name '${lastName(id.text)}' is already in use. Vault names are globally unique so it is possible that the name is already taken.`;
    throw new ArmFault(409, 'VaultAlreadyExists', text);
  }
  return undefined;
}

export const vaults: ResourceKind = {
  type: VAULT,
  apiVersions: vaultVersions,
  shape: {
    ...commonShape,
    properties: {
      ...anyOf('tenantId', 'sku', 'accessPolicies', 'enabledForDeployment', 'enabledForDiskEncryption'),
      ...anyOf('enabledForTemplateDeployment', 'enableSoftDelete', 'softDeleteRetentionInDays'),
      ...anyOf('enableRbacAuthorization', 'createMode', 'enablePurgeProtection', 'publicNetworkAccess', 'vaultUri'),
      networkAcls: anyOf('bypass', 'defaultAction', 'ipRules', 'virtualNetworkRules'),
      ...readOnly('provisioningState', 'hsmPoolResourceId', 'privateEndpointConnections'),
    },
  },
  name: 'vault',
  ends: 'provisioning-state',
  unfinished: 'RegisteringDns',
  createdStatus: 200,
  write: (change) => {
    const { world, id, before, body } = change;
    keepPromises(change);
    const recovered = before === undefined ? mayBeMade(change) : undefined;
    if (recovered !== undefined) return recover(recovered, world);
    const { createMode: _, vaultUri: __, ...wanted } = objectAt(body, 'properties');
    if (textAt(wanted, 'tenantId') === undefined) throw badRequest('The parameter tenantId is missing.');
    const purge = valueAt(before?.body, 'properties.enablePurgeProtection');
    const acls: JsonObject = { bypass: 'AzureServices', defaultAction: 'Allow', ipRules: [], virtualNetworkRules: [] };
    return {
      ...body,
      properties: compact({
        accessPolicies: valueAt(before?.body, 'properties.accessPolicies') ?? [],
        enabledForDeployment: false,
        enableSoftDelete: true,
        softDeleteRetentionInDays: 90,
        enableRbacAuthorization: false,
        publicNetworkAccess: 'Enabled',
        enablePurgeProtection: purge,
        ...wanted,
        networkAcls: { ...acls, ...objectAt(wanted, 'networkAcls') },
        vaultUri: world.effects.vaultUrl(lastName(id.text)),
        provisioningState: 'Succeeded',
      }),
    };
  },
  written: async (resource, { world, before, body }) => {
    const recovered = textAt(body, 'properties.createMode')?.toLowerCase() === 'recover' && before === undefined;
    const happened = recovered ? 'recovered' : before === undefined ? 'created' : 'updated';
    await world.effects.onVault(vaultState(resource, world), happened);
  },
  removed: async (resource, world) => {
    keepDeleted(resource, world);
    await world.effects.onVault(vaultState(resource, world), 'deleted');
  },
};

/** Puts a vault where deleted ones wait. */
function keepDeleted(resource: StoredResource, world: ArmWorld): void {
  const location = textAt(resource.body, 'location') ?? '';
  const subscription = resource.id.split('/').slice(0, 3).join('/');
  const now = world.clock();
  const days = valueAt(resource.body, 'properties.softDeleteRetentionInDays');
  const purge = now + (typeof days === 'number' ? days : 90) * DAY_MS;
  world.store.put({
    id: `${subscription}/providers/Microsoft.KeyVault/locations/${location}/deletedVaults/${resource.name}`,
    type: DELETED_VAULT,
    name: resource.name,
    body: {
      properties: {
        vaultId: resource.id,
        location,
        tags: objectAt(resource.body, 'tags'),
        deletionDate: new Date(now).toISOString(),
        scheduledPurgeDate: new Date(purge).toISOString(),
        purgeProtectionEnabled: valueAt(resource.body, 'properties.enablePurgeProtection') === true,
      },
      kept: resource.body,
    },
  });
}

function recover(deleted: StoredResource, world: ArmWorld): JsonObject {
  world.store.delete(deleted.id);
  return objectAt(deleted.body, 'kept');
}

/** A deleted vault as clients see it. */
export function deletedVaultView(resource: StoredResource): JsonObject {
  const properties = objectAt(resource.body, 'properties');
  return { id: resource.id, name: resource.name, type: 'Microsoft.KeyVault/deletedVaults', properties };
}

/** Refuses to end a vault that is protected against that. */
export function mustBePurgeable(resource: StoredResource): void {
  if (valueAt(resource.body, 'properties.purgeProtectionEnabled') !== true) return;
  const text = `Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault service will automatically purge it after the retention period has passed.`;
  throw new ArmFault(405, 'MethodNotAllowed', text);
}

/** Ends a deleted vault for good. */
export async function purgeVault(resource: StoredResource, world: ArmWorld): Promise<void> {
  world.store.delete(resource.id);
  const id = textAt(resource.body, 'properties.vaultId') ?? resource.id;
  await world.effects.onVault(vaultState({ ...resource, id, body: objectAt(resource.body, 'kept') }, world), 'purged');
}
