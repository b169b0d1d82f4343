import type { JsonValue } from '../arm/template.ts';
import { idOf } from '../graph/parts.ts';
import type { ArmResource, ResourceObject, ResourceValue } from '../graph/types.ts';
import { ownedDifferences } from '../plan/owned-diff.ts';
import type { FieldDifference } from '../plan/owned-diff.ts';
import { textAt, valueAt } from './json.ts';
import type { JsonObject } from './ports.ts';
import type { Run } from './run.ts';

/** What the cloud says about resources, each asked once; made anew for every look. */
export class LiveResources {
  readonly #run: Run;
  readonly #read = new Map<string, Promise<JsonObject | undefined>>();

  constructor(run: Run) {
    this.#run = run;
  }

  async read(
    node: Pick<ArmResource, 'scope' | 'type' | 'name' | 'target' | 'apiVersion'>,
  ): Promise<JsonObject | undefined> {
    const id = idOf(node);
    const known = this.#read.get(id);
    if (known !== undefined) return await known;
    const asked = this.#run.ports.arm.read(id, node.apiVersion, { signal: this.#run.signal });
    this.#read.set(id, asked);
    return await asked;
  }
}

/** A resource as it is wanted and as it is. */
export interface ResourceState {
  readonly node: ArmResource;
  readonly resourceId: string;
  readonly live: JsonObject | undefined;
  /** What is written, with values of other resources where they are known; the rest are expressions. */
  readonly wanted: JsonObject;
  readonly differences: readonly FieldDifference[];
  /** Differences that a command of their own makes: another minor version of Kubernetes. */
  readonly upgrades: readonly FieldDifference[];
  /** The same role is assigned under this id, which is not ours. */
  readonly adoptedId?: string;
  /** The assignment is there for an identity that no longer exists. */
  readonly orphaned?: true;
  /** Why it is not usable although it exists. */
  readonly unready?: string;
}

/** Whether nothing has to be written for a resource. */
export function isSettled(state: ResourceState): boolean {
  if (state.adoptedId !== undefined) return true;
  return (
    state.live !== undefined && state.orphaned !== true && state.differences.length === 0 && state.unready === undefined
  );
}

/** Looks at a resource of the graph. */
export async function resourceState(run: Run, live: LiveResources, node: ArmResource): Promise<ResourceState> {
  const wanted = (await resolved(run, live, node.body)) as JsonObject;
  if (node.type === 'Microsoft.Authorization/roleAssignments') return await assignmentState(run, live, node, wanted);
  const found = await live.read(node);
  const base = { node, resourceId: idOf(node), live: found, wanted };
  if (found === undefined) return { ...base, differences: [], upgrades: [] };
  // A secret never shows its value: its own test looks at its tags.
  if (node.type === 'Microsoft.KeyVault/vaults/secrets') return { ...base, differences: [], upgrades: [] };
  const all = ownedDifferences(wanted, found, node.rules);
  const upgrades = all.filter(({ path }) => path === 'properties.kubernetesVersion');
  const state = textAt(found, 'properties.provisioningState');
  return {
    ...base,
    differences: all.filter((difference) => !upgrades.includes(difference)),
    upgrades,
    ...(state === undefined || state === 'Succeeded' ? {} : { unready: `provisioningState is ${state}` }),
  };
}

/** A role may be there under a name that somebody else chose, or under ours for an identity that was made anew. */
async function assignmentState(
  run: Run,
  live: LiveResources,
  node: ArmResource,
  wanted: JsonObject,
): Promise<ResourceState> {
  const resourceId = idOf(node);
  const found = await live.read(node);
  const base = { node, resourceId, wanted, live: found, differences: [], upgrades: [] };
  const principal = knownText(valueAt(wanted, 'properties.principalId'));
  const role = textAt(wanted, 'properties.roleDefinitionId')?.split('/').at(-1)?.toLowerCase();
  if (found !== undefined) {
    const own = textAt(found, 'properties.principalId');
    return principal !== undefined && own !== undefined && own.toLowerCase() !== principal.toLowerCase()
      ? { ...base, orphaned: true }
      : base;
  }
  if (principal === undefined) return base;
  const scope = resourceId.split('/providers/Microsoft.Authorization/')[0] ?? '';
  const path = `${scope}/providers/Microsoft.Authorization/roleAssignments`;
  const query = { $filter: `assignedTo('${principal}')` };
  const listed = await run.ports.arm.list(path, node.apiVersion, query, { signal: run.signal });
  const same = listed.find(
    (each) =>
      textAt(each, 'properties.roleDefinitionId')?.split('/').at(-1)?.toLowerCase() === role &&
      textAt(each, 'id')?.toLowerCase().split('/providers/microsoft.authorization/')[0] === scope.toLowerCase() &&
      textAt(each, 'properties.principalId')?.toLowerCase() === principal.toLowerCase(),
  );
  const adoptedId = textAt(same, 'id');
  return adoptedId === undefined ? base : { ...base, adoptedId };
}

function knownText(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && !value.startsWith('[') ? value : undefined;
}

const unknownYet = '[known after apply]';

/** A value of the graph with what it defers to other resources filled in, as far as they exist. */
async function resolved(run: Run, live: LiveResources, value: ResourceValue): Promise<JsonValue> {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) {
    return await Promise.all((value as readonly ResourceValue[]).map((item) => resolved(run, live, item)));
  }
  const object = value as ResourceObject;
  if ('$parameter' in object || '$listKeys' in object) return unknownYet;
  if ('$tenantId' in object) return run.resolved.tenantId ?? unknownYet;
  if ('$runtime' in object) {
    const { resource, path } = object['$runtime'] as { readonly resource: string; readonly path: string };
    const other = run.node(resource);
    if (other?.kind !== 'arm') return unknownYet;
    return valueAt(await live.read(other), path) ?? unknownYet;
  }
  const entries = Object.entries(object).map(
    async ([name, member]) => [name, await resolved(run, live, member)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}
