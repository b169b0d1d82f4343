import type { JsonObject } from '../src/engine/ports.ts';
import { textAt } from '../src/engine/json.ts';
import { scopeId } from '../src/graph/ids.ts';
import type { Scope } from '../src/graph/types.ts';

/** A resource whose parent holds it in a list. */
const embedded: readonly (readonly [type: string, member: string])[] = [
  ['microsoft.network/virtualnetworks/subnets', 'subnets'],
  ['microsoft.network/virtualnetworks/virtualnetworkpeerings', 'virtualNetworkPeerings'],
  ['microsoft.network/networksecuritygroups/securityrules', 'securityRules'],
  ['microsoft.containerservice/managedclusters/agentpools', 'agentPoolProfiles'],
];

/** Where a resource that stands in a list of its parent is: the parent's id, the list, the name. All in lower case. */
export function parentOf(id: string): readonly [owner: string, member: string, name: string] | undefined {
  const [type] = typeAndName(id);
  const rule = embedded.find(([of]) => of === type.toLowerCase());
  if (rule === undefined) return undefined;
  const parts = id.toLowerCase().split('/');
  return [parts.slice(0, -2).join('/'), rule[1], parts.at(-1) ?? ''];
}

/** Type and name of a resource, from its id; groups are resources, too. */
export function typeAndName(id: string): readonly [type: string, name: string] {
  const at = id.lastIndexOf('/providers/');
  if (at < 0) return ['Microsoft.Resources/resourceGroups', id.split('/').at(-1) ?? ''];
  const [namespace = '', ...parts] = id.slice(at + '/providers/'.length).split('/');
  const types = parts.filter((_, index) => index % 2 === 0);
  const names = parts.filter((_, index) => index % 2 === 1);
  return [[namespace, ...types].join('/'), names.join('/')];
}

/** The id of a resource of a template. */
export function resourceIdOf(scope: Scope, resource: JsonObject): string {
  const type = textAt(resource, 'type') ?? '';
  const names = (textAt(resource, 'name') ?? '').split('/');
  const [namespace, ...types] = type.split('/');
  const path = types.map((each, index) => `${each}/${names[index]}`).join('/');
  const target = resource['scope'];
  const base =
    typeof target !== 'string'
      ? scopeId(scope)
      : target.startsWith('/')
        ? target
        : `${scopeId(scope)}/providers/${target}`;
  return `${base}/providers/${namespace}/${path}`;
}

export function deploymentPath(scope: Scope, name: string): string {
  return `${scopeId(scope)}/providers/Microsoft.Resources/deployments/${name}`;
}
