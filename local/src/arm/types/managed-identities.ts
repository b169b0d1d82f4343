import { ArmFault } from '../arm-fault.ts';
import type { ManagedIdentity } from '../../azure/directory.ts';
import type { FederatedCredentialState } from '../effects.ts';
import { objectAt, textAt, valueAt } from '../json.ts';
import { lastName, parentOf } from '../resource-id.ts';
import type { StoredResource } from '../resource-store.ts';
import { anyOf, commonShape, readOnly } from '../shape.ts';
import type { ArmWorld } from '../world.ts';
import type { ResourceKind } from './kind.ts';

export const IDENTITY = 'Microsoft.ManagedIdentity/userAssignedIdentities';
const CREDENTIAL = `${IDENTITY}/federatedIdentityCredentials`;
const MAX_CREDENTIALS = 20;
const versions = ['2018-11-30', '2023-01-31', '2023-07-31-preview', '2024-11-30', '2025-01-31-preview'] as const;

/** Lets the directory learn of a new principal, which takes a while. */
export function announcePrincipal(world: ArmWorld, principalId: string): void {
  world.unreplicated.set(principalId, world.settings.principalNotFoundCalls);
}

export function tenantOf(world: ArmWorld, subscriptionId: string): string {
  const wanted = subscriptionId.toLowerCase();
  const subscription = world.subscriptions.find((one) => one.subscriptionId.toLowerCase() === wanted);
  return (subscription ?? world.subscriptions[0])?.tenantId ?? '';
}

export function identityState(resource: StoredResource): ManagedIdentity {
  return {
    kind: 'user-assigned',
    clientId: textAt(resource.body, 'properties.clientId') ?? '',
    principalId: textAt(resource.body, 'properties.principalId') ?? '',
    resourceId: resource.id,
  };
}

export const identities: ResourceKind = {
  type: IDENTITY,
  apiVersions: versions,
  shape: {
    ...commonShape,
    properties: { isolationScope: 'any', ...readOnly('tenantId', 'principalId', 'clientId') },
  },
  name: 'identity',
  ends: 'at-once',
  write: ({ world, id, before, body }) => {
    const known = before === undefined ? undefined : identityState(before);
    const { clientId, principalId } = known ?? world.effects.identityIds(id.text);
    if (known === undefined) announcePrincipal(world, principalId);
    return {
      tags: {},
      ...body,
      properties: {
        ...objectAt(body, 'properties'),
        tenantId: tenantOf(world, id.subscriptionId),
        principalId,
        clientId,
      },
    };
  },
  written: async (resource, { world, before }) =>
    world.effects.onIdentity(identityState(resource), before === undefined ? 'created' : 'updated'),
  removed: async (resource, world) => world.effects.onIdentity(identityState(resource), 'deleted'),
};

function credentialState(resource: StoredResource): FederatedCredentialState {
  const audiences = valueAt(resource.body, 'properties.audiences');
  return {
    id: resource.id,
    identityId: resource.id.split('/').slice(0, -2).join('/'),
    issuer: textAt(resource.body, 'properties.issuer') ?? '',
    subject: textAt(resource.body, 'properties.subject') ?? '',
    audiences: Array.isArray(audiences) ? audiences.map(String) : [],
  };
}

export const federatedCredentials: ResourceKind = {
  type: CREDENTIAL,
  apiVersions: versions,
  shape: { ...commonShape, properties: anyOf('issuer', 'subject', 'audiences', 'claimsMatchingExpression') },
  name: 'federatedCredential',
  ends: 'at-once',
  write: ({ world, id, before, body }) => {
    const identity = world.store.get(parentOf(id) ?? '');
    if (identity === undefined) {
      throw new ArmFault(404, 'ParentResourceNotFound', `The identity of ${id.text} does not exist.`);
    }
    const properties = objectAt(body, 'properties');
    for (const name of ['issuer', 'subject', 'audiences']) {
      if (properties[name] === undefined || properties[name] === '') {
        throw new ArmFault(400, 'BadRequest', `The property '${name}' is required.`, { target: `properties.${name}` });
      }
    }
    const own = lastName(id.text).toLowerCase();
    const others = world.store.children(identity.id, CREDENTIAL).filter(({ name }) => name.toLowerCase() !== own);
    if (before === undefined && others.length >= MAX_CREDENTIALS) {
      const text = `Too many Federated Identity Credentials: at most ${MAX_CREDENTIALS} are allowed.`;
      throw new ArmFault(400, 'BadRequest', text);
    }
    const same = others.find(
      ({ body: other }) =>
        textAt(other, 'properties.issuer') === properties['issuer'] &&
        textAt(other, 'properties.subject') === properties['subject'],
    );
    if (same !== undefined) {
      const text = `Issuer and subject combination already exists for this Managed Identity: ${same.name}.`;
      throw new ArmFault(409, 'Conflict', text);
    }
    return { properties };
  },
  written: async (resource, { world, before }) =>
    world.effects.onFederatedCredential(credentialState(resource), before === undefined ? 'created' : 'updated'),
  removed: async (resource, world) => world.effects.onFederatedCredential(credentialState(resource), 'deleted'),
};
