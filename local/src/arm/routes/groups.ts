import { ArmFault } from '../arm-fault.ts';
import { asText, compact } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { present } from '../resources.ts';
import { keyOf } from '../resource-store.ts';
import type { StoredResource } from '../resource-store.ts';
import { page, queryValue, route } from '../routing.ts';
import type { ArmRequest, Route } from '../routing.ts';
import { DELETED_VAULT } from '../types/key-vaults.ts';
import { RESOURCE_GROUP } from '../types/resource-groups.ts';
import { resultAnswer } from './answers.ts';

/** Resources of the first level: what a list of a group's resources holds. */
function isListed({ type, id }: StoredResource): boolean {
  const extension = id.toLowerCase().split('/providers/').length > 2;
  return type.split('/').length === 2 && type !== RESOURCE_GROUP && type !== DELETED_VAULT && !extension;
}

function listEntry(request: ArmRequest, resource: StoredResource): JsonObject {
  const { id, name, type, location, tags, managedBy, sku, identity, kind } = present(request.world, resource);
  return compact({ id, name, type, location, tags, managedBy, sku, identity, kind });
}

/** The part of OData that clients use: `resourceType eq '…'`, `name eq '…'`, `tagName eq '…' and tagValue eq '…'`. */
function fits(resource: JsonObject, filter: string | undefined): boolean {
  if (filter === undefined || filter === '') return true;
  return filter.split(/ and /i).every((term) => {
    const [, field = '', value = ''] = /^\s*\(?\s*(\w+)\s+eq\s+'([^']*)'\s*\)?\s*$/.exec(term) ?? [];
    const tags = resource['tags'];
    switch (field.toLowerCase()) {
      case 'resourcetype':
        return asText(resource['type'] ?? '').toLowerCase() === value.toLowerCase();
      case 'name':
        return asText(resource['name'] ?? '').toLowerCase() === value.toLowerCase();
      case 'location':
        return resource['location'] === value;
      case 'tagname':
        return typeof tags === 'object' && tags !== null && Object.hasOwn(tags, value);
      case 'tagvalue':
        return typeof tags === 'object' && tags !== null && Object.values(tags).includes(value);
      default:
        throw new ArmFault(
          400,
          'InvalidFilterInQueryString',
          `Invalid $filter '${filter}' specified in the query string.`,
        );
    }
  });
}

function listed(request: ArmRequest, scope: string): JsonObject[] {
  const filter = queryValue(request.query, '$filter');
  return request.world.store
    .below(scope)
    .filter(isListed)
    .map((resource) => listEntry(request, resource))
    .filter((entry) => fits(entry, filter));
}

/** Groups and what lies in them; reading and writing one group is like any resource. */
export const groupRoutes: readonly Route[] = [
  route('GET', 'subscriptions/{s}/resourcegroups', (request, { s = '' }) => {
    const prefix = keyOf(`/subscriptions/${s}/`);
    const groups = request.world.store.ofType(RESOURCE_GROUP).filter(({ id }) => keyOf(id).startsWith(prefix));
    return page(
      request,
      groups.map((group) => present(request.world, group)),
    );
  }),
  route('HEAD', 'subscriptions/{s}/resourcegroups/{g}', ({ world, path }) => ({
    status: world.store.get(path) === undefined ? 404 : 204,
  })),
  route('GET', 'subscriptions/{s}/resources', (request, { s = '' }) =>
    page(request, listed(request, `/subscriptions/${s}`)),
  ),
  route('GET', 'subscriptions/{s}/resourcegroups/{g}/resources', (request, { s = '', g = '' }) => {
    const scope = `/subscriptions/${s}/resourceGroups/${g}`;
    if (request.world.store.get(scope) === undefined) {
      throw new ArmFault(404, 'ResourceGroupNotFound', `Resource group '${g}' could not be found.`);
    }
    return page(request, listed(request, scope));
  }),
  route('GET', 'subscriptions/{s}/operationresults/{id}', async (request, { id = '' }) => {
    const operation = await request.world.operations.look(id);
    if (operation === undefined) throw new ArmFault(404, 'OperationNotFound', `The operation '${id}' was not found.`);
    return resultAnswer(request, operation);
  }),
];
