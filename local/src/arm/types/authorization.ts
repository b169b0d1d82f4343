import { ArmFault } from '../arm-fault.ts';
import type { RoleAssignmentState } from '../effects.ts';
import { objectAt, textAt } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { lastName } from '../resource-id.ts';
import { keyOf } from '../resource-store.ts';
import type { StoredResource } from '../resource-store.ts';
import { anyOf, commonShape, readOnly } from '../shape.ts';
import type { ArmWorld } from '../world.ts';
import type { Change, ResourceKind } from './kind.ts';

export const ASSIGNMENT = 'Microsoft.Authorization/roleAssignments';
export const LOCK = 'Microsoft.Authorization/locks';

/** What an extension hangs on: everything before its own `/providers/`. */
export function scopeOf(id: string): string {
  return id.slice(0, id.toLowerCase().lastIndexOf('/providers/'));
}

export function assignmentState(resource: StoredResource): RoleAssignmentState {
  return {
    id: resource.id,
    scope: scopeOf(resource.id),
    principalId: textAt(resource.body, 'properties.principalId') ?? '',
    roleId: lastName(textAt(resource.body, 'properties.roleDefinitionId') ?? '').toLowerCase(),
  };
}

/** The directory answers for a new principal only after some calls. */
function mustBeKnown(world: ArmWorld, principalId: string): void {
  const left = world.unreplicated.get(principalId) ?? 0;
  if (left === 0) return;
  world.unreplicated.set(principalId, left - 1);
  const text = `Principal ${principalId.replaceAll('-', '')} does not exist in the directory. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.`;
  throw new ArmFault(400, 'PrincipalNotFound', text);
}

function writeAssignment({ world, id, before, body }: Change): JsonObject {
  const properties = objectAt(body, 'properties');
  const principalId = textAt(properties, 'principalId') ?? '';
  const roleId = lastName(textAt(properties, 'roleDefinitionId') ?? '').toLowerCase();
  if (principalId === '' || roleId === '') {
    throw new ArmFault(400, 'InvalidRequestContent', 'A role assignment needs principalId and roleDefinitionId.');
  }
  mustBeKnown(world, principalId);
  const was = before === undefined ? undefined : assignmentState(before);
  if (was !== undefined && (was.principalId !== principalId || was.roleId !== roleId)) {
    const text = 'Tenant ID, application ID, principal ID, and scope are not allowed to be updated.';
    throw new ArmFault(400, 'RoleAssignmentUpdateNotPermitted', text);
  }
  const scope = keyOf(scopeOf(id.text));
  const same = world.store
    .ofType(ASSIGNMENT)
    .map(assignmentState)
    .find((other) => keyOf(other.scope) === scope && other.principalId === principalId && other.roleId === roleId);
  if (same !== undefined && keyOf(same.id) !== keyOf(id.text)) {
    const text = `The role assignment already exists. The ID of the conflicting role assignment is ${lastName(same.id).replaceAll('-', '')}.`;
    throw new ArmFault(409, 'RoleAssignmentExists', text);
  }
  const now = new Date(world.clock()).toISOString();
  return {
    properties: {
      principalType: 'ServicePrincipal',
      ...properties,
      scope: scopeOf(id.text),
      createdOn: textAt(before?.body, 'properties.createdOn') ?? now,
      updatedOn: now,
    },
  };
}

export const roleAssignments: ResourceKind = {
  type: ASSIGNMENT,
  apiVersions: ['2015-07-01', '2020-04-01-preview', '2022-04-01'],
  shape: {
    ...commonShape,
    properties: {
      ...anyOf('roleDefinitionId', 'principalId', 'principalType', 'description', 'condition', 'conditionVersion'),
      ...anyOf('delegatedManagedIdentityResourceId'),
      ...readOnly('scope', 'createdOn', 'updatedOn', 'createdBy', 'updatedBy'),
    },
  },
  name: 'guid',
  ends: 'at-once',
  write: writeAssignment,
  written: async (resource, { world, before }) =>
    world.effects.onRoleAssignment(assignmentState(resource), before === undefined ? 'created' : 'updated'),
  removed: async (resource, world) => world.effects.onRoleAssignment(assignmentState(resource), 'deleted'),
};

export const locks: ResourceKind = {
  type: LOCK,
  apiVersions: ['2016-09-01', '2017-04-01', '2020-05-01'],
  shape: { ...commonShape, properties: anyOf('level', 'notes', 'owners') },
  ends: 'at-once',
  write: ({ body }) => {
    const level = textAt(body, 'properties.level');
    if (level !== 'CanNotDelete' && level !== 'ReadOnly') {
      throw new ArmFault(400, 'InvalidLockLevel', `The lock level '${level ?? ''}' is not valid.`);
    }
    return body;
  },
};

/** Refuses what a lock at the resource or above it forbids. */
export function mustNotBeLocked(world: ArmWorld, id: string, doing: 'write' | 'delete'): void {
  const target = `${keyOf(id)}/`;
  for (const lock of world.store.ofType(LOCK)) {
    const scope = scopeOf(lock.id);
    // A lock below a group or a resource stands in the way of removing it as well.
    const affected = target.startsWith(`${keyOf(scope)}/`) || (doing === 'delete' && keyOf(scope).startsWith(target));
    if (!affected || keyOf(id).startsWith(keyOf(lock.id))) continue;
    if (doing === 'write' && textAt(lock.body, 'properties.level') !== 'ReadOnly') continue;
    const text = `The scope '${id}' cannot perform ${doing} operation because following scope(s) are locked: '${scope}'. Please remove the lock and try again.`;
    throw new ArmFault(409, 'ScopeLocked', text);
  }
}
