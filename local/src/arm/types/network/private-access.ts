import { ArmFault } from '../../arm-fault.ts';
import { objectAt, objectsAt, overlay, textAt } from '../../json.ts';
import type { JsonObject } from '../../json.ts';
import { parentOf } from '../../resource-id.ts';
import { anyOf, commonShape, entryShape, readOnly } from '../../shape.ts';
import type { ResourceKind } from '../kind.ts';
import { mustExist, networkVersions } from './references.ts';

export const PRIVATE_ENDPOINT = 'Microsoft.Network/privateEndpoints';
const LINK = 'Microsoft.Network/privateDnsZones/virtualNetworkLinks';
const dnsVersions = ['2018-09-01', '2020-01-01', '2020-06-01', '2024-06-01'] as const;

export const privateEndpoints: ResourceKind = {
  type: PRIVATE_ENDPOINT,
  apiVersions: networkVersions,
  shape: {
    ...commonShape,
    extendedLocation: 'any',
    properties: {
      subnet: { id: 'any' },
      ...anyOf('customNetworkInterfaceName', 'ipConfigurations', 'applicationSecurityGroups'),
      privateLinkServiceConnections: {
        ...entryShape,
        properties: {
          ...anyOf('privateLinkServiceId', 'groupIds', 'requestMessage', 'privateLinkServiceConnectionState'),
          provisioningState: 'read',
        },
      },
      manualPrivateLinkServiceConnections: 'any',
      ...readOnly('networkInterfaces', 'customDnsConfigs', 'provisioningState', 'resourceGuid'),
    },
  },
  name: 'networkPart',
  ends: 'async-operation',
  etag: true,
  write: ({ world, id, before, body }) => {
    mustExist(world, textAt(body, 'properties.subnet.id'), id.text);
    const connections = objectsAt(body, 'properties.privateLinkServiceConnections').map((connection): JsonObject => {
      mustExist(world, textAt(connection, 'properties.privateLinkServiceId'), id.text);
      const approved = { status: 'Approved', description: 'Auto-Approved', actionsRequired: 'None' };
      return overlay(connection, {
        id: `${id.text}/privateLinkServiceConnections/${textAt(connection, 'name') ?? ''}`,
        properties: { provisioningState: 'Succeeded', privateLinkServiceConnectionState: approved },
      });
    });
    return {
      ...body,
      properties: {
        ...objectAt(body, 'properties'),
        privateLinkServiceConnections: connections,
        manualPrivateLinkServiceConnections: [],
        customDnsConfigs: [],
        resourceGuid: textAt(before?.body, 'properties.resourceGuid') ?? world.uuid(),
        provisioningState: 'Succeeded',
      },
    };
  },
  removal: 'async-operation',
};

export const privateDnsZoneGroups: ResourceKind = {
  type: 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups',
  apiVersions: networkVersions,
  shape: {
    ...commonShape,
    properties: {
      privateDnsZoneConfigs: {
        name: 'any',
        properties: { privateDnsZoneId: 'any', recordSets: 'read' },
      },
      provisioningState: 'read',
    },
  },
  name: 'networkPart',
  ends: 'async-operation',
  etag: true,
  write: ({ world, id, body }) => {
    mustExist(world, parentOf(id), id.text);
    for (const config of objectsAt(body, 'properties.privateDnsZoneConfigs')) {
      mustExist(world, textAt(config, 'properties.privateDnsZoneId'), id.text);
    }
    return { properties: { ...objectAt(body, 'properties'), provisioningState: 'Succeeded' } };
  },
  removal: 'async-operation',
};

export const privateDnsZones: ResourceKind = {
  type: 'Microsoft.Network/privateDnsZones',
  apiVersions: dnsVersions,
  shape: {
    ...commonShape,
    properties: readOnly(
      'maxNumberOfRecordSets',
      'maxNumberOfVirtualNetworkLinks',
      'maxNumberOfVirtualNetworkLinksWithRegistration',
      'numberOfRecordSets',
      'numberOfVirtualNetworkLinks',
      'numberOfVirtualNetworkLinksWithRegistration',
      'provisioningState',
      'internalId',
    ),
  },
  ends: 'async-operation',
  etag: true,
  write: ({ id, body }) => {
    if (textAt(body, 'location')?.toLowerCase() !== 'global') {
      const text = `The provided location is not available for ${id.text}: the location of a zone is 'global'.`;
      throw new ArmFault(400, 'LocationNotAvailableForResourceType', text);
    }
    return {
      ...body,
      properties: {
        maxNumberOfRecordSets: 25_000,
        maxNumberOfVirtualNetworkLinks: 1000,
        numberOfRecordSets: 1,
        provisioningState: 'Succeeded',
      },
    };
  },
  view: (resource, world) =>
    overlay(resource.body, {
      properties: { numberOfVirtualNetworkLinks: world.store.children(resource.id, LINK).length },
    }),
  beforeRemoval: (resource, world) => {
    if (world.store.children(resource.id, LINK).length === 0) return;
    const text = `Can not delete resource before nested resources are deleted: ${resource.id}.`;
    throw new ArmFault(409, 'CannotDeleteResource', text);
  },
  removal: 'async-operation',
};

export const virtualNetworkLinks: ResourceKind = {
  type: LINK,
  apiVersions: dnsVersions,
  shape: {
    ...commonShape,
    properties: {
      ...anyOf('virtualNetwork', 'registrationEnabled', 'resolutionPolicy'),
      ...readOnly('virtualNetworkLinkState', 'provisioningState'),
    },
  },
  name: 'networkPart',
  ends: 'async-operation',
  etag: true,
  write: ({ world, id, body }) => {
    mustExist(world, parentOf(id), id.text);
    mustExist(world, textAt(body, 'properties.virtualNetwork.id'), id.text);
    const properties = objectAt(body, 'properties');
    return {
      ...body,
      properties: { ...properties, virtualNetworkLinkState: 'Completed', provisioningState: 'Succeeded' },
    };
  },
  removal: 'async-operation',
};
