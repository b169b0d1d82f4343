import { createHash } from 'node:crypto';

import { ArmFault } from '../arm-fault.ts';
import type { RedisCacheState } from '../effects.ts';
import { compact, objectAt, overlay, textAt, valueAt } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { lastName } from '../resource-id.ts';
import type { StoredResource } from '../resource-store.ts';
import { anyOf, commonShape, readOnly } from '../shape.ts';
import type { ArmWorld } from '../world.ts';
import type { Action, ResourceKind } from './kind.ts';
import { PRIVATE_ENDPOINT } from './network/private-access.ts';

export const REDIS = 'Microsoft.Cache/redis';
const ROLES = ['primary', 'secondary'] as const;

/** Members of a cache that nobody sees: what its keys are made from. */
const HIDDEN = ['instanceId', 'keyGenerations'];

/** Kept nowhere: the instance decides both keys, and how often each was made anew. */
function redisKeys({ id, body }: StoredResource): { readonly primaryKey: string; readonly secondaryKey: string } {
  const instance = textAt(body, 'properties.instanceId') ?? id;
  const [primaryKey = '', secondaryKey = ''] = ROLES.map((role) => {
    const generation = generationOf(body, role);
    const text = generation === 0 ? `${role} ${instance}` : `${role} ${instance} ${generation}`;
    return createHash('sha256').update(text).digest('base64');
  });
  return { primaryKey, secondaryKey };
}

function generationOf(body: JsonObject, role: (typeof ROLES)[number]): number {
  return Number(valueAt(body, `properties.keyGenerations.${role}`) ?? 0);
}

/** A cache as whoever runs its data plane has to know it. */
export function redisCacheState(resource: StoredResource): RedisCacheState {
  return {
    id: resource.id,
    name: resource.name,
    hostName: textAt(resource.body, 'properties.hostName') ?? '',
    nonSslPort: valueAt(resource.body, 'properties.enableNonSslPort') === true,
    ...redisKeys(resource),
  };
}

/** Whether a cache can be reached at all: from everywhere, or through a private endpoint. */
export function isRedisReachable(world: ArmWorld, { id, body }: StoredResource): boolean {
  if (textAt(body, 'properties.publicNetworkAccess') !== 'Disabled') return true;
  return world.store.referrers(id, id).some(({ type }) => type.toLowerCase() === PRIVATE_ENDPOINT.toLowerCase());
}

/** Makes one key anew; clients that hold the other one go on. */
const regenerateKey: Action = async (resource, world, body) => {
  const role = ROLES.find((each) => each === textAt(body, 'keyType')?.toLowerCase());
  if (role === undefined) {
    throw new ArmFault(400, 'InvalidRequestBody', 'The keyType of the request is neither Primary nor Secondary.', {
      target: 'keyType',
    });
  }
  const keyGenerations = { [role]: generationOf(resource.body, role) + 1 };
  const changed = { ...resource, body: overlay(resource.body, { properties: { keyGenerations } }) };
  world.store.put(changed);
  await world.effects.onRedis(redisCacheState(changed), 'updated');
  return redisKeys(changed);
};

export const redisCaches: ResourceKind = {
  type: REDIS,
  apiVersions: ['2023-08-01', '2024-03-01', '2024-11-01'],
  shape: {
    ...commonShape,
    ...anyOf('zones', 'identity'),
    properties: {
      ...anyOf('sku', 'redisVersion', 'enableNonSslPort', 'publicNetworkAccess', 'redisConfiguration'),
      ...anyOf('minimumTlsVersion', 'replicasPerMaster', 'shardCount', 'subnetId', 'staticIP', 'tenantSettings'),
      ...anyOf('disableAccessKeyAuthentication', 'updateChannel', 'zonalAllocationPolicy'),
      ...readOnly('hostName', 'port', 'sslPort', 'provisioningState', 'accessKeys', 'instances', 'linkedServers'),
      ...readOnly('privateEndpointConnections', ...HIDDEN),
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
      properties: compact({
        enableNonSslPort: false,
        publicNetworkAccess: 'Enabled',
        redisConfiguration: objectAt(before?.body, 'properties.redisConfiguration'),
        redisVersion: '6',
        ...wanted,
        hostName: `${lastName(id.text).toLowerCase()}.redis.cache.windows.net`,
        port: 6379,
        sslPort: 6380,
        instanceId: textAt(before?.body, 'properties.instanceId') ?? world.uuid(),
        keyGenerations: valueAt(before?.body, 'properties.keyGenerations'),
        provisioningState: 'Succeeded',
      }),
    };
  },
  written: async (resource, { world, before }) =>
    world.effects.onRedis(redisCacheState(resource), before === undefined ? 'created' : 'updated'),
  view: (resource) => {
    const properties = Object.entries(objectAt(resource.body, 'properties'));
    return { ...resource.body, properties: Object.fromEntries(properties.filter(([name]) => !HIDDEN.includes(name))) };
  },
  actions: { listkeys: redisKeys, regeneratekey: regenerateKey },
  removal: 'async-operation',
  removed: async (resource, world) => world.effects.onRedis(redisCacheState(resource), 'deleted'),
};
