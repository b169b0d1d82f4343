import { ArmFault } from '../arm-fault.ts';
import { textAt } from '../json.ts';
import { isName } from '../name-rules.ts';
import { present } from '../resources.ts';
import { keyOf } from '../resource-store.ts';
import type { StoredResource } from '../resource-store.ts';
import { page, queryValue, route } from '../routing.ts';
import type { ArmRequest, Route } from '../routing.ts';
import { ASSIGNMENT, LOCK, scopeOf } from '../types/authorization.ts';
import {
  DELETED_VAULT,
  deletedVaultOf,
  deletedVaultView,
  isTaken,
  mustBePurgeable,
  purgeVault,
} from '../types/key-vaults.ts';
import { lookAtLinks } from '../types/network/subnets.ts';
import { resultAnswer, retryAfter, statusAnswer } from './answers.ts';
import type { JsonValue } from '../json.ts';
import type { ArmAnswer } from '../routing.ts';

/** Assignments or locks that count at a scope: those of it, above it and, unless told otherwise, below it. */
function extensionsAt({ world, query }: ArmRequest, scope: string, type: string): readonly StoredResource[] {
  const filter = queryValue(query, '$filter') ?? '';
  const here = keyOf(scope);
  const [, principal] = /(?:assignedTo\(\s*|principalId eq )'([^']+)'/i.exec(filter) ?? [];
  if (filter !== '' && principal === undefined && !/atScope\(\)/i.test(filter)) {
    throw new ArmFault(400, 'InvalidFilter', `The filter '${filter}' is not supported.`);
  }
  return world.store.ofType(type).filter((resource) => {
    const at = keyOf(scopeOf(resource.id));
    const above = `${here}/`.startsWith(`${at}/`);
    const below = at.startsWith(`${here}/`) && !/atScope\(\)/i.test(filter);
    const fits = principal === undefined || textAt(resource.body, 'properties.principalId') === principal;
    return fits && (above || below);
  });
}

function extensionList(request: ArmRequest, scope: string, type: string): ArmAnswer {
  const found = extensionsAt(request, scope, type);
  return page(
    request,
    found.map((resource) => present(request.world, resource)),
  );
}

function nameAvailability({ world, body }: ArmRequest): ArmAnswer {
  const name = textAt(body, 'name') ?? '';
  const no = (reason: string, message: string): JsonValue => ({ nameAvailable: false, reason, message });
  if (!isName('vault', name)) {
    return { status: 200, body: no('AccountNameInvalid', 'Vault name must be between 3-24 alphanumeric characters.') };
  }
  const taken = isTaken(world, name);
  return {
    status: 200,
    body: taken ? no('AlreadyExists', `The vault name '${name}' is already in use.`) : { nameAvailable: true },
  };
}

function deletedVault(request: ArmRequest, subscriptionId: string, name: string): StoredResource {
  const found = deletedVaultOf(request.world, subscriptionId, name);
  if (found !== undefined) return found;
  throw new ArmFault(404, 'DeletedVaultNotFound', `The specified deleted vault '${name}' does not exist.`);
}

async function purge(request: ArmRequest, subscriptionId: string, name: string): Promise<ArmAnswer> {
  const { world, origin } = request;
  const vault = deletedVault(request, subscriptionId, name);
  const location = textAt(vault.body, 'properties.location') ?? '';
  mustBePurgeable(vault);
  const finish = async (): Promise<undefined> => {
    await purgeVault(vault, world);
    return undefined;
  };
  const operation = await world.operations.start({ subjectId: vault.id, finish });
  const url = `${origin}/subscriptions/${subscriptionId}/providers/Microsoft.KeyVault/locations/${location}/operationResults/${operation.id}?api-version=${request.apiVersion}`;
  return { status: 202, headers: { Location: url, ...retryAfter(request) } };
}

/** Lists and actions that belong to one provider. */
export const providerRoutes: readonly Route[] = [
  route('GET', '{+scope}/providers/Microsoft.Authorization/roleAssignments', (request, { scope = '' }) =>
    extensionList(request, scope, ASSIGNMENT),
  ),
  route('GET', '{+scope}/providers/Microsoft.Authorization/locks', (request, { scope = '' }) =>
    extensionList(request, scope, LOCK),
  ),
  route('GET', '{+scope}/providers/Microsoft.Authorization/permissions', (request) => {
    const permissions = request.world.settings.permissions.map(
      ({ actions, notActions, dataActions = [], notDataActions = [], condition }): JsonValue => ({
        actions: [...actions],
        notActions: [...notActions],
        dataActions: [...dataActions],
        notDataActions: [...notDataActions],
        ...(condition === undefined ? {} : { condition, conditionVersion: '2.0' }),
      }),
    );
    return page(request, permissions);
  }),
  route('POST', 'subscriptions/{s}/providers/Microsoft.KeyVault/checkNameAvailability', nameAvailability),
  route('GET', 'subscriptions/{s}/providers/Microsoft.KeyVault/deletedVaults', (request, { s = '' }) => {
    const prefix = keyOf(`/subscriptions/${s}/`);
    const found = request.world.store.ofType(DELETED_VAULT).filter(({ id }) => keyOf(id).startsWith(prefix));
    return page(request, found.map(deletedVaultView));
  }),
  route(
    'GET',
    'subscriptions/{s}/providers/Microsoft.KeyVault/locations/{l}/deletedVaults/{n}',
    (request, { s = '', n = '' }) => ({ status: 200, body: deletedVaultView(deletedVault(request, s, n)) }),
  ),
  route(
    'POST',
    'subscriptions/{s}/providers/Microsoft.KeyVault/locations/{l}/deletedVaults/{n}/purge',
    async (request, { s = '', n = '' }) => purge(request, s, n),
  ),
  route('GET', '{+network}/subnets/{n}/serviceAssociationLinks', ({ world, path }): ArmAnswer => {
    const subnet = world.store.get(path.split('/').slice(0, -1).join('/'));
    return { status: 200, body: { value: subnet === undefined ? [] : lookAtLinks(world, subnet.id) } };
  }),
  ...['operations', 'operationStatuses'].map((word) =>
    route('GET', `subscriptions/{s}/providers/{ns}/locations/{l}/${word}/{id}`, async (request, { id = '' }) => {
      const operation = await request.world.operations.look(id);
      if (operation === undefined) throw forgotten(id);
      return statusAnswer(request, operation);
    }),
  ),
  route('GET', 'subscriptions/{s}/providers/{ns}/locations/{l}/operationResults/{id}', async (request, { id = '' }) => {
    const operation = await request.world.operations.look(id);
    if (operation === undefined) throw forgotten(id);
    return resultAnswer(request, operation);
  }),
];

function forgotten(id: string): ArmFault {
  return new ArmFault(404, 'OperationNotFound', `The operation '${id}' was not found.`);
}
