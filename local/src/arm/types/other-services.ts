import { createHash } from 'node:crypto';

import { ArmFault } from '../arm-fault.ts';
import { objectAt, objectsAt, textAt } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { lastName } from '../resource-id.ts';
import { keyOf } from '../resource-store.ts';
import type { StoredResource } from '../resource-store.ts';
import { anyOf, commonShape, readOnly } from '../shape.ts';
import type { ResourceKind } from './kind.ts';

export const attestationProviders: ResourceKind = {
  type: 'Microsoft.Attestation/attestationProviders',
  apiVersions: ['2020-10-01', '2021-06-01', '2021-06-01-preview'],
  shape: {
    ...commonShape,
    properties: {
      ...anyOf('policySigningCertificates', 'publicNetworkAccess', 'tpmAttestationAuthentication'),
      ...readOnly('trustModel', 'status', 'attestUri', 'privateEndpointConnections'),
    },
  },
  ends: 'at-once',
  write: ({ world, id, body }) => ({
    ...body,
    properties: {
      publicNetworkAccess: 'Enabled',
      ...objectAt(body, 'properties'),
      trustModel: 'AAD',
      status: 'Ready',
      attestUri: world.effects.attestationUrl(lastName(id.text), textAt(body, 'location') ?? ''),
    },
  }),
};

/** The same for the same cache, and not kept: two keys that its instance id decides. */
function redisKeys(resource: StoredResource): JsonObject {
  const instance = textAt(resource.body, 'properties.instanceId') ?? resource.id;
  const key = (which: string): string => createHash('sha256').update(`${which} ${instance}`).digest('base64');
  return { primaryKey: key('primary'), secondaryKey: key('secondary') };
}

export const redisCaches: ResourceKind = {
  type: 'Microsoft.Cache/redis',
  apiVersions: ['2023-08-01', '2024-03-01', '2024-11-01'],
  shape: {
    ...commonShape,
    ...anyOf('zones', 'identity'),
    properties: {
      ...anyOf('sku', 'redisVersion', 'enableNonSslPort', 'publicNetworkAccess', 'redisConfiguration'),
      ...anyOf('minimumTlsVersion', 'replicasPerMaster', 'shardCount', 'subnetId', 'staticIP', 'tenantSettings'),
      ...anyOf('disableAccessKeyAuthentication', 'updateChannel', 'zonalAllocationPolicy'),
      ...readOnly('hostName', 'port', 'sslPort', 'provisioningState', 'accessKeys', 'instances', 'linkedServers'),
      ...readOnly('privateEndpointConnections', 'instanceId'),
    },
  },
  name: 'redis',
  ends: 'provisioning-state',
  unfinished: 'Creating',
  write: ({ world, id, before, body }) => {
    const wanted = objectAt(body, 'properties');
    const rank = ['Basic', 'Standard', 'Premium'];
    const [was, is] = [textAt(before?.body, 'properties.sku.name') ?? '', textAt(wanted, 'sku.name') ?? ''];
    if (rank.indexOf(is) < rank.indexOf(was)) {
      throw new ArmFault(400, 'BadRequest', `Scaling ${id.text} from ${was} to ${is} is not supported.`);
    }
    return {
      ...body,
      properties: {
        enableNonSslPort: false,
        publicNetworkAccess: 'Enabled',
        redisConfiguration: objectAt(before?.body, 'properties.redisConfiguration'),
        redisVersion: '6',
        ...wanted,
        hostName: `${lastName(id.text)}.redis.cache.windows.net`,
        port: 6379,
        sslPort: 6380,
        instanceId: textAt(before?.body, 'properties.instanceId') ?? world.uuid(),
        provisioningState: 'Succeeded',
      },
    };
  },
  view: (resource) => {
    const { instanceId: _, ...properties } = objectAt(resource.body, 'properties');
    return { ...resource.body, properties };
  },
  actions: { listkeys: redisKeys },
  removal: 'async-operation',
};

/** What virtual nodes make. It is here so that subnets are in use, and can be drained. */
export const containerGroups: ResourceKind = {
  type: 'Microsoft.ContainerInstance/containerGroups',
  apiVersions: ['2023-05-01', '2024-05-01-preview', '2025-09-01'],
  shape: { ...commonShape, ...anyOf('identity', 'zones'), properties: 'any' },
  name: 'containerGroup',
  ends: 'async-operation',
  unfinished: 'Pending',
  write: ({ body }) => ({ ...body, properties: { ...objectAt(body, 'properties'), provisioningState: 'Succeeded' } }),
  removal: 'at-once',
  removed: (resource, world) => {
    for (const subnet of objectsAt(resource.body, 'properties.subnetIds')) {
      world.lingeringLinks.set(keyOf(textAt(subnet, 'id') ?? ''), world.settings.serviceLinkLooks);
    }
  },
};
