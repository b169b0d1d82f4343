import { afterEach, describe, expect, it } from 'vitest';

import { failureOf, fast, openArmCloud, SUBSCRIPTION, TENANT } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

describe('a subscription', () => {
  let cloud: ArmCloud;
  afterEach(async () => cloud.close());

  const json = async (path: string): Promise<unknown> =>
    (await cloud.raw('GET', `/subscriptions/${SUBSCRIPTION}${path}`)).json();

  it('says its tenant, its state, and its regions with their names', async () => {
    cloud = await openArmCloud();
    expect(await json('?api-version=2022-12-01')).toMatchObject({
      subscriptionId: SUBSCRIPTION,
      tenantId: TENANT,
      state: 'Enabled',
      subscriptionPolicies: { spendingLimit: 'Off' },
    });
    const { value } = (await json('/locations?api-version=2022-12-01')) as { value: readonly object[] };
    expect(value[0]).toMatchObject({ name: 'eastus', displayName: 'East US', metadata: { regionType: 'Physical' } });
  });

  it('registers a provider at once, and the state follows later', async () => {
    cloud = await openArmCloud({ settings: { registered: [], registrationLooks: 2 } });
    const state = async (): Promise<string | undefined> =>
      (await cloud.resources.providers.get('Microsoft.KeyVault')).registrationState;
    expect(await state()).toBe('NotRegistered');
    const group = () => cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
    await group();
    const early = cloud.identities.userAssignedIdentities.createOrUpdate('rg', 'id-1', { location: 'eastus' });
    expect(await failureOf(early)).toMatchObject({ code: 'MissingSubscriptionRegistration', statusCode: 409 });
    await cloud.resources.providers.register('Microsoft.KeyVault');
    expect([await state(), await state(), await state()]).toEqual(['Registering', 'Registering', 'Registered']);
    await cloud.resources.providers.register('Microsoft.KeyVault');
    expect(await state()).toBe('Registered');
  });

  it('serves the versions that it accepts through the provider', async () => {
    cloud = await openArmCloud();
    const { resourceTypes } = await cloud.resources.providers.get('Microsoft.Network');
    const networks = resourceTypes?.find(({ resourceType }) => resourceType === 'virtualNetworks');
    expect(networks?.apiVersions).toContain('2024-05-01');
    expect(networks?.locations).toContain('East US');
  });

  it('registers preview features', async () => {
    cloud = await openArmCloud();
    const get = async () =>
      (await cloud.features.features.get('Microsoft.ContainerService', 'KataCcIsolationPreview')).properties?.state;
    expect(await get()).toBe('NotRegistered');
    await cloud.features.features.register('Microsoft.ContainerService', 'KataCcIsolationPreview');
    await get();
    expect(await get()).toBe('Registered');
  });

  it('tells quotas and sizes', async () => {
    cloud = await openArmCloud();
    const quota = await json('/providers/Microsoft.ContainerInstance/locations/eastus/usages?api-version=2023-05-01');
    expect(quota).toMatchObject({
      value: expect.arrayContaining([expect.objectContaining({ unit: 'Count', limit: 100 })]),
    });
    const sizes = await json(`/providers/Microsoft.Compute/skus?api-version=2021-07-01&$filter=location eq 'westus2'`);
    expect(sizes).toMatchObject({
      value: expect.arrayContaining([expect.objectContaining({ name: 'Standard_D4d_v5', locations: ['westus2'] })]),
    });
  });

  it('keeps groups where they are, and lists what lies in them by filter', async () => {
    cloud = await openArmCloud();
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'East US', tags: { a: '1' } });
    const moved = cloud.resources.resourceGroups.createOrUpdate('RG', { location: 'westus' });
    expect(await failureOf(moved)).toMatchObject({ code: 'InvalidResourceGroupLocation', statusCode: 409 });
    await cloud.identities.userAssignedIdentities.createOrUpdate('rg', 'id-1', { location: 'eastus' });
    await cloud.identities.userAssignedIdentities.createOrUpdate('rg', 'id-2', {
      location: 'eastus',
      tags: { b: '2' },
    });
    const listed = async (filter: string): Promise<(string | undefined)[]> => {
      const names: (string | undefined)[] = [];
      for await (const { name } of cloud.resources.resources.listByResourceGroup('rg', { filter })) names.push(name);
      return names;
    };
    expect(await listed(`resourceType eq 'Microsoft.ManagedIdentity/userAssignedIdentities'`)).toEqual([
      'id-1',
      'id-2',
    ]);
    expect(await listed(`tagName eq 'b' and tagValue eq '2'`)).toEqual(['id-2']);
    expect(await listed(`resourceType eq 'Microsoft.KeyVault/vaults'`)).toEqual([]);
    expect((await cloud.resources.resourceGroups.checkExistence('other')).body).toBe(false);
  });

  it('comes back from a snapshot with everything but what was running', async () => {
    cloud = await openArmCloud({ settings: { registered: [] } });
    cloud.world.registrations.register(SUBSCRIPTION, 'Microsoft.ManagedIdentity');
    await cloud.resources.providers.get('Microsoft.ManagedIdentity');
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
    const made = await cloud.identities.userAssignedIdentities.createOrUpdate('rg', 'id-1', { location: 'eastus' });
    const empty = { properties: { mode: 'Incremental' as const, template: { resources: [] } } };
    await cloud.deployments.deployments.createOrUpdate('rg', 'done', empty, fast);
    cloud.world.settings.pace = { polls: 9 };
    await cloud.deployments.deployments.createOrUpdate('rg', 'running', empty, fast).submitted();
    const text = JSON.stringify(cloud.world);
    await cloud.close();

    cloud = await openArmCloud({ settings: { registered: [] } }, JSON.parse(text));
    expect((await cloud.identities.userAssignedIdentities.get('rg', 'id-1')).principalId).toBe(made.principalId);
    const stateOf = async (name: string): Promise<string | undefined> =>
      (await cloud.deployments.deployments.get('rg', name)).properties?.provisioningState;
    expect([await stateOf('done'), await stateOf('running')]).toEqual(['Succeeded', 'Canceled']);
    await cloud.identities.userAssignedIdentities.createOrUpdate('rg', 'id-2', { location: 'eastus' });
  });
});
