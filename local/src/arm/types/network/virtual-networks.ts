import { ArmFault } from '../../arm-fault.ts';
import { objectAt, objectsAt, overlay, textAt, valueAt } from '../../json.ts';
import type { JsonObject, JsonValue } from '../../json.ts';
import { lastName } from '../../resource-id.ts';
import type { StoredResource } from '../../resource-store.ts';
import { anyOf, commonShape, entryShape, readOnly } from '../../shape.ts';
import type { ArmWorld } from '../../world.ts';
import type { Change, ResourceKind } from '../kind.ts';
import { PEERING } from './peerings.ts';
import { networkVersions } from './references.ts';
import { mustBeApart, mustBeEmpty, SUBNET, subnetAfter, subnetProperties, subnetView } from './subnets.ts';

/** The first version in which a write without `subnets` keeps them. */
const KEEPS_SUBNETS = '2023-11-01';

export const virtualNetworks: ResourceKind = {
  type: 'Microsoft.Network/virtualNetworks',
  apiVersions: networkVersions,
  shape: {
    ...commonShape,
    extendedLocation: 'any',
    properties: {
      addressSpace: { addressPrefixes: 'any' },
      ...anyOf('dhcpOptions', 'enableDdosProtection', 'encryption', 'flowTimeoutInMinutes', 'enableVmProtection'),
      ...anyOf('virtualNetworkPeerings', 'privateEndpointVNetPolicies', 'ddosProtectionPlan', 'bgpCommunities'),
      subnets: { ...entryShape, properties: subnetProperties },
      ...readOnly('provisioningState', 'resourceGuid', 'flowLogs'),
    },
  },
  name: 'virtualNetwork',
  ends: 'async-operation',
  etag: true,
  write: (change) => {
    const { world, id, body } = change;
    const prefixes = valueAt(body, 'properties.addressSpace.addressPrefixes');
    if (!Array.isArray(prefixes) || prefixes.length === 0) {
      throw new ArmFault(400, 'InvalidRequestFormat', `Virtual network ${id.text} has no address space.`);
    }
    writeSubnets(change, prefixes.map(String));
    dropPeerings(change);
    const { subnets: _, virtualNetworkPeerings: __, ...properties } = objectAt(body, 'properties');
    return {
      ...body,
      properties: {
        enableDdosProtection: false,
        ...properties,
        resourceGuid: textAt(change.before?.body, 'properties.resourceGuid') ?? world.uuid(),
        provisioningState: 'Succeeded',
      },
    };
  },
  view: (resource, world) => viewOf(resource, world),
  beforeRemoval: (resource, world) => {
    for (const subnet of world.store.children(resource.id, SUBNET)) mustBeEmpty(world, subnet.id);
  },
  removal: 'async-operation',
};

/** A list of subnets is the whole list: what is not in it goes, if it can. */
function writeSubnets({ world, id, body, before, apiVersion }: Change, prefixes: readonly string[]): void {
  const given = valueAt(body, 'properties.subnets');
  if (given === undefined && apiVersion >= KEEPS_SUBNETS) return;
  const networkId = before?.id ?? id.text;
  const wanted = objectsAt(body, 'properties.subnets').map((subnet) => {
    const name = textAt(subnet, 'name') ?? '';
    return [name, subnetAfter(world, { id: networkId, prefixes }, name, objectAt(subnet, 'properties'))] as const;
  });
  mustBeApart(wanted);
  const names = new Set(wanted.map(([name]) => name.toLowerCase()));
  const gone = world.store.children(networkId, SUBNET).filter(({ name }) => !names.has(name.toLowerCase()));
  for (const subnet of gone) mustBeEmpty(world, subnet.id);
  for (const subnet of gone) world.store.delete(subnet.id);
  for (const [name, properties] of wanted) {
    const live = world.store.get(`${networkId}/subnets/${name}`);
    const subnetId = live?.id ?? `${networkId}/subnets/${name}`;
    world.store.put({ id: subnetId, type: SUBNET, name: lastName(subnetId), body: { properties } });
  }
}

/** A list of peerings removes those that it does not name; it makes none. */
function dropPeerings({ world, id, body }: Change): void {
  const given = valueAt(body, 'properties.virtualNetworkPeerings');
  if (!Array.isArray(given)) return;
  const names = new Set(given.map((peering) => textAt(peering, 'name')?.toLowerCase()));
  for (const peering of world.store.children(id.text, PEERING)) {
    if (!names.has(peering.name.toLowerCase())) world.store.delete(peering.id);
  }
}

function viewOf(resource: StoredResource, world: ArmWorld): JsonObject {
  const entry = (child: StoredResource, body: JsonObject): JsonObject => ({
    id: child.id,
    name: child.name,
    type: child.type,
    ...body,
  });
  const subnets = world.store
    .children(resource.id, SUBNET)
    .map((child): JsonValue => entry(child, subnetView(child, world)));
  const peered = world.store.children(resource.id, PEERING).map((child): JsonValue => entry(child, child.body));
  return overlay(resource.body, { properties: { subnets, virtualNetworkPeerings: peered } });
}
