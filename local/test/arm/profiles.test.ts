import { idOf, normaliseWhatIf } from '@holdfast/deployment';
import type { JsonValue, StageDeployment, WhatIfChange } from '@holdfast/deployment';
import { afterEach, describe, expect, it } from 'vitest';

import { exampleDeployments, fast, idIn, openArmCloud, SUBSCRIPTION } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

const GROUP = 'openshift';
const secretParameters: Readonly<Record<string, string>> = {
  operatorKey: 'UID2-O-I-999-very-secret',
  keyFingerprint: '00112233445566aa',
  deployerPrincipalId: '00000000-0000-0000-0000-0000000000d1',
};

/** The cluster and its network that the profile peer-pods finds. */
async function makeOpenShift({ resources }: ArmCloud): Promise<void> {
  await resources.resourceGroups.createOrUpdate(GROUP, { location: 'eastus' });
  const at = (rest: string): string => idIn(GROUP, `Microsoft.Network/${rest}`).slice(1);
  await resources.resources.createOrUpdateById(
    at('networkSecurityGroups/openshift-nsg'),
    '2024-05-01',
    { location: 'eastus', properties: { securityRules: [] } },
    fast,
  );
  await resources.resources.createOrUpdateById(
    at('virtualNetworks/openshift-vnet'),
    '2024-05-01',
    {
      location: 'eastus',
      properties: {
        addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
        subnets: [{ name: 'worker', properties: { addressPrefix: '10.0.32.0/19' } }],
      },
    },
    fast,
  );
}

function parametersOf({ template }: StageDeployment): Record<string, { value: string }> {
  const names = Object.keys(template.parameters);
  return Object.fromEntries(names.map((name) => [name, { value: secretParameters[name] ?? '' }]));
}

function requestOf(deployment: StageDeployment) {
  const properties = {
    mode: 'Incremental' as const,
    template: { ...deployment.template },
    parameters: parametersOf(deployment),
  };
  return { properties, tags: { templateHash: 'one' } };
}

async function deploy({ deployments: client }: ArmCloud, deployment: StageDeployment): Promise<string | undefined> {
  const { scope, name, location } = deployment;
  const request = requestOf(deployment);
  const calls = client.deployments;
  const { resourceGroup } = scope;
  const result =
    resourceGroup === undefined
      ? await calls.createOrUpdateAtSubscriptionScope(name, { ...request, location }, fast)
      : await calls.createOrUpdate(resourceGroup, name, request, fast);
  return result.properties?.provisioningState;
}

async function forecast(
  { deployments: client }: ArmCloud,
  deployment: StageDeployment,
): Promise<readonly WhatIfChange[]> {
  const { scope, name, location } = deployment;
  const request = requestOf(deployment);
  const result =
    scope.resourceGroup === undefined
      ? await client.deployments.whatIfAtSubscriptionScope(name, { ...request, location }, fast)
      : await client.deployments.whatIf(scope.resourceGroup, name, request, fast);
  expect(result.status).toBe('Succeeded');
  return result.changes ?? [];
}

/** Whether a template writes a field of a resource: list entries by position. */
function ownedBy(deployment: StageDeployment) {
  const resources = deployment.template.resources as readonly { name: string; [member: string]: JsonValue }[];
  return (resourceId: string, path: string): boolean => {
    const resource = resources.find(({ name }) =>
      resourceId.toLowerCase().endsWith(name.split('/').at(-1)?.toLowerCase() ?? ''),
    );
    let at: unknown = resource;
    for (const part of path.split(/[.[\]]+/).filter((one) => one !== '')) {
      at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined;
    }
    return at !== undefined;
  };
}

/** Everything that exists, without what changes with every write. */
function stateOf({ world }: ArmCloud): unknown {
  const text = JSON.stringify(world.store.all(), (key, value: unknown) =>
    ['etag', 'updatedOn', 'updated', 'secretUriWithVersion'].includes(key) ? undefined : value,
  );
  return JSON.parse(text) as unknown;
}

describe('the templates of every profile', () => {
  let cloud: ArmCloud;
  afterEach(async () => cloud.close());

  const open = async (file: string): Promise<readonly StageDeployment[]> => {
    cloud = await openArmCloud();
    if (file === 'peer-pods.yaml') await makeOpenShift(cloud);
    cloud.world.registrations.register(SUBSCRIPTION, 'Microsoft.ContainerService/KataCcIsolationPreview');
    await cloud.features.features.get('Microsoft.ContainerService', 'KataCcIsolationPreview');
    return exampleDeployments(file);
  };

  for (const file of ['uid2-aks.yaml', 'kata-cc.yaml', 'peer-pods.yaml', 'private-link.yaml']) {
    it(`${file} deploys, deploys again without changing anything, and forecasts no change`, async () => {
      const deployments = await open(file);
      expect(deployments.length).toBeGreaterThan(1);
      for (const deployment of deployments) expect(await deploy(cloud, deployment)).toBe('Succeeded');
      const first = stateOf(cloud);

      for (const deployment of deployments) expect(await deploy(cloud, deployment)).toBe('Succeeded');
      expect(stateOf(cloud)).toEqual(first);

      for (const deployment of deployments) {
        const planned = normaliseWhatIf(await forecast(cloud, deployment), ownedBy(deployment));
        const changes = planned.filter(({ kind }) => kind !== 'none' && kind !== 'foreign');
        // A secret has a value that nobody can read back: Azure forecasts a change as well.
        expect(changes.filter(({ resourceId }) => !resourceId.includes('/secrets/'))).toEqual([]);
      }
      expect(cloud.world.recorder.contains('very-secret')).toBe(false);
      expect(JSON.stringify(cloud.world)).not.toContain('very-secret');
    });
  }

  for (const file of ['uid2-aks.yaml', 'kata-cc.yaml', 'peer-pods.yaml', 'private-link.yaml']) {
    it(`what is read after ${file} can be written back, and changes nothing`, async () => {
      const deployments = await open(file);
      for (const deployment of deployments) await deploy(cloud, deployment);
      const before = stateOf(cloud);
      const written = deployments
        .flatMap(({ resources }) => resources)
        .filter(({ type }) => !type.endsWith('/secrets'));
      for (const resource of written) {
        const url = `${idOf(resource)}?api-version=${resource.apiVersion}`;
        const read: unknown = await (await cloud.raw('GET', url)).json();
        const response = await cloud.raw('PUT', url, read as object);
        expect([response.status, url]).toEqual([200, url]);
        await cloud.world.settle();
      }
      expect(stateOf(cloud)).toEqual(before);
    });
  }

  it('forecasts of a deployed profile hold the noise that the plan has to leave out', async () => {
    const deployments = await open('uid2-aks.yaml');
    for (const deployment of deployments) await deploy(cloud, deployment);
    const changes: WhatIfChange[] = [];
    for (const deployment of deployments) changes.push(...(await forecast(cloud, deployment)));
    const text = JSON.stringify(changes);
    for (const noise of [
      'windowsProfile',
      'accessPolicies',
      'privateEndpointNetworkPolicies',
      'East US',
      '1.34.2',
      'Ignore',
    ]) {
      expect(text).toContain(noise);
    }
    expect(changes.some(({ changeType }) => changeType === 'Modify')).toBe(true);
  });
});
