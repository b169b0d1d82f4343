import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { failureOf, fast, idIn, openArmCloud } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

const ADDRESS = idIn('rg', 'Microsoft.Network/publicIPAddresses/ip');
const VERSION = '2024-05-01';
const address = {
  location: 'eastus',
  sku: { name: 'Standard' },
  properties: { publicIPAllocationMethod: 'Static' },
};

describe('long-running operations', () => {
  let cloud: ArmCloud;
  beforeEach(async () => {
    cloud = await openArmCloud();
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
  });
  afterEach(async () => cloud.close());

  const put = async (): Promise<Response> => cloud.raw('PUT', `${ADDRESS}?api-version=${VERSION}`, address);
  const create = () => cloud.resources.resources.createOrUpdateById(ADDRESS.slice(1), VERSION, address, fast);
  /** The path of the operation, on the local server. */
  const operationOf = (response: Response): string =>
    (response.headers.get('azure-asyncoperation') ?? '').replace('https://management.azure.com', '');
  const statusAt = async (path: string): Promise<unknown> =>
    ((await (await cloud.raw('GET', path)).json()) as { status: unknown }).status;

  it('end after the configured number of looks, and the resource says the same meanwhile', async () => {
    cloud.world.settings.pace = { polls: 2 };
    const response = await put();
    expect(await response.json()).toMatchObject({ properties: { provisioningState: 'Updating' } });
    const operation = operationOf(response);
    expect(operation).toContain('/providers/Microsoft.Network/locations/eastus/operations/');
    expect([await statusAt(operation), await statusAt(operation)]).toEqual(['InProgress', 'Succeeded']);
    const resource = await cloud.resources.resources.getById(ADDRESS.slice(1), VERSION);
    expect(resource.properties).toMatchObject({ provisioningState: 'Succeeded', ipAddress: expect.any(String) });
  });

  it('end when the virtual clock says so, however often somebody looks', async () => {
    cloud.world.settings.pace = { ms: 60_000 };
    const operation = operationOf(await put());
    expect([await statusAt(operation), await statusAt(operation)]).toEqual(['InProgress', 'InProgress']);
    cloud.now += 60_000;
    expect(await statusAt(operation)).toBe('Succeeded');
  });

  it('move on when somebody looks at the resource alone, or with a tick', async () => {
    cloud.world.settings.pace = { polls: 2 };
    await put();
    await cloud.world.tick();
    const { properties } = await cloud.resources.resources.getById(ADDRESS.slice(1), VERSION);
    expect(properties).toMatchObject({ provisioningState: 'Succeeded' });
  });

  it('tell clients how long to wait when the settings say so', async () => {
    cloud.world.settings.pace = { polls: 2 };
    cloud.world.settings.retryAfterSeconds = 7;
    const response = await put();
    expect(response.headers.get('retry-after')).toBe('7');
    expect((await cloud.raw('GET', operationOf(response))).headers.get('retry-after')).toBe('7');
  });

  it('refuse a second write of the same resource meanwhile', async () => {
    cloud.world.settings.pace = { polls: 5 };
    await put();
    expect(await failureOf(create())).toMatchObject({ code: 'AnotherOperationInProgress', statusCode: 409 });
  });

  it('removal of a group is followed by its location, and takes everything in it', async () => {
    await create();
    const response = await cloud.raw('DELETE', `${ADDRESS.split('/providers/')[0]}?api-version=2025-04-01`);
    expect(response.status).toBe(202);
    expect(response.headers.get('azure-asyncoperation')).toBeNull();
    const location = (response.headers.get('location') ?? '').replace('https://management.azure.com', '');
    expect((await cloud.raw('GET', location)).status).toBe(200);
    expect(cloud.world.store.all()).toEqual([]);
  });

  describe('with faults', () => {
    it('a status is answered without executing the request', async () => {
      cloud.world.faults.add({
        method: 'PUT',
        path: '/publicIPAddresses/',
        call: 0,
        fault: { kind: 'status', status: 503 },
      });
      expect((await failureOf(create())).statusCode).toBe(503);
      expect(cloud.world.store.get(ADDRESS)).toBeUndefined();
      await create();
      expect(cloud.world.store.get(ADDRESS)).toBeDefined();
    });

    it('a reset connection executes nothing, a lost answer everything', async () => {
      cloud.world.faults.add({ method: 'PUT', path: /publicIPAddresses/, call: 0, fault: { kind: 'reset' } });
      await failureOf(create());
      expect(cloud.world.store.get(ADDRESS)).toBeUndefined();
      cloud.world.faults.clear();
      cloud.world.faults.add({ method: 'PUT', path: /publicIPAddresses/, call: 0, fault: { kind: 'answer-lost' } });
      await failureOf(create());
      expect(cloud.world.store.get(ADDRESS)).toBeDefined();
    });

    it('a body breaks off inside', async () => {
      cloud.world.faults.add({ method: 'GET', fault: { kind: 'truncated', bytes: 10 } });
      await failureOf(cloud.resources.resourceGroups.get('rg'));
    });

    it('a request that is delivered twice is executed twice', async () => {
      cloud.world.settings.pace = { polls: 0 };
      cloud.world.faults.add({ method: 'PUT', fault: { kind: 'delivered-twice' } });
      expect((await put()).status).toBe(200);
    });

    it('a forgotten operation is 404 from then on, and what it did stays', async () => {
      cloud.world.faults.add({ path: '/operations/', call: 0, fault: { kind: 'operation-forgotten' } });
      expect(await failureOf(create())).toMatchObject({ statusCode: 404 });
      expect(cloud.world.store.get(ADDRESS)).toBeDefined();
    });

    it('a held request waits, and a wrong clock shows in the header Date', async () => {
      let release = (): void => {};
      const until = new Promise<void>((resolve) => {
        release = resolve;
      });
      cloud.world.faults.add({ method: 'HEAD', fault: { kind: 'held', until } });
      const held = cloud.resources.resourceGroups.checkExistence('rg');
      cloud.world.faults.add({ method: 'GET', fault: { kind: 'clock-skew', seconds: 600 } });
      const response = await cloud.raw('GET', `${ADDRESS}?api-version=${VERSION}`);
      expect(Date.parse(response.headers.get('date') ?? '') - cloud.now).toBe(600_000);
      release();
      expect((await held).body).toBe(true);
    });
  });

  it('the recorder keeps the order of requests and tells writes from reads', async () => {
    cloud.world.recorder.clear();
    await create();
    await cloud.vaults.vaults.checkNameAvailability({ name: 'some-vault', type: 'Microsoft.KeyVault/vaults' });
    const methods = cloud.world.recorder.requests().map(({ method }) => method);
    expect(methods[0]).toBe('PUT');
    expect(methods.at(-1)).toBe('POST');
    expect(cloud.world.recorder.writes().map(({ method }) => method)).toEqual(['PUT']);
    expect(cloud.world.recorder.contains('some-vault')).toBe(true);
    expect(cloud.world.recorder.contains('some-other-text')).toBe(false);
  });
});
