import { checkVersion, mustBeRegistered, mustHaveSubscription, unknownType } from '../access.ts';
import { ArmFault, errorBody } from '../arm-fault.ts';
import { asText, isObject, objectAt, objectsAt, textAt, valueAt } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { checkName } from '../name-rules.ts';
import { isSecure } from '../recorder.ts';
import { lastName, parseResourceId, resourceIdOf } from '../resource-id.ts';
import { keyOf } from '../resource-store.ts';
import { writable } from '../shape.ts';
import { kindOf } from '../types/index.ts';
import { tenantOf } from '../types/managed-identities.ts';
import { present } from '../resources.ts';
import type { ArmWorld } from '../world.ts';
import { checkExpressions, evaluate, isExpression } from './expression.ts';
import type { ExpressionContext } from './expression.ts';

export const NESTED = 'Microsoft.Resources/deployments';

/** A resource of a template, its place worked out. */
export interface PlannedResource {
  readonly id: string;
  readonly type: string;
  readonly apiVersion: string;
  /** Ids of others of the same template. */
  readonly dependsOn: readonly string[];
  /** Not evaluated yet: some values are known only when others have been made. */
  readonly body: JsonObject;
}

/** A deployment that may begin. */
export interface PlannedDeployment {
  /** In an order in which they can be made. */
  readonly resources: readonly PlannedResource[];
  /** As history shows them: secure ones have no value. */
  readonly shownParameters: JsonObject;
  readonly outputs: JsonObject;
  readonly context: (tolerant: boolean) => ExpressionContext;
}

const invalidTemplate = (text: string): ArmFault =>
  new ArmFault(400, 'InvalidTemplate', `Deployment template validation failed: '${text}'.`);

/** Reads and checks a template. @throws ArmFault InvalidTemplate, InvalidTemplateDeployment and others */
export async function planDeployment(
  world: ArmWorld,
  scope: string,
  properties: JsonObject,
): Promise<PlannedDeployment> {
  const template = properties['template'];
  if (!isObject(template)) throw new ArmFault(400, 'InvalidRequestContent', 'The request has no template.');
  if (textAt(properties, 'mode')?.toLowerCase() !== 'incremental') {
    throw new ArmFault(400, 'InvalidRequestContent', 'Only the mode Incremental is known here.', {
      target: 'properties.mode',
    });
  }
  const parameters = readParameters(objectAt(template, 'parameters'), objectAt(properties, 'parameters'));
  checkExpressions(valueAt(template, 'resources') ?? [], Object.keys(parameters.values));
  const context = (tolerant: boolean): ExpressionContext =>
    contextFor(world, scope, tolerant ? parameters.open : parameters.values, tolerant);
  const resources: PlannedResource[] = [];
  for (const resource of objectsAt(template, 'resources')) {
    resources.push(await planResource(resource, scope, context(true)));
  }
  const ordered = inOrder(resources);
  preflight(world, ordered);
  return {
    resources: ordered,
    shownParameters: parameters.shown,
    outputs: objectAt(template, 'outputs'),
    context,
  };
}

function readParameters(
  declared: JsonObject,
  given: JsonObject,
): {
  readonly values: Record<string, JsonValue>;
  /** Those that are not secure: forecasts know no others. */
  readonly open: Record<string, JsonValue>;
  readonly shown: JsonObject;
} {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(declared, name));
  if (unknown.length > 0) {
    const names = unknown.map((name) => `'${name}'`).join(', ');
    throw invalidTemplate(
      `The following parameters were supplied, but do not correspond to any parameters defined in the template: ${names}`,
    );
  }
  const values: Record<string, JsonValue> = {};
  const open: Record<string, JsonValue> = {};
  const shown: JsonObject = {};
  for (const [name, declaration] of Object.entries(declared)) {
    const type = textAt(declaration, 'type') ?? 'string';
    const value = valueAt(given[name], 'value') ?? valueAt(declaration, 'defaultValue');
    if (value === undefined) throw invalidTemplate(`The value for the template parameter '${name}' is not provided`);
    const expected = type.toLowerCase().replace('secure', '');
    if (expected === 'string' && typeof value !== 'string') {
      throw invalidTemplate(
        `The provided value for the template parameter '${name}' is not valid. Expected a value of type 'String'`,
      );
    }
    values[name] = value;
    if (!isSecure(type)) open[name] = value;
    shown[name] = isSecure(type) ? { type: 'SecureString' } : { type, value };
  }
  return { values, open, shown };
}

const RESERVED = new Set(['type', 'apiVersion', 'name', 'scope', 'dependsOn', 'condition', 'comments']);

async function planResource(resource: JsonObject, scope: string, context: ExpressionContext): Promise<PlannedResource> {
  const { type, apiVersion, name: named } = resource;
  if (typeof type !== 'string' || typeof apiVersion !== 'string' || typeof named !== 'string') {
    throw invalidTemplate('A resource needs type, apiVersion and name');
  }
  const name = asText(await evaluate(named, context));
  if (name.split('/').length !== type.split('/').length - 1) {
    throw invalidTemplate(`The template resource '${name}' of type '${type}' has an incorrect segment length`);
  }
  const target = resource['scope'] === undefined ? undefined : asText(await evaluate(resource['scope'], context));
  const dependsOn: string[] = [];
  const listed = resource['dependsOn'];
  for (const needed of Array.isArray(listed) ? listed : []) dependsOn.push(asText(await evaluate(needed, context)));
  return {
    id: resourceIdOf(target === undefined ? scope : `${scope}/providers/${target}`, type, name),
    type,
    apiVersion,
    dependsOn,
    body: Object.fromEntries(Object.entries(resource).filter(([member]) => !RESERVED.has(member))),
  };
}

function inOrder(resources: readonly PlannedResource[]): readonly PlannedResource[] {
  const byId = new Map<string, PlannedResource>();
  for (const resource of resources) {
    if (byId.has(keyOf(resource.id))) throw invalidTemplate(`The resource '${resource.id}' is defined multiple times`);
    byId.set(keyOf(resource.id), resource);
  }
  const done = new Set<PlannedResource>();
  const visit = (resource: PlannedResource, trail: readonly PlannedResource[]): void => {
    if (done.has(resource)) return;
    if (trail.includes(resource)) throw invalidTemplate(`Circular dependency detected on resource: '${resource.id}'`);
    for (const needed of resource.dependsOn) {
      const other = byId.get(keyOf(needed));
      if (other === undefined) throw invalidTemplate(`The resource '${needed}' is not defined in the template`);
      visit(other, [...trail, resource]);
    }
    done.add(resource);
  };
  for (const resource of resources) visit(resource, []);
  return [...done];
}

/** What can be said before anything is made. */
function preflight(world: ArmWorld, resources: readonly PlannedResource[]): void {
  const faults = resources.flatMap((resource): ArmFault[] => {
    try {
      checkResource(world, resource);
      return [];
    } catch (error) {
      if (error instanceof ArmFault) return [error];
      throw error;
    }
  });
  const [first] = faults;
  if (first === undefined) return;
  if (first.armCode === 'MissingSubscriptionRegistration') throw first;
  const text = `The template deployment is not valid according to the validation procedure. See inner errors for details.`;
  throw new ArmFault(400, 'InvalidTemplateDeployment', text, { details: faults.map(errorBody) });
}

function checkResource(world: ArmWorld, { id: text, type, apiVersion, body }: PlannedResource): void {
  if (type.toLowerCase() === NESTED.toLowerCase()) return;
  const [id, kind] = [parseResourceId(text), kindOf(type)];
  if (id === undefined || kind === undefined) throw unknownType(type);
  checkVersion(kind, apiVersion);
  mustHaveSubscription(world, id.subscriptionId);
  mustBeRegistered(world, id);
  if (kind.name !== undefined && !isExpression(lastName(text))) checkName(kind.name, lastName(text));
  writable(body, kind.shape);
}

function contextFor(
  world: ArmWorld,
  scope: string,
  parameters: Readonly<Record<string, JsonValue>>,
  tolerant: boolean,
): ExpressionContext {
  const subscriptionId = scope.split('/')[2] ?? '';
  const group = scope.split('/').length > 3 ? world.store.get(scope) : undefined;
  return {
    parameters,
    subscription: {
      id: `/subscriptions/${subscriptionId}`,
      subscriptionId,
      tenantId: tenantOf(world, subscriptionId),
    },
    resourceGroup: group === undefined ? undefined : present(world, group),
    resourceId: (type, name) => resourceIdOf(scope, type, name),
    reference: (id, apiVersion) => {
      const resource = world.store.get(id);
      const kind = kindOf(resource?.type ?? '');
      if (resource === undefined || kind === undefined) return undefined;
      if (apiVersion !== undefined) checkVersion(kind, apiVersion);
      return present(world, resource);
    },
    listKeys: async (id) => {
      const resource = world.store.get(id);
      return resource === undefined
        ? undefined
        : kindOf(resource.type)?.actions?.['listkeys']?.(resource, world, undefined);
    },
    tolerant,
  };
}
