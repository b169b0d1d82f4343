import { checkVersion, mustBeAllowed, mustBeRegistered, mustSatisfyPolicies, unknownType } from './access.ts';
import { mustHaveSubscription } from './access.ts';
import { ArmFault } from './arm-fault.ts';
import { compact, isObject, objectAt, overlay, textAt } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { checkName } from './name-rules.ts';
import type { Operation } from './operations.ts';
import { containerOf, lastName, parentOf, parseResourceId } from './resource-id.ts';
import type { ResourceId } from './resource-id.ts';
import { keyOf } from './resource-store.ts';
import type { StoredResource } from './resource-store.ts';
import { writable } from './shape.ts';
import { mustNotBeLocked } from './types/authorization.ts';
import { kindOf } from './types/index.ts';
import type { Change, ResourceKind } from './types/kind.ts';
import { regionName, RESOURCE_GROUP } from './types/resource-groups.ts';
import type { ArmWorld } from './world.ts';

export interface WriteRequest {
  readonly path: string;
  readonly apiVersion: string;
  readonly body: JsonObject;
  readonly ifMatch?: string | undefined;
  /** Inside a deployment, which waits itself. */
  readonly immediately?: boolean;
}

export interface WriteOutcome {
  readonly id: string;
  readonly kind: ResourceKind;
  readonly created: boolean;
  readonly operation: Operation | undefined;
}

/** The id and kind of a path, or the refusal of one that is no resource. */
export function identify(path: string): { readonly id: ResourceId; readonly kind: ResourceKind } {
  const id = parseResourceId(path);
  if (id === undefined)
    throw new ArmFault(400, 'MissingSubscription', `The request did not have a resource id: ${path}`);
  const kind = kindOf(id.type);
  if (kind === undefined) throw unknownType(id.type);
  return { id, kind };
}

/** Writes a resource, as a PUT does. @throws ArmFault for everything that the service refuses at once */
export async function writeResource(world: ArmWorld, request: WriteRequest): Promise<WriteOutcome> {
  const change = changeOf(world, request);
  const { id, before } = change;
  const kind = kindOf(id.type);
  if (kind === undefined) throw unknownType(id.type);
  const body = await kind.write(change);
  const resource: StoredResource = {
    id: id.text,
    type: kind.type,
    name: lastName(id.text),
    body: { ...body, ...(kind.etag === undefined ? {} : { etag: `W/"${world.uuid()}"` }) },
  };
  const finish = async (): Promise<JsonValue | undefined> => {
    const current = world.store.get(resource.id);
    // Removed meanwhile, with its group for example.
    if (current === undefined) return undefined;
    world.store.put(resource);
    await kind.written?.(resource, change);
    return undefined;
  };
  const outcome = { id: resource.id, kind, created: before === undefined };
  if (kind.ends === 'at-once' || request.immediately === true) {
    world.store.put(resource);
    await finish();
    return { ...outcome, operation: undefined };
  }
  const state = before === undefined ? (kind.unfinished ?? 'Updating') : 'Updating';
  world.store.put({ ...resource, body: overlay(resource.body, { properties: { provisioningState: state } }) });
  const operation = await world.operations.start({ subjectId: resource.id, finish });
  return { ...outcome, operation };
}

function changeOf(world: ArmWorld, request: WriteRequest): Change {
  const { id: asSent, kind } = identify(request.path);
  checkVersion(kind, request.apiVersion);
  mustHaveSubscription(world, asSent.subscriptionId);
  mustBeAllowed(world, actionOf(kind, 'write'), asSent.text);
  mustBeRegistered(world, asSent);
  mustHaveScope(world, asSent);
  mustNotBeLocked(world, asSent.text, 'write');
  const before = world.store.get(asSent.text);
  if (kind.name !== undefined) checkName(kind.name, lastName(asSent.text));
  mustSatisfyPolicies(world, asSent);
  mustBeIdle(world, asSent, kind);
  checkMatch(request.ifMatch, before, asSent);
  const id = { ...asSent, text: before?.id ?? canonicalId(world, asSent, kind) };
  const body = placed(world, id, kind, before, writable(request.body, kind.shape));
  return { world, id, apiVersion: request.apiVersion, before, body };
}

function actionOf(kind: ResourceKind, verb: 'write' | 'delete'): string {
  const type = kind.type === RESOURCE_GROUP ? 'Microsoft.Resources/subscriptions/resourceGroups' : kind.type;
  return `${type}/${verb}`;
}

/** A new id in the spelling of what exists: its group, the resource it extends, its parent, and the provider's type. */
function canonicalId(world: ArmWorld, id: ResourceId, kind: ResourceKind): string {
  if (kind.type === RESOURCE_GROUP) return id.text;
  const parent = parentOf(id);
  const name = lastName(id.text);
  if (parent !== undefined) {
    return `${world.store.get(parent)?.id ?? parent}/${kind.type.split('/').at(-1) ?? ''}/${name}`;
  }
  return `${world.store.get(id.scope)?.id ?? id.scope}/providers/${kind.type}/${name}`;
}

function mustHaveScope(world: ArmWorld, id: ResourceId): void {
  if (id.resourceGroup !== undefined && id.type !== RESOURCE_GROUP && world.store.get(containerOf(id)) === undefined) {
    throw groupNotFound(id.resourceGroup);
  }
  const extended = parseResourceId(id.scope);
  const needed = extended !== undefined && kindOf(extended.type) !== undefined;
  if (needed && world.store.get(id.scope) === undefined) throw notFound(extended);
}

function mustBeIdle(world: ArmWorld, id: ResourceId, kind: ResourceKind): void {
  const running = world.operations.running(id.text);
  if (running === undefined) return;
  const code = kind.type.startsWith('Microsoft.ContainerService/')
    ? 'OperationNotAllowed'
    : 'AnotherOperationInProgress';
  const text = `Another operation on this or dependent resource is in progress: ${id.text} (${running.id}).`;
  throw new ArmFault(409, code, text);
}

function checkMatch(ifMatch: string | undefined, before: StoredResource | undefined, id: ResourceId): void {
  if (ifMatch === undefined || ifMatch === '*') return;
  if (textAt(before?.body, 'etag') === ifMatch) return;
  throw new ArmFault(412, 'PreconditionFailed', `Precondition failed: the ETag of ${id.text} is another one.`);
}

/** Where a resource is cannot change; platforms add tags of their own. */
function placed(
  world: ArmWorld,
  id: ResourceId,
  kind: ResourceKind,
  before: StoredResource | undefined,
  body: JsonObject,
): JsonObject {
  const given = textAt(body, 'location');
  const live = textAt(before?.body, 'location');
  const tracked = kind.type.split('/').length === 2 && !kind.type.startsWith('Microsoft.Authorization/');
  if (tracked && given === undefined && live === undefined) {
    throw new ArmFault(400, 'LocationRequired', `The location property is required for this definition: ${id.text}`);
  }
  const moves = given !== undefined && live !== undefined && regionName(given) !== regionName(live);
  if (moves && kind.type !== RESOURCE_GROUP) {
    const text = `The resource '${id.name}' already exists in location '${live}'. A resource with the same name cannot be created in location '${given}'.`;
    throw new ArmFault(409, 'InvalidResourceLocation', text);
  }
  const location = given ?? live;
  const tags = { ...objectAt(body, 'tags'), ...world.settings.platformTags };
  return compact({
    ...body,
    location: location === undefined ? undefined : regionName(location),
    tags: tracked && Object.keys(tags).length > 0 ? tags : body['tags'],
  });
}

/** A resource as clients see it. */
export function present(world: ArmWorld, resource: StoredResource): JsonObject {
  const kind = kindOf(resource.type);
  const body = kind?.view?.(resource, world) ?? resource.body;
  return { id: resource.id, name: resource.name, type: resource.type, ...body };
}

export function notFound(id: ResourceId): ArmFault {
  if (id.type === RESOURCE_GROUP) return groupNotFound(id.name);
  const group = id.resourceGroup === undefined ? '' : ` under resource group '${id.resourceGroup}'`;
  const text = `The Resource '${id.type}/${id.name}'${group} was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`;
  return new ArmFault(404, id.type.endsWith('/roleAssignments') ? 'RoleAssignmentNotFound' : 'ResourceNotFound', text);
}

function groupNotFound(name: string): ArmFault {
  return new ArmFault(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`);
}

export interface RemovalOutcome {
  /** What was there; undefined when nothing was. */
  readonly removed: JsonObject | undefined;
  readonly kind: ResourceKind;
  readonly location: string;
  readonly operation: Operation | undefined;
}

/** Removes a resource with everything below it, as a DELETE does. */
export async function removeResource(world: ArmWorld, path: string, apiVersion: string): Promise<RemovalOutcome> {
  const { id, kind } = identify(path);
  checkVersion(kind, apiVersion);
  mustHaveSubscription(world, id.subscriptionId);
  mustBeAllowed(world, actionOf(kind, 'delete'), id.text);
  const resource = world.store.get(id.text);
  if (resource === undefined) return { removed: undefined, kind, location: '', operation: undefined };
  mustNotBeLocked(world, id.text, 'delete');
  mustBeIdle(world, id, kind);
  kind.beforeRemoval?.(resource, world);
  const location = textAt(resource.body, 'location') ?? 'eastus';
  const removed = present(world, resource);
  const finish = async (): Promise<JsonValue | undefined> => {
    await removeTree(world, resource.id);
    return undefined;
  };
  if (kind.removal !== 'async-operation' && kind.type !== RESOURCE_GROUP) {
    await finish();
    return { removed, kind, location, operation: undefined };
  }
  if (isObject(resource.body['properties'])) {
    const body = overlay(resource.body, { properties: { provisioningState: 'Deleting' } });
    world.store.put({ ...resource, body });
  }
  const operation = await world.operations.start({ subjectId: resource.id, finish });
  return { removed, kind, location, operation };
}

async function removeTree(world: ArmWorld, id: string): Promise<void> {
  const resource = world.store.get(id);
  if (resource === undefined) return;
  // Deepest first: a child goes before its parent.
  const below = world.store.below(id).toSorted((a, b) => b.id.length - a.id.length);
  for (const child of [...below, resource]) {
    if (!world.store.delete(child.id)) continue;
    await kindOf(child.type)?.removed?.(child, world);
  }
  const prefix = `${keyOf(id)}/`;
  for (const key of world.deployments.keys()) if (key.startsWith(prefix)) world.deployments.delete(key);
}
