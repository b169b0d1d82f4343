import { isObject, objectAt } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { present } from '../resources.ts';
import { keyOf } from '../resource-store.ts';
import type { StoredResource } from '../resource-store.ts';
import { RESOURCE_GROUP } from '../types/resource-groups.ts';
import type { ArmWorld } from '../world.ts';
import { ArmFault, errorBody } from '../arm-fault.ts';
import { checkScope } from './deployment.ts';
import type { DeploymentRequest } from './deployment.ts';
import { evaluate } from './expression.ts';
import { NESTED, planDeployment } from './template.ts';
import { noisy } from './what-if-noise.ts';

/** What a forecast says, also when it fails: the failure is a value. */
export async function forecast(world: ArmWorld, request: DeploymentRequest): Promise<JsonObject> {
  const { whatIfFailure } = world.settings;
  try {
    checkScope(world, request);
    if (whatIfFailure !== undefined) throw new ArmFault(400, whatIfFailure.code, whatIfFailure.message);
    return { status: 'Succeeded', properties: { changes: await changesOf(world, request) } };
  } catch (error) {
    if (!(error instanceof ArmFault)) throw error;
    return { status: 'Failed', error: errorBody(error) };
  }
}

async function changesOf(world: ArmWorld, { scope, body }: DeploymentRequest): Promise<JsonObject[]> {
  const plan = await planDeployment(world, scope, objectAt(body, 'properties'));
  const context = plan.context(true);
  const changes: JsonObject[] = [];
  for (const { id, type, body: written, apiVersion } of plan.resources) {
    if (world.settings.whatIfUnsupported.some((unsupported) => unsupported.toLowerCase() === type.toLowerCase())) {
      const unsupportedReason = 'Changes to the resource cannot be determined at this time.';
      changes.push({ resourceId: id, changeType: 'Unsupported', unsupportedReason });
      continue;
    }
    if (type.toLowerCase() === NESTED.toLowerCase()) {
      changes.push({ resourceId: id, changeType: 'Deploy' });
      continue;
    }
    const evaluated = await evaluate(written, context);
    const after: JsonObject = { id, type, apiVersion, name: nameOf(id), ...(isObject(evaluated) ? evaluated : {}) };
    const live = world.store.get(id);
    changes.push(live === undefined ? { resourceId: id, changeType: 'Create', after } : changed(world, live, after));
  }
  return [
    ...changes,
    ...ignored(
      world,
      scope,
      plan.resources.map((resource) => resource.id),
    ),
  ];
}

/** Resources of the group that the template does not name: nothing happens to them. */
function ignored(world: ArmWorld, scope: string, named: readonly string[]): JsonObject[] {
  if (scope.split('/').length <= 3) return [];
  const known = new Set(named.map(keyOf));
  return world.store
    .below(scope)
    .filter(({ id, type }) => type.split('/').length === 2 && type !== RESOURCE_GROUP && !known.has(keyOf(id)))
    .map((resource) => ({ resourceId: resource.id, changeType: 'Ignore', before: present(world, resource) }));
}

function changed(world: ArmWorld, resource: StoredResource, after: JsonObject): JsonObject {
  const live = present(world, resource);
  const before = world.settings.whatIfNoise ? noisy(resource.type, live) : live;
  const wanted = withoutIdentity(after);
  const delta = differences(withoutIdentity(before), wanted, !world.settings.whatIfNoise);
  const changeType = delta.length === 0 ? 'NoChange' : 'Modify';
  return { resourceId: resource.id, changeType, before, after, ...(delta.length === 0 ? {} : { delta }) };
}

function withoutIdentity(body: JsonObject): JsonObject {
  const { id: _, name: __, type: ___, etag: ____, apiVersion: _____, ...rest } = body;
  return rest;
}

/**
 * Property by property, as Azure tells it: what a template does not write looks like a removal, although nothing is removed.
 * `quiet` leaves that out.
 */
function differences(before: JsonObject, after: JsonObject, quiet: boolean): JsonObject[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((path): JsonObject[] => {
    const [was, is] = [before[path], after[path]];
    if (was === undefined && is !== undefined) return [{ path, propertyChangeType: 'Create', after: is }];
    if (is === undefined && was !== undefined)
      return quiet ? [] : [{ path, propertyChangeType: 'Delete', before: was }];
    return was === undefined || is === undefined ? [] : difference(path, was, is, quiet);
  });
}

function difference(path: string, was: JsonValue, is: JsonValue, quiet: boolean): JsonObject[] {
  if (Array.isArray(was) && Array.isArray(is)) {
    const children = arrayDifferences(was, is, quiet);
    return children.length === 0 ? [] : [{ path, propertyChangeType: 'Array', before: was, after: is, children }];
  }
  if (isObject(was) && isObject(is)) {
    const children = differences(was, is, quiet);
    return children.length === 0 ? [] : [{ path, propertyChangeType: 'Modify', children }];
  }
  if (JSON.stringify(was) === JSON.stringify(is)) return [];
  const texts = typeof was === 'string' && typeof is === 'string';
  if (quiet && texts && was.toLowerCase() === is.toLowerCase()) return [];
  return [{ path, propertyChangeType: 'Modify', before: was, after: is }];
}

function arrayDifferences(was: readonly JsonValue[], is: readonly JsonValue[], quiet: boolean): JsonObject[] {
  const length = Math.max(was.length, is.length);
  return Array.from({ length }, (_, index) => index).flatMap((index): JsonObject[] => {
    const [old, next] = [was[index], is[index]];
    const path = String(index);
    if (old === undefined) return next === undefined ? [] : [{ path, propertyChangeType: 'Create', after: next }];
    if (next === undefined) return quiet ? [] : [{ path, propertyChangeType: 'Delete', before: old }];
    return difference(path, old, next, quiet);
  });
}

function nameOf(id: string): string {
  return id.split('/').at(-1) ?? '';
}
