import { checkVersion, mustBeAllowed, mustHaveSubscription, unknownType } from '../access.ts';
import { ArmFault } from '../arm-fault.ts';
import { overlay } from '../json.ts';
import { parseResourceId } from '../resource-id.ts';
import { keyOf } from '../resource-store.ts';
import { identify, notFound, present, removeResource, writeResource } from '../resources.ts';
import { page, route } from '../routing.ts';
import type { ArmAnswer, ArmRequest, Route } from '../routing.ts';
import { kindOf } from '../types/index.ts';
import { etagOf, removedAnswer, writtenAnswer } from './answers.ts';

async function read(request: ArmRequest): Promise<ArmAnswer> {
  const { world, path } = request;
  const id = parseResourceId(path);
  if (id === undefined) return list(request);
  const kind = kindOf(id.type);
  if (kind === undefined) throw unknownType(id.type);
  checkVersion(kind, request.apiVersion);
  mustHaveSubscription(world, id.subscriptionId);
  await world.operations.lookAt(path);
  const resource = (await kind.find?.(world, id)) ?? world.store.get(path);
  if (resource === undefined) throw notFound(id);
  const body = present(world, resource);
  return { status: 200, body, headers: etagOf(body) };
}

/** A list: an id without the last name, in a subscription or a group or below a resource. */
function list(request: ArmRequest): ArmAnswer {
  const { world, path } = request;
  const id = parseResourceId(`${path}/-`);
  const kind = id === undefined ? undefined : kindOf(id.type);
  if (id === undefined || kind === undefined) throw unknownType(id?.type ?? path);
  checkVersion(kind, request.apiVersion);
  mustHaveSubscription(world, id.subscriptionId);
  const { resourceGroup, subscriptionId } = id;
  const group =
    resourceGroup === undefined ? undefined : `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;
  if (group !== undefined && world.store.get(group) === undefined)
    throw notFound({ ...id, type: 'Microsoft.Resources/resourceGroups', name: resourceGroup ?? '' });
  const parent = id.name.includes('/') ? path.split('/').slice(0, -1).join('/') : id.scope;
  const kept = world.store.ofType(kind.type).filter((resource) => keyOf(resource.id).startsWith(`${keyOf(parent)}/`));
  const others = group === undefined ? [] : (kind.others?.(world, group) ?? []);
  return page(
    request,
    [...kept, ...others].map((resource) => present(world, resource)),
  );
}

async function write(request: ArmRequest): Promise<ArmAnswer> {
  const { world, path, apiVersion, body, headers } = request;
  if (body === undefined) throw new ArmFault(400, 'InvalidRequestContent', 'The request has no body.');
  const outcome = await writeResource(world, { path, apiVersion, body, ifMatch: headers['if-match'] });
  return writtenAnswer(request, outcome);
}

/** Writes what is there with the members of the body laid over it. */
async function patch(request: ArmRequest): Promise<ArmAnswer> {
  const { world, path, apiVersion, body = {} } = request;
  const resource = world.store.get(path);
  if (resource === undefined) throw notFound(identify(path).id);
  const merged = overlay(present(world, resource), body);
  const outcome = await writeResource(world, { path, apiVersion, body: merged });
  return { ...writtenAnswer(request, outcome), status: 200 };
}

async function remove(request: ArmRequest): Promise<ArmAnswer> {
  const { world, path, apiVersion } = request;
  const id = parseResourceId(path);
  if (id?.type === 'Microsoft.Resources/resourceGroups' && world.store.get(path) === undefined) throw notFound(id);
  return removedAnswer(request, await removeResource(world, path, apiVersion));
}

async function act(request: ArmRequest, target: string, action: string): Promise<ArmAnswer> {
  const { world, body } = request;
  const { id, kind } = identify(target);
  const perform = kind.actions?.[action.toLowerCase()];
  if (perform === undefined) throw unknownType(`${id.type}/${action}`);
  checkVersion(kind, request.apiVersion);
  mustBeAllowed(world, `${kind.type}/${action}/action`, id.text);
  const resource = world.store.get(target);
  if (resource === undefined) throw notFound(id);
  return { status: 200, body: await perform(resource, world, body) };
}

/** Whatever has no route of its own: any resource by its id, lists, and actions. */
export const resourceRoutes: readonly Route[] = [
  route('GET', '{+id}', read),
  route('HEAD', '{+id}', async (request) => {
    const { status } = await read(request);
    return { status: status === 200 ? 204 : status };
  }),
  route('PUT', '{+id}', write),
  route('PATCH', '{+id}', patch),
  route('DELETE', '{+id}', remove),
  route('POST', '{+target}/{action}', async (request, { target = '', action = '' }) => act(request, target, action)),
];
