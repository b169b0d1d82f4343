import { createHash } from 'node:crypto';

import { ArmFault, errorBody, statusName } from '../arm-fault.ts';
import { asText, isObject, objectAt, textAt } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { checkName } from '../name-rules.ts';
import { lastName } from '../resource-id.ts';
import { keyOf } from '../resource-store.ts';
import { writeResource } from '../resources.ts';
import type { ArmWorld } from '../world.ts';
import { evaluate } from './expression.ts';
import type { DeploymentOperation, DeploymentRecord } from './record.ts';
import { NESTED, planDeployment } from './template.ts';
import type { PlannedDeployment, PlannedResource } from './template.ts';

export interface DeploymentRequest {
  /** Group or subscription. */
  readonly scope: string;
  readonly name: string;
  readonly body: JsonObject;
}

export function deploymentId(scope: string, name: string): string {
  return `${scope}/providers/Microsoft.Resources/deployments/${name}`;
}

/**
 * Checks a deployment, remembers it and starts it.
 * @throws ArmFault DeploymentActive, DeploymentQuotaExceeded, InvalidTemplate and others, before anything is made
 */
export async function startDeployment(
  world: ArmWorld,
  request: DeploymentRequest,
): Promise<{ readonly record: DeploymentRecord; readonly operationId: string; readonly created: boolean }> {
  const { scope, name, body } = request;
  const id = deploymentId(scope, name);
  const before = world.deployments.get(keyOf(id));
  mayStart(world, request, before);
  const plan = await planDeployment(world, scope, objectAt(body, 'properties'));
  const record = recordOf(world, request, plan);
  world.deployments.set(keyOf(id), record);
  const run = new DeploymentRun(world, record.id, plan);
  const operation = await world.operations.start({
    subjectId: id,
    step: async () => run.next(),
    finish: async () => run.finish(),
  });
  return {
    record: world.deployments.get(keyOf(id)) ?? record,
    operationId: operation.id,
    created: before === undefined,
  };
}

/** What has to be true of any deployment, also of one that is only tried out. */
export function checkScope(world: ArmWorld, { scope, name, body }: DeploymentRequest): void {
  checkName('deployment', name);
  const inGroup = scope.split('/').length > 3;
  if (inGroup && world.store.get(scope) === undefined) {
    throw new ArmFault(404, 'ResourceGroupNotFound', `Resource group '${lastName(scope)}' could not be found.`);
  }
  if (!inGroup && textAt(body, 'location') === undefined) {
    const text = `The 'location' property must be specified for '${name}'. Please see https://aka.ms/arm-deployment-subscription for usage details.`;
    throw new ArmFault(400, 'LocationRequired', text);
  }
}

function mayStart(world: ArmWorld, request: DeploymentRequest, before: DeploymentRecord | undefined): void {
  checkScope(world, request);
  const { scope, name, body } = request;
  if (before !== undefined && world.operations.running(before.id) !== undefined) {
    const since = new Date(before.startedAt).toISOString();
    const text = `Unable to edit or replace deployment '${name}': previous deployment from '${since}' is still active. Please see https://aka.ms/arm-deploy for usage details.`;
    throw new ArmFault(409, 'DeploymentActive', text);
  }
  const location = textAt(body, 'location');
  if (before?.location !== undefined && location !== undefined && before.location !== location) {
    const text = `Invalid deployment location '${location}'. The deployment '${name}' already exists in location '${before.location}'.`;
    throw new ArmFault(409, 'InvalidDeploymentLocation', text);
  }
  const there = [...world.deployments.values()].filter((other) => keyOf(other.scope) === keyOf(scope)).length;
  if (before === undefined && there >= world.settings.historyLimit) {
    const text = `Creating the deployment '${name}' would exceed the quota of '${world.settings.historyLimit}'. The current deployment count is '${there}', please delete some deployments before creating a new one.`;
    throw new ArmFault(409, 'DeploymentQuotaExceeded', text);
  }
}

function recordOf(
  world: ArmWorld,
  { scope, name, body }: DeploymentRequest,
  plan: PlannedDeployment,
): DeploymentRecord {
  const template = objectAt(body, 'properties')['template'] ?? {};
  const digest = createHash('sha256').update(JSON.stringify(template)).digest();
  return {
    id: deploymentId(scope, name),
    name,
    scope,
    location: textAt(body, 'location'),
    tags: objectAt(body, 'tags'),
    correlationId: world.uuid(),
    templateHash: digest.readBigUInt64BE().toString(),
    provisioningState: 'Accepted',
    startedAt: world.clock(),
    endedAt: undefined,
    parameters: plan.shownParameters,
    outputs: {},
    outputResources: [],
    providers: [...new Set(plan.resources.map(({ type }) => type))],
    error: undefined,
    operations: [],
    template,
  };
}

/** One deployment under way. What was made stays, whatever comes after. */
class DeploymentRun {
  readonly #world: ArmWorld;
  readonly #id: string;
  readonly #plan: PlannedDeployment;
  #done = 0;
  readonly #failed = new Map<string, ArmFault>();

  constructor(world: ArmWorld, id: string, plan: PlannedDeployment) {
    this.#world = world;
    this.#id = id;
    this.#plan = plan;
  }

  /** Makes the next resource whose dependencies have been made. */
  async next(): Promise<void> {
    const resource = this.#plan.resources[this.#done];
    if (resource === undefined) return;
    this.#done += 1;
    this.#change({ provisioningState: 'Running' });
    const blocked = resource.dependsOn.some((needed) => this.#failed.has(keyOf(needed)));
    if (blocked) {
      this.#failed.set(keyOf(resource.id), new ArmFault(409, 'Conflict', 'A resource that it depends on failed.'));
      return;
    }
    try {
      const { status } = await this.#make(resource);
      this.#report(resource, 'Succeeded', statusName(status));
    } catch (error) {
      if (!(error instanceof ArmFault)) throw error;
      this.#failed.set(keyOf(resource.id), error);
      this.#report(resource, 'Failed', statusName(error.status), errorBody(error));
    }
  }

  async finish(): Promise<JsonValue | undefined> {
    while (this.#done < this.#plan.resources.length) await this.next();
    const endedAt = this.#world.clock();
    if (this.#failed.size > 0) {
      const fault = this.#failure();
      this.#change({ provisioningState: 'Failed', endedAt, error: errorBody(fault) });
      throw fault;
    }
    const outputs: JsonObject = {};
    for (const [name, output] of Object.entries(this.#plan.outputs)) {
      outputs[name] = await evaluate(output, this.#plan.context(false));
    }
    const outputResources = this.#plan.resources.map(({ id }) => this.#world.store.get(id)?.id ?? id);
    this.#change({ provisioningState: 'Succeeded', endedAt, outputs, outputResources });
    return undefined;
  }

  async #make({ id, type, apiVersion, body: written }: PlannedResource): Promise<{ readonly status: number }> {
    const context = this.#plan.context(false);
    if (type.toLowerCase() === NESTED.toLowerCase()) return this.#nested(id, written);
    const body = await evaluate(written, context);
    const outcome = await writeResource(this.#world, {
      path: id,
      apiVersion,
      body: isObject(body) ? body : {},
      immediately: true,
    });
    return { status: outcome.created ? 201 : 200 };
  }

  /** A deployment inside this one, into another group perhaps; its expressions are its own. */
  async #nested(id: string, written: JsonObject): Promise<{ readonly status: number }> {
    const properties = objectAt(written, 'properties');
    if (textAt(properties, 'expressionEvaluationOptions.scope')?.toLowerCase() !== 'inner') {
      throw new ArmFault(
        400,
        'InvalidTemplate',
        'Nested deployments are known here with the inner scope of evaluation only.',
      );
    }
    const context = this.#plan.context(false);
    const record = this.#record();
    const subscription = asText(await evaluate(written['subscriptionId'] ?? record.scope.split('/')[2] ?? '', context));
    const ownGroup = record.scope.split('/')[4];
    const group = written['resourceGroup'] === undefined ? ownGroup : await evaluate(written['resourceGroup'], context);
    const scope = `/subscriptions/${subscription}${group === undefined ? '' : `/resourceGroups/${asText(group)}`}`;
    const parameters = await evaluate(properties['parameters'] ?? {}, context);
    const inner: DeploymentRequest = {
      scope,
      name: lastName(id),
      body: { location: record.location ?? 'eastus', properties: { ...properties, parameters } },
    };
    mayStart(this.#world, inner, undefined);
    const plan = await planDeployment(this.#world, scope, objectAt(inner.body, 'properties'));
    const own = recordOf(this.#world, inner, plan);
    this.#world.deployments.set(keyOf(own.id), own);
    await new DeploymentRun(this.#world, own.id, plan).finish();
    return { status: 201 };
  }

  #failure(): ArmFault {
    const details = this.#record()
      .operations.filter(({ provisioningState }) => provisioningState === 'Failed')
      .map((operation): JsonObject => ({
        code: operation.statusCode,
        message: JSON.stringify({ error: operation.error ?? {} }, null, 2),
        target: operation.targetId,
      }));
    const text =
      'At least one resource deployment operation failed. Please list deployment operations for details. Please see https://aka.ms/arm-deployment-operations for usage details.';
    return new ArmFault(409, 'DeploymentFailed', text, { details, target: this.#id });
  }

  #report(
    resource: PlannedResource,
    provisioningState: DeploymentOperation['provisioningState'],
    statusCode: string,
    error?: JsonObject,
  ): void {
    const operation: DeploymentOperation = {
      operationId: this.#world.uuid().replaceAll('-', '').slice(0, 16).toUpperCase(),
      provisioningState,
      timestamp: new Date(this.#world.clock()).toISOString(),
      statusCode,
      targetId: resource.id,
      targetType: resource.type,
      ...(error === undefined ? {} : { error }),
    };
    this.#change({ operations: [...this.#record().operations, operation] });
  }

  #record(): DeploymentRecord {
    const record = this.#world.deployments.get(keyOf(this.#id));
    if (record === undefined) throw new ArmFault(404, 'DeploymentNotFound', `Deployment '${this.#id}' was removed.`);
    return record;
  }

  #change(changes: Partial<DeploymentRecord>): void {
    this.#world.deployments.set(keyOf(this.#id), { ...this.#record(), ...changes });
  }
}
