import { ArmFault } from '../arm-fault.ts';
import { objectAt, objectsAt, textAt, valueAt } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { lastName } from '../resource-id.ts';
import type { ArmWorld } from '../world.ts';
import type { Change } from './kind.ts';
import { announcePrincipal, IDENTITY, identityState, tenantOf } from './managed-identities.ts';

const SECRETS_PROVIDER = 'azureKeyvaultSecretsProvider';

/**
 * The members of a cluster's properties that its add-ons change: each pod identity says whether it could be assigned, and the
 * provider of secrets gets an identity in the group of the nodes.
 * @throws ArmFault for what the service refuses
 */
export function addOnsAfter(change: Change, nodeGroup: string): JsonObject {
  return { ...podIdentityAfter(change), ...profilesAfter(change, nodeGroup) };
}

/** Makes the identities that add-ons have, in the group of the nodes. */
export function makeAddOnIdentities(cluster: { readonly body: JsonObject }, clusterId: string, world: ArmWorld): void {
  const identity = objectAt(cluster.body, `properties.addonProfiles.${SECRETS_PROVIDER}.identity`);
  const resourceId = textAt(identity, 'resourceId');
  if (resourceId === undefined || world.store.get(resourceId) !== undefined) return;
  const subscriptionId = clusterId.split('/')[2] ?? '';
  const { clientId = '', objectId: principalId = '' } = identity;
  const properties = { tenantId: tenantOf(world, subscriptionId), principalId, clientId };
  const body = { location: textAt(cluster.body, 'location') ?? '', tags: {}, properties };
  world.store.put({ id: resourceId, type: IDENTITY, name: lastName(resourceId), body });
}

function podIdentityAfter({ world, before, body }: Change): JsonObject {
  const profile = objectAt(body, 'properties.podIdentityProfile');
  if (profile['enabled'] !== true) return {};
  const isKubenet = textAt(body, 'properties.networkProfile.networkPlugin') === 'kubenet';
  if (isKubenet && profile['allowNetworkPluginKubenet'] !== true) {
    const text = 'Network plugin kubenet is not supported to use with PodIdentity addon.';
    throw new ArmFault(400, 'BadRequest', text, { target: 'podIdentityProfile' });
  }
  const identities = objectsAt(profile, 'userAssignedIdentities');
  if (before === undefined && identities.length > 0) {
    const text = 'User assigned identities of pods are not allowed when the cluster is created.';
    throw new ArmFault(400, 'PodIdentityAddonUserAssignedIdentitiesNotAllowedInCreation', text);
  }
  const userAssignedIdentities = identities.map((entry) => assigned(world, entry));
  return { podIdentityProfile: { ...profile, userAssignedIdentities } };
}

/** An identity that is not there is told inside a write that succeeds. */
function assigned(world: ArmWorld, entry: JsonObject): JsonObject {
  const { provisioningInfo: _, ...rest } = entry;
  const resourceId = textAt(entry, 'identity.resourceId') ?? '';
  const identity = world.store.get(resourceId);
  if (identity?.type.toLowerCase() === IDENTITY.toLowerCase()) {
    const { clientId, principalId: objectId } = identityState(identity);
    return { ...rest, identity: { clientId, objectId, resourceId }, provisioningState: 'Assigned' };
  }
  const message = `The user assigned identity '${resourceId}' was not found.`;
  return {
    ...rest,
    provisioningState: 'Failed',
    provisioningInfo: { error: { error: { code: 'ManagedIdentityNotFound', message } } },
  };
}

function profilesAfter({ world, id, before, body }: Change, nodeGroup: string): JsonObject {
  const profiles = objectAt(body, 'properties.addonProfiles');
  const provider = objectAt(profiles, SECRETS_PROVIDER);
  if (provider['enabled'] !== true) return {};
  const live = valueAt(before?.body, `properties.addonProfiles.${SECRETS_PROVIDER}.identity`);
  return {
    addonProfiles: {
      ...profiles,
      [SECRETS_PROVIDER]: { ...provider, identity: live ?? providerIdentity(world, id, nodeGroup) },
    },
  };
}

function providerIdentity(world: ArmWorld, id: Change['id'], nodeGroup: string): JsonObject {
  const name = `azurekeyvaultsecretsprovider-${lastName(id.text)}`;
  const resourceId = `/subscriptions/${id.subscriptionId}/resourceGroups/${nodeGroup}/providers/${IDENTITY}/${name}`;
  const { clientId, principalId: objectId } = world.effects.identityIds(resourceId);
  announcePrincipal(world, objectId);
  return { resourceId, clientId, objectId };
}
