import { ArmFault } from '../../arm-fault.ts';
import { compact, objectAt, objectsAt, textAt, valueAt } from '../../json.ts';
import type { JsonObject } from '../../json.ts';
import { anyOf, commonShape, readOnly } from '../../shape.ts';
import type { Change, ResourceKind } from '../kind.ts';
import { mustBeUnused, mustExist, networkVersions } from './references.ts';

/** An address of a documentation range that is the same for the same resource. */
export function addressFor(id: string): string {
  let sum = 0;
  for (const character of id.toLowerCase()) sum = (sum * 31 + character.charCodeAt(0)) % 65_021;
  return `203.0.113.${1 + (sum % 254)}`;
}

/** Zones cannot be changed once a resource exists. */
function keepZones({ before, body, id }: Change): void {
  if (before === undefined) return;
  const [was, is] = [before.body['zones'] ?? [], body['zones'] ?? []];
  if (JSON.stringify(was) === JSON.stringify(is)) return;
  throw new ArmFault(400, 'ResourceAvailabilityZonesCannotBeModified', `Zones of ${id.text} cannot be modified.`);
}

export const publicIpAddresses: ResourceKind = {
  type: 'Microsoft.Network/publicIPAddresses',
  apiVersions: networkVersions,
  shape: {
    ...commonShape,
    ...anyOf('sku', 'zones', 'extendedLocation'),
    properties: {
      ...anyOf('publicIPAllocationMethod', 'publicIPAddressVersion', 'idleTimeoutInMinutes', 'dnsSettings', 'ipTags'),
      ...anyOf('deleteOption', 'ddosSettings', 'publicIPPrefix'),
      ...readOnly('ipAddress', 'ipConfiguration', 'natGateway', 'provisioningState', 'resourceGuid'),
    },
  },
  name: 'networkPart',
  ends: 'async-operation',
  etag: true,
  write: (change) => {
    const { world, id, before, body } = change;
    keepZones(change);
    const sku = { name: 'Basic', tier: 'Regional', ...objectAt(body, 'sku') };
    if (before !== undefined && textAt(before.body, 'sku.name') !== sku.name) {
      throw new ArmFault(400, 'PublicIPAddressSkuCannotBeChanged', `The SKU of ${id.text} cannot be changed.`);
    }
    const method = textAt(body, 'properties.publicIPAllocationMethod') ?? 'Dynamic';
    if (sku.name === 'Standard' && method !== 'Static') {
      const text = `Standard sku publicIp ${id.text} must have AllocationMethod set to Static.`;
      throw new ArmFault(400, 'StandardSkuPublicIPAddressesMustBeStatic', text);
    }
    return {
      ...body,
      sku,
      properties: {
        publicIPAllocationMethod: method,
        publicIPAddressVersion: 'IPv4',
        idleTimeoutInMinutes: 4,
        ipTags: [],
        ...objectAt(body, 'properties'),
        ipAddress: addressFor(id.text),
        resourceGuid: textAt(before?.body, 'properties.resourceGuid') ?? world.uuid(),
        provisioningState: 'Succeeded',
      },
    };
  },
  beforeRemoval: (resource, world) =>
    mustBeUnused(world, resource.id, resource.id, 'PublicIPAddressCannotBeDeleted', 'Public IP address'),
  removal: 'async-operation',
};

export const natGateways: ResourceKind = {
  type: 'Microsoft.Network/natGateways',
  apiVersions: networkVersions,
  shape: {
    ...commonShape,
    ...anyOf('sku', 'zones'),
    properties: {
      ...anyOf('idleTimeoutInMinutes', 'publicIpAddresses', 'publicIpPrefixes', 'sourceVirtualNetwork'),
      ...readOnly('subnets', 'provisioningState', 'resourceGuid'),
    },
  },
  name: 'networkPart',
  ends: 'async-operation',
  etag: true,
  write: (change) => {
    const { world, id, before, body } = change;
    keepZones(change);
    for (const address of objectsAt(body, 'properties.publicIpAddresses')) {
      mustExist(world, textAt(address, 'id'), id.text);
    }
    const minutes = valueAt(body, 'properties.idleTimeoutInMinutes') ?? 4;
    if (typeof minutes !== 'number' || minutes < 4 || minutes > 120) {
      const text = `Idle timeout of ${id.text} must be between 4 and 120 minutes.`;
      throw new ArmFault(400, 'InvalidIdleTimeout', text, { target: 'properties.idleTimeoutInMinutes' });
    }
    return {
      ...body,
      sku: { name: 'Standard', ...objectAt(body, 'sku') },
      properties: {
        idleTimeoutInMinutes: 4,
        ...objectAt(body, 'properties'),
        resourceGuid: textAt(before?.body, 'properties.resourceGuid') ?? world.uuid(),
        provisioningState: 'Succeeded',
      },
    };
  },
  view: (resource, world): JsonObject => {
    const users = world.store.referrers(resource.id, resource.id).filter(({ type }) => type.endsWith('/subnets'));
    const subnets = users.length === 0 ? undefined : users.map(({ id }) => ({ id }));
    return { ...resource.body, properties: compact({ ...objectAt(resource.body, 'properties'), subnets }) };
  },
  beforeRemoval: (resource, world) =>
    mustBeUnused(world, resource.id, resource.id, 'InUseNatGatewayCannotBeDeleted', 'NAT gateway'),
  removal: 'async-operation',
};
