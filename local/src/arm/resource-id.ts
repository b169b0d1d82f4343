/** What an absolute id says. Text keeps the case in which it came. */
export interface ResourceId {
  readonly text: string;
  readonly subscriptionId: string;
  /** Undefined for the subscription and what hangs on it directly. */
  readonly resourceGroup: string | undefined;
  /** `Microsoft.Network/virtualNetworks/subnets`. */
  readonly type: string;
  /** With the names of the parents: `my-vnet/aks`. */
  readonly name: string;
  /** What the resource hangs on: a group, a subscription, or the resource that an extension belongs to. */
  readonly scope: string;
}

const GROUP = 'Microsoft.Resources/resourceGroups';
const SUBSCRIPTION = 'Microsoft.Resources/subscriptions';

/**
 * Reads the id of a subscription, a resource group or a resource; undefined for anything else, such as a list. Doubled and
 * trailing slashes do not count.
 */
export function parseResourceId(path: string): ResourceId | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts[0]?.toLowerCase() !== 'subscriptions' || parts[1] === undefined) return undefined;
  const subscriptionId = parts[1];
  const subscription = `/subscriptions/${subscriptionId}`;
  if (parts.length === 2) {
    return common(subscription, subscriptionId, undefined, SUBSCRIPTION, subscriptionId, '');
  }
  const inGroup = parts[2]?.toLowerCase() === 'resourcegroups';
  const group = inGroup ? parts[3] : undefined;
  if (inGroup && group === undefined) return undefined;
  const top = group === undefined ? subscription : `${subscription}/resourceGroups/${group}`;
  const rest = parts.slice(group === undefined ? 2 : 4);
  if (rest.length === 0) return common(top, subscriptionId, group, GROUP, group ?? '', subscription);
  const last = rest.map((part) => part.toLowerCase()).lastIndexOf('providers');
  const [provider, ...pairs] = rest.slice(last + 1);
  if (last === -1 || provider === undefined || pairs.length === 0 || pairs.length % 2 === 1) return undefined;
  const scope = last === 0 ? top : `${top}/${rest.slice(0, last).join('/')}`;
  const types = pairs.filter((_, index) => index % 2 === 0);
  const names = pairs.filter((_, index) => index % 2 === 1);
  const text = `${scope}/providers/${provider}/${pairs.join('/')}`;
  return common(text, subscriptionId, group, [provider, ...types].join('/'), names.join('/'), scope);
}

function common(
  text: string,
  subscriptionId: string,
  resourceGroup: string | undefined,
  type: string,
  name: string,
  scope: string,
): ResourceId {
  return { text, subscriptionId, resourceGroup, type, name, scope };
}

/** An id from its parts; `name` holds the names of the parents as well. */
export function resourceIdOf(scope: string, type: string, name: string): string {
  if (type.toLowerCase() === GROUP.toLowerCase()) return `${scope}/resourceGroups/${name}`;
  const [provider = '', ...types] = type.split('/');
  const names = name.split('/');
  return [scope, 'providers', provider, ...types.flatMap((part, index) => [part, names[index] ?? ''])].join('/');
}

/** The id of the resource that a child resource is part of; undefined for resources of the first level. */
export function parentOf(id: ResourceId): string | undefined {
  return id.name.includes('/') ? id.text.split('/').slice(0, -2).join('/') : undefined;
}

/** The last name in an id. */
export function lastName(id: string): string {
  return id.split('/').at(-1) ?? '';
}

/** The id of the group or, without one, of the subscription that an id lies in. */
export function containerOf(id: ResourceId): string {
  const subscription = `/subscriptions/${id.subscriptionId}`;
  return id.resourceGroup === undefined ? subscription : `${subscription}/resourceGroups/${id.resourceGroup}`;
}
