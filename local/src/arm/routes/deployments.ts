import { mustBeAllowed, mustHaveSubscription } from '../access.ts';
import { ArmFault, errorBody } from '../arm-fault.ts';
import { checkScope, deploymentId, startDeployment } from '../deployments/deployment.ts';
import type { DeploymentRequest } from '../deployments/deployment.ts';
import type { DeploymentOperation, DeploymentRecord } from '../deployments/record.ts';
import { planDeployment } from '../deployments/template.ts';
import { forecast } from '../deployments/what-if.ts';
import { compact, objectAt } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { lastName } from '../resource-id.ts';
import { keyOf } from '../resource-store.ts';
import { page, route } from '../routing.ts';
import type { ArmAnswer, ArmRequest, Route } from '../routing.ts';
import { mustNotBeLocked } from '../types/authorization.ts';
import { retryAfter } from './answers.ts';

const DEPLOYMENTS = 'providers/Microsoft.Resources/deployments';

function deploymentBody(record: DeploymentRecord): JsonObject {
  return compact({
    id: record.id,
    name: record.name,
    type: 'Microsoft.Resources/deployments',
    location: record.location,
    tags: record.tags,
    properties: compact({
      templateHash: record.templateHash,
      parameters: record.parameters,
      mode: 'Incremental',
      provisioningState: record.provisioningState,
      timestamp: new Date(record.endedAt ?? record.startedAt).toISOString(),
      duration: duration((record.endedAt ?? record.startedAt) - record.startedAt),
      correlationId: record.correlationId,
      providers: providersOf(record),
      dependencies: [],
      outputs: record.outputs,
      outputResources: record.outputResources.map((id) => ({ id })),
      error: record.error,
    }),
  });
}

/** ISO 8601: `PT12.5S`. */
function duration(ms: number): string {
  return `PT${ms / 1000}S`;
}

function providersOf({ providers }: DeploymentRecord): JsonValue[] {
  const namespaces = [...new Set(providers.map((type) => type.split('/')[0] ?? ''))];
  return namespaces.map((namespace) => ({
    namespace,
    resourceTypes: providers
      .filter((type) => type.startsWith(`${namespace}/`))
      .map((type) => ({ resourceType: type.split('/').slice(1).join('/'), locations: [null] })),
  }));
}

function operationBody(record: DeploymentRecord, operation: DeploymentOperation): JsonObject {
  const { operationId, provisioningState, timestamp, statusCode, targetId, targetType, error } = operation;
  return {
    id: `${record.id}/operations/${operationId}`,
    operationId,
    properties: compact({
      provisioningOperation: 'Create',
      provisioningState,
      timestamp,
      duration: 'PT1S',
      trackingId: record.correlationId,
      statusCode,
      statusMessage: error === undefined ? undefined : { status: 'Failed', error },
      targetResource: { id: targetId, resourceType: targetType, resourceName: lastName(targetId) },
    }),
  };
}

function recordAt(request: ArmRequest, scope: string, name: string): DeploymentRecord {
  const record = request.world.deployments.get(keyOf(deploymentId(scope, name)));
  if (record !== undefined) return record;
  throw new ArmFault(404, 'DeploymentNotFound', `Deployment '${name}' could not be found.`);
}

function deploymentRequest(request: ArmRequest, scope: string, name: string): DeploymentRequest {
  mustHaveSubscription(request.world, scope.split('/')[2] ?? '');
  return { scope: canonicalScope(request, scope), name, body: request.body ?? {} };
}

/** The scope in the spelling of the group that exists. */
function canonicalScope({ world }: ArmRequest, scope: string): string {
  const spelled = scope
    .replace(/\/resourcegroups\//i, '/resourceGroups/')
    .replace(/^\/subscriptions\//i, '/subscriptions/');
  return world.store.get(spelled)?.id ?? spelled;
}

async function put(request: ArmRequest, scope: string, name: string): Promise<ArmAnswer> {
  const { world, origin } = request;
  const wanted = deploymentRequest(request, scope, name);
  mustBeAllowed(world, 'Microsoft.Resources/deployments/write', wanted.scope);
  mustNotBeLocked(world, wanted.scope, 'write');
  const { record, operationId, created } = await startDeployment(world, wanted);
  const url = `${origin}${encodeURI(record.id)}/operationStatuses/${operationId}?api-version=${request.apiVersion}`;
  return {
    status: created ? 201 : 200,
    body: deploymentBody(record),
    headers: { 'Azure-AsyncOperation': url, ...retryAfter(request) },
  };
}

async function get(request: ArmRequest, scope: string, name: string): Promise<ArmAnswer> {
  const { world } = request;
  await world.operations.lookAt(recordAt(request, scope, name).id);
  return { status: 200, body: deploymentBody(recordAt(request, scope, name)) };
}

async function remove(request: ArmRequest, scope: string, name: string): Promise<ArmAnswer> {
  const { world } = request;
  const record = world.deployments.get(keyOf(deploymentId(scope, name)));
  if (record === undefined) return { status: 204 };
  if (world.operations.running(record.id) !== undefined) {
    throw new ArmFault(409, 'DeploymentActive', `The deployment '${name}' is still active and cannot be deleted.`);
  }
  const operation = await world.operations.start({
    subjectId: `${record.id}#removal`,
    finish: async () => {
      world.deployments.delete(keyOf(record.id));
      return undefined;
    },
  });
  return { status: 202, headers: { Location: resultUrl(request, operation.id), ...retryAfter(request) } };
}

function cancel(request: ArmRequest, scope: string, name: string): ArmAnswer {
  const { world } = request;
  const record = recordAt(request, scope, name);
  if (!world.operations.cancel(record.id)) {
    const text = `Unable to cancel deployment '${name}': it is in state '${record.provisioningState}'.`;
    throw new ArmFault(409, 'DeploymentCannotBeCancelled', text);
  }
  world.deployments.set(keyOf(record.id), { ...record, provisioningState: 'Canceled', endedAt: world.clock() });
  return { status: 204 };
}

/** A failed validation has three shapes: refused, a value with an error, or refused when polled. */
async function validate(request: ArmRequest, scope: string, name: string): Promise<ArmAnswer> {
  const { world } = request;
  const wanted = deploymentRequest(request, scope, name);
  const verdict = await validation(request, wanted);
  if (world.settings.validationAnswer === 'polled') {
    const operation = await world.operations.start({
      subjectId: `${deploymentId(wanted.scope, name)}#validation`,
      finish: async () => {
        if (verdict instanceof ArmFault) throw verdict;
        return verdict;
      },
    });
    return { status: 202, headers: { Location: resultUrl(request, operation.id), ...retryAfter(request) } };
  }
  if (!(verdict instanceof ArmFault)) return { status: 200, body: verdict };
  if (world.settings.validationAnswer === 'value') return { status: 200, body: { error: errorBody(verdict) } };
  throw new ArmFault(400, verdict.armCode, verdict.message, verdict.options);
}

async function validation({ world }: ArmRequest, wanted: DeploymentRequest): Promise<JsonObject | ArmFault> {
  try {
    checkScope(world, wanted);
    const plan = await planDeployment(world, wanted.scope, objectAt(wanted.body, 'properties'));
    return {
      id: deploymentId(wanted.scope, wanted.name),
      name: wanted.name,
      type: 'Microsoft.Resources/deployments',
      properties: {
        provisioningState: 'Succeeded',
        mode: 'Incremental',
        parameters: plan.shownParameters,
        correlationId: world.uuid(),
        validatedResources: plan.resources.map(({ id }) => ({ id })),
      },
    };
  } catch (error) {
    if (error instanceof ArmFault) return error;
    throw error;
  }
}

async function whatIf(request: ArmRequest, scope: string, name: string): Promise<ArmAnswer> {
  const { world } = request;
  const wanted = deploymentRequest(request, scope, name);
  const body = await forecast(world, wanted);
  const subjectId = `${deploymentId(wanted.scope, name)}#forecast`;
  const operation = await world.operations.start({ subjectId, finish: async () => body });
  if (operation.state === 'Succeeded') return { status: 200, body };
  return { status: 202, headers: { Location: resultUrl(request, operation.id), ...retryAfter(request) } };
}

function resultUrl(request: ArmRequest, operationId: string): string {
  const subscription = request.path.split('/').slice(0, 3).join('/');
  return `${request.origin}${subscription}/providers/Microsoft.Resources/locations/eastus/operationResults/${operationId}?api-version=${request.apiVersion}`;
}

async function status(request: ArmRequest, scope: string, name: string, id: string): Promise<ArmAnswer> {
  const operation = await request.world.operations.look(id);
  if (operation === undefined) {
    throw new ArmFault(404, 'DeploymentOperationNotFound', `The operation '${id}' of '${name}' was not found.`);
  }
  const record = request.world.deployments.get(keyOf(deploymentId(scope, name)));
  const running = operation.state === 'Running';
  return {
    status: 200,
    body: {
      status: running ? (record?.provisioningState ?? 'Running') : operation.state,
      ...(operation.error === undefined ? {} : { error: operation.error }),
    },
    headers: running ? retryAfter(request) : {},
  };
}

/** A route at a group or subscription. */
function at(
  methods: string,
  path: string,
  handle: (request: ArmRequest, scope: string, name: string, id: string) => Promise<ArmAnswer> | ArmAnswer,
): Route {
  return route(methods, `{+scope}/${path}`, async (request, { scope = '', name = '', id = '' }) =>
    handle(request, scope, name, id),
  );
}

function operationsOf(request: ArmRequest, scope: string, name: string): ArmAnswer {
  const record = recordAt(request, scope, name);
  return page(
    request,
    record.operations.map((operation) => operationBody(record, operation)),
  );
}

/** Deployments of groups and subscriptions. */
export const deploymentRoutes: readonly Route[] = [
  at('PUT', `${DEPLOYMENTS}/{name}`, put),
  at('GET', `${DEPLOYMENTS}/{name}`, get),
  at('HEAD', `${DEPLOYMENTS}/{name}`, ({ world }, scope, name) => ({
    status: world.deployments.has(keyOf(deploymentId(scope, name))) ? 204 : 404,
  })),
  at('DELETE', `${DEPLOYMENTS}/{name}`, remove),
  at('GET', DEPLOYMENTS, (request, scope) => {
    const records = [...request.world.deployments.values()].filter((record) => keyOf(record.scope) === keyOf(scope));
    return page(request, records.map(deploymentBody));
  }),
  at('POST', `${DEPLOYMENTS}/{name}/cancel`, cancel),
  at('POST', `${DEPLOYMENTS}/{name}/validate`, validate),
  at('POST', `${DEPLOYMENTS}/{name}/whatIf`, whatIf),
  at('POST', `${DEPLOYMENTS}/{name}/exportTemplate`, (request, scope, name) => ({
    status: 200,
    body: { template: recordAt(request, scope, name).template },
  })),
  at('GET', `${DEPLOYMENTS}/{name}/operationStatuses/{id}`, status),
  at('GET', `${DEPLOYMENTS}/{name}/operations`, operationsOf),
  // Of a group, the client leaves the provider out.
  at('GET', 'deployments/{name}/operations', operationsOf),
];
