import { at, listAt, textAt } from '../../bundle/shape.ts';
import { idOf } from '../../graph/parts.ts';
import type { ArmResource } from '../../graph/types.ts';
import { roles } from '../../rules/roles.ts';
import type { PermissionFacts, Right } from '../facts.ts';
import {
  below,
  groupPath,
  lastPart,
  plannedNodes,
  readAll,
  readOne,
  readVersions,
  statusOf,
  textsAt,
} from './gather-context.ts';
import type { GatherContext } from './gather-context.ts';
import { allows, conditionAllowsRole, grantsFor } from './rights.ts';
import type { Grant, Permission } from './rights.ts';

const ASSIGN = 'Microsoft.Authorization/roleAssignments/write';
const UNASSIGN = 'Microsoft.Authorization/roleAssignments/delete';
const CREATE_GROUP = 'Microsoft.Resources/subscriptions/resourceGroups/write';
const WRITE_SECRET = 'Microsoft.KeyVault/vaults/secrets/write';

/** What the caller may do: at the subscription and the groups, by the roles given to the caller or to groups of the caller. */
export async function gatherPermissions(context: GatherContext): Promise<PermissionFacts> {
  const { objectId } = await context.ports.arm.caller({ signal: context.signal });
  const group = groupPath(context);
  const [grants, onGroup, denying] = await Promise.all([
    grantsOf(context, objectId),
    groupPermissions(context, group),
    denyingPolicies(context),
  ]);
  const subscription = below(context, '');
  const may = (scope: string, action: string): Right => {
    if (grantsFor(grants, scope, action).length > 0 || (scope === group && allows(onGroup, action))) return 'allowed';
    // Rights that come from elsewhere, such as management groups out of sight, cannot be ruled out without any grant.
    return grants.length === 0 && (scope !== group || onGroup.length === 0) ? 'unknown' : 'refused';
  };
  const blind = grants.length === 0 && onGroup.length === 0;
  const needed = neededAssignments(context);
  const scopes = [...new Set(needed.map(({ scope }) => scope))];
  const refusedAt = (action: string): readonly string[] | undefined =>
    blind ? undefined : scopes.filter((scope) => may(rightScope(scope, group), action) === 'refused');
  return {
    createGroup: may(subscription, CREATE_GROUP),
    missingActions: blind ? undefined : neededActions(context).filter((action) => may(group, action) === 'refused'),
    noAssignmentsAt: refusedAt(ASSIGN),
    noAssignmentRemovalAt: refusedAt(UNASSIGN),
    conditional: refusals(grants, needed),
    writeSecret: may(group, WRITE_SECRET),
    registerProviders: may(subscription, 'Microsoft.ContainerService/register/action'),
    denyingPolicies: denying,
  };
}

/** Rights on something of the main group are looked up there; the group of the nodes has its own. */
function rightScope(scope: string, group: string): string {
  return scope.toLowerCase().startsWith(`${group.toLowerCase()}/`) ? group : scope;
}

async function grantsOf(context: GatherContext, objectId: string): Promise<readonly Grant[]> {
  const assignments = await readAll(
    context,
    below(context, '/providers/Microsoft.Authorization/roleAssignments'),
    readVersions.authorization,
    { $filter: `assignedTo('${objectId}')` },
  );
  const definitions = new Map<string, readonly Permission[]>();
  const ids = new Set(assignments.flatMap((one) => textAt(one, 'properties', 'roleDefinitionId') ?? []));
  await Promise.all(
    [...ids].map(async (id) => {
      definitions.set(id, permissionsOf(await readOne(context, id, readVersions.authorization)));
    }),
  );
  return assignments.map((one): Grant => {
    const condition = textAt(one, 'properties', 'condition');
    return {
      scope: textAt(one, 'properties', 'scope') ?? '',
      permissions: definitions.get(textAt(one, 'properties', 'roleDefinitionId') ?? '') ?? [],
      ...(condition === undefined ? {} : { condition }),
    };
  });
}

function permissionsOf(definition: unknown): readonly Permission[] {
  return listAt(definition, 'properties', 'permissions').map(permission);
}

const permission = (value: unknown): Permission => ({
  actions: textsAt(value, 'actions'),
  notActions: textsAt(value, 'notActions'),
});

/** What Azure says the caller may do in the group; nothing when there is no group yet. */
async function groupPermissions(context: GatherContext, group: string): Promise<readonly Permission[]> {
  if ((await readOne(context, group, readVersions.resources)) === undefined) return [];
  const path = `${group}/providers/Microsoft.Authorization/permissions`;
  // A permission with a condition does not hold always, and is looked at with the grants.
  const all = await readAll(context, path, readVersions.authorization);
  return all.filter((one) => typeof at(one, 'condition') !== 'string').map(permission);
}

interface NeededAssignment {
  readonly scope: string;
  readonly roleId: string;
}

/** The roles that the deployment grants, and where. */
function neededAssignments(context: GatherContext): readonly NeededAssignment[] {
  return armNodes(context)
    .filter(({ type }) => type === 'Microsoft.Authorization/roleAssignments')
    .map((node) => ({
      scope: node.target ?? idOf({ ...node, name: '' }).replace(/\/providers\/Microsoft\.Authorization\/.*$/, ''),
      roleId: textAt(node.body, 'properties', 'roleDefinitionId') ?? '',
    }));
}

/** One action for each type that is written in the group. Locks, roles and the group itself are looked at on their own. */
function neededActions(context: GatherContext): readonly string[] {
  const types = armNodes(context)
    .map(({ type }) => type)
    .filter((type) => !type.startsWith('Microsoft.Authorization/') && type !== 'Microsoft.Resources/resourceGroups');
  return [
    'Microsoft.Resources/deployments/write',
    ...[...new Set(types)].map((type) => `${type}/write`).filter((action) => action !== WRITE_SECRET),
  ];
}

function armNodes(context: GatherContext): readonly ArmResource[] {
  return plannedNodes(context).filter((node) => node.kind === 'arm');
}

/** Roles that no grant lets the caller give, where there is one that lets other roles be given. */
function refusals(grants: readonly Grant[], needed: readonly NeededAssignment[]): PermissionFacts['conditional'] {
  const byScope = new Map<string, string[]>();
  for (const { scope, roleId } of needed) {
    const able = grantsFor(grants, scope, ASSIGN);
    if (able.length === 0) continue;
    const granted = able.some(
      ({ condition }) => condition === undefined || conditionAllowsRole(condition, roleId) === true,
    );
    if (!granted) byScope.set(scope, [...(byScope.get(scope) ?? []), roleTitle(roleId)]);
  }
  return [...byScope].map(([scope, refused]) => ({ scope, refused }));
}

function roleTitle(roleId: string): string {
  const guid = lastPart(roleId).toLowerCase();
  return Object.entries(roles).find(([, id]) => id === guid)?.[0] ?? guid;
}

/** Policies that deny, by what they are called: whether they mean this deployment only the service can tell. */
async function denyingPolicies(context: GatherContext): Promise<readonly string[] | undefined> {
  const path = below(context, '/providers/Microsoft.Authorization/policyAssignments');
  const assignments = await readAll(context, path, readVersions.policyAssignments).catch((error: unknown) => {
    // Who may deploy need not be allowed to read policies, and a cloud need not have them.
    if ([400, 403, 404].includes(statusOf(error) ?? 0)) return undefined;
    throw error;
  });
  if (assignments === undefined) return undefined;
  const enforced = assignments.filter((one) => textAt(one, 'properties', 'enforcementMode') !== 'DoNotEnforce');
  return enforced
    .map((one) => textAt(one, 'properties', 'displayName') ?? textAt(one, 'name') ?? '')
    .filter((name) => SUSPICIOUS.some((pattern) => pattern.test(name)));
}

const SUSPICIOUS: readonly RegExp[] = [
  /allowed (locations|regions|virtual machine size|resource types)/i,
  /not allowed/i,
  /public ip/i,
  /privileged/i,
  /\bdeny\b/i,
];
