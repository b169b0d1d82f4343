import { ArmFault } from '../../arm-fault.ts';
import { compact, objectAt, objectsAt, overlay, textAt } from '../../json.ts';
import type { JsonObject, JsonValue } from '../../json.ts';
import { checkName } from '../../name-rules.ts';
import type { ResourceId } from '../../resource-id.ts';
import { parentOf } from '../../resource-id.ts';
import { keyOf } from '../../resource-store.ts';
import type { StoredResource } from '../../resource-store.ts';
import { anyOf, commonShape, readOnly } from '../../shape.ts';
import type { Shape } from '../../shape.ts';
import type { ArmWorld } from '../../world.ts';
import type { Change, ResourceKind } from '../kind.ts';
import { isInside, overlaps, rangeOf } from './cidr.ts';
import { mustExist, networkVersions } from './references.ts';

export const SUBNET = 'Microsoft.Network/virtualNetworks/subnets';

const reference: Shape = { id: 'any' };

/** Properties of a subnet; they stand inside its network as well. */
export const subnetProperties: Shape = {
  ...anyOf('addressPrefix', 'addressPrefixes', 'defaultOutboundAccess', 'serviceEndpoints', 'sharingScope'),
  ...anyOf('privateEndpointNetworkPolicies', 'privateLinkServiceNetworkPolicies', 'serviceEndpointPolicies'),
  natGateway: reference,
  networkSecurityGroup: reference,
  routeTable: reference,
  delegations: {
    ...readOnly('id', 'type', 'etag'),
    name: 'any',
    properties: { serviceName: 'any', ...readOnly('actions', 'provisioningState') },
  },
  ...readOnly('provisioningState', 'purpose', 'ipConfigurations', 'privateEndpoints'),
  ...readOnly('serviceAssociationLinks', 'resourceNavigationLinks', 'ipConfigurationProfiles'),
};

/** Checks a subnet against its network, its neighbours and what uses it; answers the properties that it has afterwards. */
export function subnetAfter(
  world: ArmWorld,
  network: { readonly id: string; readonly prefixes: readonly string[] },
  name: string,
  wanted: JsonObject,
): JsonObject {
  checkName('networkPart', name);
  const id = `${network.id}/subnets/${name}`;
  const before = world.store.get(id);
  const prefix = prefixOf(wanted);
  if (prefix === undefined || rangeOf(prefix) === undefined) {
    throw new ArmFault(400, 'InvalidAddressPrefixFormat', `Address prefix ${prefix ?? ''} of ${id} is not valid.`);
  }
  if (!network.prefixes.some((outer) => isInside(prefix, outer))) {
    throw new ArmFault(400, 'NetcfgInvalidSubnet', `Subnet '${name}' is not valid in virtual network '${network.id}'.`);
  }
  mustExist(world, textAt(wanted, 'natGateway.id'), id);
  mustExist(world, textAt(wanted, 'networkSecurityGroup.id'), id);
  if (before !== undefined) keepWhatIsUsed(world, before, wanted, prefix);
  const delegations = objectsAt(wanted, 'delegations').map((delegation) =>
    overlay(delegation, {
      id: `${id}/delegations/${textAt(delegation, 'name') ?? ''}`,
      properties: { provisioningState: 'Succeeded' },
    }),
  );
  return {
    privateEndpointNetworkPolicies: 'Disabled',
    privateLinkServiceNetworkPolicies: 'Enabled',
    ...wanted,
    delegations,
    provisioningState: 'Succeeded',
  };
}

/** Refuses what overlaps. */
export function mustBeApart(subnets: readonly (readonly [name: string, properties: JsonObject])[]): void {
  subnets.forEach(([name, properties], index) => {
    const other = subnets
      .slice(index + 1)
      .find(([, next]) => overlaps(prefixOf(properties) ?? '', prefixOf(next) ?? ''));
    if (other === undefined) return;
    const text = `Subnet '${name}' is not valid because its IP address range overlaps with that of subnet '${other[0]}'.`;
    throw new ArmFault(400, 'NetcfgSubnetRangesOverlap', text);
  });
}

/** Container groups hold a delegation and a range fast; nodes and endpoints hold the range. */
function keepWhatIsUsed(world: ArmWorld, before: StoredResource, wanted: JsonObject, prefix: string): void {
  const groups = containerGroupsOf(world, before.id);
  const [was, is] = [servicesOf(objectAt(before.body, 'properties')), servicesOf(wanted)];
  if (groups.length > 0 && was.some((service) => !is.includes(service))) {
    const text = `Delegations of subnet ${before.id} cannot be changed from [${was.join(', ')}] to [${is.join(', ')}] because it is being used by the resource ${linkId(before.id)}.`;
    throw new ArmFault(400, 'SubnetDelegationsCannotChangeWhenSubnetUsedByResource', text);
  }
  const old = prefixOf(objectAt(before.body, 'properties'));
  if (old !== prefix && usersOf(world, before.id).length > 0) {
    const text = `IP prefix ${old ?? ''} of subnet ${before.id} is in use and cannot be changed.`;
    throw new ArmFault(400, 'InUsePrefixCannotBeDeleted', text);
  }
}

/** Refuses to remove a subnet that something lies in. */
export function mustBeEmpty(world: ArmWorld, subnetId: string): void {
  const user = usersOf(world, subnetId)[0]?.id ?? (isLinked(world, subnetId) ? linkId(subnetId) : undefined);
  if (user === undefined) return;
  const text = `Subnet ${subnetId.split('/').at(-1) ?? ''} is in use by ${user} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet.`;
  throw new ArmFault(400, 'InUseSubnetCannotBeDeleted', text);
}

function usersOf(world: ArmWorld, subnetId: string): readonly StoredResource[] {
  const network = subnetId.split('/').slice(0, -2).join('/');
  return world.store.referrers(subnetId, network).filter(({ type }) => !type.startsWith('Microsoft.Authorization/'));
}

function containerGroupsOf(world: ArmWorld, subnetId: string): readonly StoredResource[] {
  return usersOf(world, subnetId).filter(({ type }) => type === 'Microsoft.ContainerInstance/containerGroups');
}

/** The links that container groups leave on their subnet. */
function serviceAssociationLinks(world: ArmWorld, subnetId: string): JsonObject[] {
  if (!isLinked(world, subnetId)) return [];
  return [
    {
      id: linkId(subnetId),
      name: 'acisal',
      type: `${SUBNET}/serviceAssociationLinks`,
      properties: {
        provisioningState: 'Succeeded',
        linkedResourceType: 'Microsoft.ContainerInstance/containerGroups',
        allowDelete: false,
      },
    },
  ];
}

/** Container groups leave their link for a while after the last of them has gone. */
function isLinked(world: ArmWorld, subnetId: string): boolean {
  return containerGroupsOf(world, subnetId).length > 0 || (world.lingeringLinks.get(keyOf(subnetId)) ?? 0) > 0;
}

/** A look at the links of a subnet, after which those of groups that have gone fade. */
export function lookAtLinks(world: ArmWorld, subnetId: string): JsonObject[] {
  const links = serviceAssociationLinks(world, subnetId);
  const left = world.lingeringLinks.get(keyOf(subnetId)) ?? 0;
  if (left > 0) world.lingeringLinks.set(keyOf(subnetId), left - 1);
  return links;
}

function linkId(subnetId: string): string {
  return `${subnetId}/serviceAssociationLinks/acisal`;
}

export function prefixOf(properties: JsonObject): string | undefined {
  return textAt(properties, 'addressPrefix') ?? textAt(properties, 'addressPrefixes.0');
}

function servicesOf(properties: JsonObject): string[] {
  return objectsAt(properties, 'delegations').map((entry) => textAt(entry, 'properties.serviceName') ?? '');
}

/** A subnet as clients see it, alone or in its network. */
export function subnetView(resource: StoredResource, world: ArmWorld): JsonObject {
  const links = serviceAssociationLinks(world, resource.id);
  return overlay(
    resource.body,
    compact({ properties: links.length === 0 ? undefined : { serviceAssociationLinks: links as JsonValue[] } }),
  );
}

function networkOf(world: ArmWorld, id: ResourceId): StoredResource {
  const network = world.store.get(parentOf(id) ?? '');
  if (network !== undefined) return network;
  const text = `Can not perform requested operation on nested resource. Parent resource '${id.name.split('/')[0] ?? ''}' not found.`;
  throw new ArmFault(404, 'ParentResourceNotFound', text);
}

export const subnets: ResourceKind = {
  type: SUBNET,
  apiVersions: networkVersions,
  shape: { ...commonShape, properties: subnetProperties },
  name: 'networkPart',
  ends: 'async-operation',
  etag: true,
  write: ({ world, id, body }: Change) => {
    const network = networkOf(world, id);
    const name = id.name.split('/')[1] ?? '';
    const prefixes = objectAt(network.body, 'properties.addressSpace')['addressPrefixes'];
    const properties = subnetAfter(
      world,
      { id: network.id, prefixes: Array.isArray(prefixes) ? prefixes.map(String) : [] },
      name,
      objectAt(body, 'properties'),
    );
    const others = world.store.children(network.id, SUBNET).filter((other) => other.name !== name);
    mustBeApart([
      [name, properties],
      ...others.map((other) => [other.name, objectAt(other.body, 'properties')] as const),
    ]);
    return { properties };
  },
  view: subnetView,
  beforeRemoval: (resource, world) => mustBeEmpty(world, resource.id),
  removal: 'async-operation',
};
