import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createArmWorld, isRedisReachable } from '../../src/arm/index.ts';
import type { RedisCacheState } from '../../src/arm/index.ts';
import { idIn, openArmCloud, SUBSCRIPTION, TENANT } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

const CACHE = idIn('rg', 'Microsoft.Cache/redis/Azure-Vote');
const ENDPOINT = idIn('rg', 'Microsoft.Network/privateEndpoints/pe');
const VERSION = '?api-version=2024-11-01';
type Keys = { readonly primaryKey: string; readonly secondaryKey: string };

describe('Azure Cache for Redis', () => {
  const told: [string, RedisCacheState][] = [];
  let cloud: ArmCloud;
  beforeEach(async () => {
    told.length = 0;
    cloud = await openArmCloud({ effects: { onRedis: (cache, happened) => void told.push([happened, cache]) } });
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
  });
  afterEach(async () => cloud.close());

  const make = async (properties: object = {}) => {
    const body = {
      location: 'eastus',
      properties: { sku: { name: 'Standard', family: 'C', capacity: 1 }, ...properties },
    };
    const answer = await cloud.raw('PUT', `${CACHE}${VERSION}`, body);
    expect(answer.status).toBeLessThan(300);
    await cloud.world.settle();
  };
  const read = async () =>
    (await (await cloud.raw('GET', `${CACHE}${VERSION}`)).json()) as { properties: Record<string, unknown> };
  const post = (action: string, body?: object) => cloud.raw('POST', `${CACHE}/${action}${VERSION}`, body);
  const keys = async (): Promise<Keys> => (await (await post('listKeys')).json()) as Keys;

  it('says its name and its ports, and never its keys', async () => {
    await make();
    const { properties } = await read();
    expect(properties).toMatchObject({
      hostName: 'azure-vote.redis.cache.windows.net',
      port: 6379,
      sslPort: 6380,
      enableNonSslPort: false,
      provisioningState: 'Succeeded',
    });
    expect(Object.keys(properties)).not.toContain('instanceId');
    expect(Object.keys(properties)).not.toContain('keyGenerations');
    expect(JSON.stringify(properties)).not.toContain((await keys()).primaryKey);
  });

  it('has two keys of 32 bytes, and whoever runs it is told them', async () => {
    await make({ enableNonSslPort: true });
    const { primaryKey, secondaryKey } = await keys();
    expect([primaryKey, secondaryKey].map((key) => Buffer.from(key, 'base64').length)).toEqual([32, 32]);
    expect(primaryKey).not.toBe(secondaryKey);
    expect(told).toEqual([
      ['created', expect.objectContaining({ name: 'Azure-Vote', nonSslPort: true, primaryKey, secondaryKey })],
    ]);
  });

  it.each([
    ['Primary', 'primaryKey', 'secondaryKey'],
    ['Secondary', 'secondaryKey', 'primaryKey'],
  ] as const)('makes the %s key anew and leaves the other one', async (keyType, changed, kept) => {
    await make();
    const before = await keys();
    const answer = await post('regenerateKey', { keyType });
    const after = await keys();
    expect([answer.status, await answer.json()]).toEqual([200, after]);
    expect(after[changed]).not.toBe(before[changed]);
    expect(after[kept]).toBe(before[kept]);
    expect(told.at(-1)).toEqual(['updated', expect.objectContaining(after)]);
    await make({ enableNonSslPort: true });
    expect(await keys()).toEqual(after);
    const again = createArmWorld(
      { subscriptions: [{ subscriptionId: SUBSCRIPTION, tenantId: TENANT }] },
      cloud.world.toJSON(),
    );
    expect(again.store.get(CACHE)?.body).toEqual(cloud.world.store.get(CACHE)?.body);
  });

  it('refuses to make another kind of key', async () => {
    await make();
    expect((await post('regenerateKey', { keyType: 'Third' })).status).toBe(400);
  });

  it('is reached through a private endpoint when it is closed to everybody else', async () => {
    const isReachable = (): boolean => {
      const cache = cloud.world.store.get(CACHE);
      return cache !== undefined && isRedisReachable(cloud.world, cache);
    };
    await make();
    expect(isReachable()).toBe(true);
    await make({ publicNetworkAccess: 'Disabled' });
    expect(isReachable()).toBe(false);
    cloud.world.store.put({
      id: ENDPOINT,
      type: 'Microsoft.Network/privateEndpoints',
      name: 'pe',
      body: { properties: { privateLinkServiceConnections: [{ properties: { privateLinkServiceId: CACHE } }] } },
    });
    expect(isReachable()).toBe(true);
  });

  it('tells whoever runs it that it goes', async () => {
    await make();
    await cloud.raw('DELETE', `${CACHE}${VERSION}`);
    await cloud.world.settle();
    expect(told.at(-1)).toEqual(['deleted', expect.objectContaining({ id: CACHE })]);
    expect((await cloud.raw('GET', `${CACHE}${VERSION}`)).status).toBe(404);
  });
});
