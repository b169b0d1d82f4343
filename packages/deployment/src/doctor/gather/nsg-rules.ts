import { listAt, textAt } from '../../bundle/shape.ts';
import type { Json } from '../../bundle/shape.ts';
import { cidrOf, contains } from '../../network/cidr.ts';
import type { Cidr } from '../../network/cidr.ts';
import { textsAt } from './gather-context.ts';

/** Traffic that must get through. */
export interface Flow {
  readonly direction: 'Inbound' | 'Outbound';
  /** TCP when missing. */
  readonly protocol?: 'tcp' | 'udp';
  readonly port: number;
  readonly from: Cidr;
  readonly to: Cidr;
}

/**
 * The name of the rule of a network security group that closes a flow; undefined when it gets through. Rules are looked at by
 * priority, the first that means the traffic decides; what no rule means is decided by the group's own last rules: inside
 * the network and outwards everything is open.
 */
export function closingRule(group: unknown, flow: Flow): string | undefined {
  const rules = [
    ...listAt(group, 'properties', 'securityRules'),
    ...listAt(group, 'properties', 'defaultSecurityRules'),
  ]
    .filter((rule) => textAt(rule, 'properties', 'direction') === flow.direction)
    .toSorted((a, b) => priority(a) - priority(b));
  const decisive = rules.find((rule) => means(rule, flow));
  if (decisive === undefined || textAt(decisive, 'properties', 'access') !== 'Deny') return undefined;
  return textAt(decisive, 'name') ?? 'a rule without name';
}

function priority(rule: Json): number {
  const value = (rule['properties'] as Json | undefined)?.['priority'];
  return typeof value === 'number' ? value : Number.MAX_SAFE_INTEGER;
}

function means(rule: Json, { protocol = 'tcp', port, from, to }: Flow): boolean {
  const meant = textAt(rule, 'properties', 'protocol') ?? '*';
  return (
    (meant === '*' || meant.toLowerCase() === protocol) &&
    portMatches(both(rule, 'destinationPortRange'), port) &&
    addressMatches(both(rule, 'sourceAddressPrefix', 'sourceAddressPrefixes'), from) &&
    addressMatches(both(rule, 'destinationAddressPrefix', 'destinationAddressPrefixes'), to)
  );
}

/** A rule has one value or a list of them, under two names. */
function both(rule: Json, one: string, many: string = `${one}s`): readonly string[] {
  const single = textAt(rule, 'properties', one);
  const list = textsAt(rule, 'properties', many);
  return single === undefined || single === '' ? list : [single, ...list];
}

function portMatches(ranges: readonly string[], port: number): boolean {
  return ranges.some((range) => {
    if (range === '*') return true;
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    return first <= port && port <= last;
  });
}

function addressMatches(prefixes: readonly string[], range: Cidr): boolean {
  return prefixes.some((prefix) => {
    // Both ends are private ranges of peered networks, which the service counts as the virtual network.
    if (prefix === '*' || prefix === '0.0.0.0/0' || prefix.toLowerCase() === 'any') return true;
    if (prefix === 'VirtualNetwork') return true;
    const known = cidrOf(prefix.includes('/') ? prefix : `${prefix}/32`);
    return known !== undefined && contains(known, range);
  });
}
