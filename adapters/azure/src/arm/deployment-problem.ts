import type { AzureProblem, DeploymentState, JsonObject } from '@holdfast/deployment';
import { PlatformError } from '@holdfast/base';

import { depthOf, isObject, problemOf } from './azure-problem.ts';
import { DEPLOYMENTS_API } from './sdk.ts';
import type { Wire } from './wire.ts';

const MAX_NESTING = 4;

/** Path of a deployment. */
export function deploymentPath(subscriptionId: string, resourceGroup: string | undefined, name: string): string {
  const group = resourceGroup === undefined ? '' : `/resourcegroups/${resourceGroup}`;
  return `/subscriptions/${subscriptionId}${group}/providers/Microsoft.Resources/deployments/${name}`;
}

/** What a deployment says about itself, without the cause of a failure. */
export function stateOf(name: string, deployment: JsonObject): Omit<DeploymentState, 'problem'> {
  const properties = isObject(deployment['properties']) ? deployment['properties'] : {};
  const { provisioningState, correlationId, outputs } = properties;
  return {
    name,
    provisioningState: typeof provisioningState === 'string' ? provisioningState : 'Unknown',
    correlationId: typeof correlationId === 'string' ? correlationId : undefined,
    tags: (isObject(deployment['tags']) ? deployment['tags'] : {}) as Readonly<Record<string, string>>,
    outputs: isObject(outputs) ? outputs : {},
  };
}

/**
 * The deepest cause of a failed deployment. The deployment itself often says no more than that it failed; what failed, and
 * why, is in its operations, and for nested deployments in theirs.
 */
export async function deploymentProblem(
  wire: Wire,
  path: string,
  deployment: JsonObject,
  signal: AbortSignal | undefined,
): Promise<AzureProblem> {
  const { provisioningState, correlationId } = stateOf('', deployment);
  const properties = isObject(deployment['properties']) ? deployment['properties'] : {};
  const own = problemOf(properties['error'], { correlationId });
  const canceled = /^cancell?ed$/i.test(provisioningState);
  const outer = own === undefined ? [] : [own.path[0] ?? own.code];
  const below = canceled ? undefined : await failedOperation(wire, path, { correlationId, outer, signal, depth: 0 });
  if (below !== undefined && (own === undefined || depthOf(below) >= depthOf(own))) return below;
  if (own !== undefined)
    return { ...own, ...(below?.resourceId === undefined ? {} : { resourceId: below.resourceId }) };
  return {
    code: canceled ? 'DeploymentCanceled' : 'DeploymentFailed',
    message: `the deployment ended as ${provisioningState}`,
    path: [],
    ...(correlationId === undefined ? {} : { correlationId }),
  };
}

interface Search {
  readonly correlationId: string | undefined;
  readonly outer: readonly string[];
  readonly signal: AbortSignal | undefined;
  readonly depth: number;
}

async function failedOperation(wire: Wire, path: string, search: Search): Promise<AzureProblem | undefined> {
  const { signal } = search;
  // Of a group, operations stand beside the providers, not under them.
  const operations = /\/resourcegroups\//i.test(path)
    ? path.replace(/\/providers\/Microsoft\.Resources\/deployments\//i, '/deployments/')
    : path;
  let all: readonly JsonObject[];
  try {
    all = await wire.list({ path: `${operations}/operations`, apiVersion: DEPLOYMENTS_API, signal });
  } catch (thrown) {
    // Whoever may read a deployment need not be allowed to read its operations; what it says itself remains.
    if (thrown instanceof PlatformError && signal?.aborted !== true) return undefined;
    throw thrown;
  }
  let deepest: AzureProblem | undefined;
  for (const { properties } of all) {
    if (!isObject(properties) || properties['provisioningState'] !== 'Failed') continue;
    const problem = await operationProblem(wire, properties, search);
    if (problem !== undefined && (deepest === undefined || depthOf(problem) > depthOf(deepest))) deepest = problem;
  }
  return deepest;
}

async function operationProblem(
  wire: Wire,
  properties: Readonly<Record<string, unknown>>,
  search: Search,
): Promise<AzureProblem | undefined> {
  const target = isObject(properties['targetResource']) ? properties['targetResource'] : {};
  const resourceId = typeof target['id'] === 'string' ? target['id'] : undefined;
  const { correlationId, outer } = search;
  const problem = problemOf(properties['statusMessage'], { correlationId, resourceId, path: outer });
  if (/^Microsoft\.Resources\/deployments$/i.test(String(target['resourceType'])) && resourceId !== undefined) {
    if (search.depth >= MAX_NESTING) return problem;
    const within = [...outer, ...(problem === undefined ? [] : [problem.path.at(outer.length) ?? problem.code])];
    const nested = await failedOperation(wire, resourceId, { ...search, outer: within, depth: search.depth + 1 });
    if (nested !== undefined) return nested;
  }
  return problem;
}
