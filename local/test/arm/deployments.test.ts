import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { failureOf, fast, idIn, openArmCloud, SUBSCRIPTION, TENANT } from './arm-cloud.ts';
import type { ArmCloud } from './arm-cloud.ts';

type Resource = Readonly<Record<string, unknown>>;

const identity = (name: string, more: Resource = {}): Resource => ({
  type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
  apiVersion: '2023-01-31',
  name,
  location: 'eastus',
  ...more,
});

/** An assignment at the group, to an identity of the same template. */
const assignment = (identityName: string): Resource => ({
  type: 'Microsoft.Authorization/roleAssignments',
  apiVersion: '2022-04-01',
  name: '11111111-2222-5333-8444-555555555555',
  dependsOn: [idIn('rg', `Microsoft.ManagedIdentity/userAssignedIdentities/${identityName}`)],
  properties: {
    roleDefinitionId: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6`,
    principalId: `[reference('${idIn('rg', `Microsoft.ManagedIdentity/userAssignedIdentities/${identityName}`)}', '2023-01-31').principalId]`,
    principalType: 'ServicePrincipal',
  },
});

const vault: Resource = {
  type: 'Microsoft.KeyVault/vaults',
  apiVersion: '2023-07-01',
  name: 'vault-1',
  location: 'eastus',
  properties: {
    tenantId: '[subscription().tenantId]',
    sku: { family: 'A', name: 'standard' },
    enableRbacAuthorization: true,
  },
};

describe('deployments', () => {
  let cloud: ArmCloud;
  beforeEach(async () => {
    cloud = await openArmCloud();
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
  });
  afterEach(async () => cloud.close());

  const bodyOf = (
    resources: readonly Resource[],
    parameters: Resource = {},
    values: Resource = {},
    outputs: Resource = {},
  ) => ({
    properties: {
      mode: 'Incremental' as const,
      template: {
        $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
        contentVersion: '1.0.0.0',
        parameters,
        resources,
        outputs,
      },
      parameters: values as Record<string, { value: string }>,
    },
  });
  const deploy = (name: string, ...body: Parameters<typeof bodyOf>) =>
    cloud.deployments.deployments.createOrUpdate('rg', name, bodyOf(...body), fast);
  const operationsOf = async (name: string) => {
    const found = [];
    for await (const operation of cloud.deployments.deploymentOperations.list('rg', name))
      found.push(operation.properties);
    return found;
  };
  const validate = (...body: Parameters<typeof bodyOf>) =>
    cloud.deployments.deployments.validate('rg', 'check', bodyOf(...body), fast);

  it('make resources in the order of their dependencies and give references their values', async () => {
    const result = await deploy(
      'one',
      [assignment('id-1'), identity('id-1')],
      {},
      {},
      {
        principal: {
          type: 'string',
          value: `[reference(resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'id-1')).principalId]`,
        },
        tenant: { type: 'string', value: '[subscription().tenantId]' },
        where: { type: 'string', value: '[resourceGroup().location]' },
      },
    );
    const made = await cloud.identities.userAssignedIdentities.get('rg', 'id-1');
    expect(result.properties?.outputs).toMatchObject({
      principal: { value: made.principalId },
      tenant: { value: TENANT },
      where: { value: 'eastus' },
    });
    expect((await operationsOf('one')).map((operation) => operation?.targetResource?.resourceName)).toEqual([
      'id-1',
      '11111111-2222-5333-8444-555555555555',
    ]);
    expect(result.properties?.outputResources).toHaveLength(2);
  });

  it('keep secure parameters out of history, forecasts and everything that can be read', async () => {
    const secret = {
      type: 'Microsoft.KeyVault/vaults/secrets',
      apiVersion: '2023-07-01',
      name: 'vault-1/key',
      dependsOn: [idIn('rg', 'Microsoft.KeyVault/vaults/vault-1')],
      properties: { value: `[parameters('operatorKey')]` },
    };
    const written: string[] = [];
    await cloud.close();
    cloud = await openArmCloud({
      effects: {
        onVaultSecret: ({ name, value, vaultUrl }) => {
          written.push(`${vaultUrl} ${name} ${value}`);
          return '0123456789abcdef0123456789abcdef';
        },
      },
    });
    await cloud.resources.resourceGroups.createOrUpdate('rg', { location: 'eastus' });
    const body = [
      [vault, secret],
      { operatorKey: { type: 'securestring' } },
      { operatorKey: { value: 'canary-1' } },
    ] as const;
    await deploy('secret', ...body);
    await cloud.deployments.deployments.whatIf('rg', 'secret', bodyOf(...body), fast);
    const record = await cloud.deployments.deployments.get('rg', 'secret');
    expect(record.properties?.parameters).toEqual({ operatorKey: { type: 'SecureString' } });
    expect(written).toEqual(['https://vault-1.vault.azure.net/ key canary-1']);
    const read = await cloud.vaults.secrets.get('rg', 'vault-1', 'key');
    expect(read.properties?.secretUriWithVersion).toContain('/secrets/key/0123456789abcdef0123456789abcdef');
    expect(cloud.world.recorder.contains('canary-1')).toBe(false);
    expect(JSON.stringify(cloud.world)).not.toContain('canary-1');
  });

  it('refuse to be started twice under one name while they run', async () => {
    cloud.world.settings.pace = { polls: 5 };
    const first = deploy('busy', [identity('id-1')]);
    await first.submitted();
    expect(await failureOf(deploy('busy', [identity('id-1')]))).toMatchObject({
      code: 'DeploymentActive',
      statusCode: 409,
    });
    expect((await first).properties?.provisioningState).toBe('Succeeded');
  });

  it('go on when somebody looks at the deployment instead of its operation, also a forgotten one', async () => {
    cloud.world.faults.add({ path: '/operationStatuses/', fault: { kind: 'operation-forgotten' } });
    expect(await failureOf(deploy('lost', [identity('id-1')]))).toMatchObject({ statusCode: 404 });
    const { properties } = await cloud.deployments.deployments.get('rg', 'lost');
    expect(properties?.provisioningState).toBe('Succeeded');
  });

  it('that fail keep what was made before, and tell the cause in their operations', async () => {
    cloud.world.settings.principalNotFoundCalls = 1;
    const body = [[identity('id-1'), assignment('id-1'), identity('id-2')]] as const;
    const failure = await failureOf(deploy('partly', ...body));
    expect(failure.message).toContain('DeploymentFailed');
    const { properties } = await cloud.deployments.deployments.get('rg', 'partly');
    expect(properties?.provisioningState).toBe('Failed');
    expect(properties?.error?.details?.[0]?.message).toContain('"PrincipalNotFound"');
    const failed = (await operationsOf('partly')).filter((operation) => operation?.provisioningState === 'Failed');
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({
      statusCode: 'BadRequest',
      statusMessage: { error: { code: 'PrincipalNotFound' } },
    });
    for (const name of ['id-1', 'id-2']) await cloud.identities.userAssignedIdentities.get('rg', name);
    expect((await deploy('partly', ...body)).properties?.provisioningState).toBe('Succeeded');
  });

  it('do not make what depends on something that failed', async () => {
    cloud.world.settings.policies = [
      { type: 'Microsoft.ManagedIdentity/userAssignedIdentities', assignment: 'no-identities', definition: 'deny' },
    ];
    await failureOf(deploy('denied', [identity('id-1'), assignment('id-1')]));
    const operations = await operationsOf('denied');
    expect(operations).toHaveLength(1);
    expect(operations[0]?.statusMessage?.error).toMatchObject({
      code: 'RequestDisallowedByPolicy',
      additionalInfo: [{ type: 'PolicyViolation' }],
    });
  });

  it('can be canceled, and deleted from the history without touching resources', async () => {
    cloud.world.settings.pace = { polls: 3 };
    const running = deploy('stop', [identity('id-1'), identity('id-2')]);
    await running.submitted();
    await cloud.deployments.deployments.get('rg', 'stop');
    await cloud.deployments.deployments.cancel('rg', 'stop');
    expect((await cloud.deployments.deployments.get('rg', 'stop')).properties?.provisioningState).toBe('Canceled');
    expect((await failureOf(running)).message).toContain('canceled');
    await cloud.deployments.deployments.delete('rg', 'stop', fast);
    expect((await cloud.deployments.deployments.checkExistence('rg', 'stop')).body).toBe(false);
    await cloud.identities.userAssignedIdentities.get('rg', 'id-1');
    expect((await failureOf(cloud.identities.userAssignedIdentities.get('rg', 'id-2'))).code).toBe('ResourceNotFound');
  });

  it('fill the history of a group until its limit', async () => {
    cloud.world.settings.historyLimit = 2;
    await deploy('a', []);
    await deploy('b', []);
    expect(await failureOf(deploy('c', []))).toMatchObject({ code: 'DeploymentQuotaExceeded', statusCode: 409 });
    await deploy('b', []);
    const names: (string | undefined)[] = [];
    for await (const { name } of cloud.deployments.deployments.listByResourceGroup('rg')) names.push(name);
    expect(names).toEqual(['a', 'b']);
  });

  it.each([
    ['a function outside of the subset', [identity(`[concat('a', 'b')]`)]],
    ['a text that cannot be read', [identity('id-1', { location: '[resourceGroup().location}]' })]],
    ['a parameter that is not declared', [identity('id-1', { location: `[parameters('where')]` })]],
    ['a dependency that is not in the template', [assignment('nobody')]],
    ['a resource that stands there twice', [identity('id-1'), identity('id-1')]],
    ['a name with another number of parts than the type', [identity('id-1/child')]],
  ])('refuse %s as an invalid template', async (_what, resources) => {
    expect(await failureOf(deploy('bad', resources))).toMatchObject({ code: 'InvalidTemplate', statusCode: 400 });
  });

  it('refuse what its type refuses before anything is made, with the reasons as details', async () => {
    const response = await cloud.raw(
      'PUT',
      `${idIn('rg', 'Microsoft.Resources/deployments/bad')}?api-version=2025-04-01`,
      bodyOf([identity('id-1'), identity('id-2', { colour: 'red' })]),
    );
    expect(await response.json()).toMatchObject({
      error: { code: 'InvalidTemplateDeployment', details: [{ code: 'InvalidRequestContent', target: 'colour' }] },
    });
    expect(cloud.world.store.ofType('Microsoft.ManagedIdentity/userAssignedIdentities')).toEqual([]);
  });

  it('need a group that exists, and registered providers', async () => {
    const other = cloud.deployments.deployments.createOrUpdate('nowhere', 'one', bodyOf([]), fast);
    expect((await failureOf(other)).code).toBe('ResourceGroupNotFound');
    cloud.world.settings.registered = [];
    expect((await failureOf(deploy('one', [identity('id-1')]))).code).toBe('MissingSubscriptionRegistration');
  });

  it('inside of others go to their own group, which must exist', async () => {
    const nested = (resourceGroup: string): Resource => ({
      type: 'Microsoft.Resources/deployments',
      apiVersion: '2025-04-01',
      name: 'inner',
      resourceGroup,
      properties: {
        mode: 'Incremental',
        expressionEvaluationOptions: { scope: 'inner' },
        parameters: { name: { value: 'id-3' } },
        template: { parameters: { name: { type: 'string' } }, resources: [identity(`[parameters('name')]`)] },
      },
    });
    await failureOf(deploy('outer', [nested('nowhere')]));
    const [operation] = await operationsOf('outer');
    expect(operation?.statusMessage?.error?.code).toBe('ResourceGroupNotFound');
    await cloud.resources.resourceGroups.createOrUpdate('other', { location: 'eastus' });
    await deploy('outer', [nested('other')]);
    await cloud.identities.userAssignedIdentities.get('other', 'id-3');
  });

  describe('that are only validated', () => {
    const broken = [[identity(`[concat('a')]`)]] as const;

    it('come back with what they would make', async () => {
      const result = await validate([identity('id-1')]);
      expect(result.error).toBeUndefined();
      expect(result.properties?.provisioningState).toBe('Succeeded');
      expect(cloud.world.store.ofType('Microsoft.ManagedIdentity/userAssignedIdentities')).toEqual([]);
    });

    it('fail with a refusal whose body only the raw answer shows', async () => {
      let body = '';
      const options = {
        ...fast,
        onResponse: (raw: { parsedBody?: unknown }) => (body = JSON.stringify(raw.parsedBody)),
      };
      const failure = await failureOf(
        cloud.deployments.deployments.validate('rg', 'check', bodyOf(...broken), options),
      );
      expect(failure.code).toBeUndefined();
      expect(body).toContain('InvalidTemplate');
    });

    it('fail with a value that has an error', async () => {
      cloud.world.settings.validationAnswer = 'value';
      expect((await validate(...broken)).error?.code).toBe('InvalidTemplate');
    });

    it('fail when polled', async () => {
      cloud.world.settings.validationAnswer = 'polled';
      expect((await failureOf(validate(...broken))).message).toContain('InvalidTemplate');
      expect((await validate([identity('id-1')])).properties?.provisioningState).toBe('Succeeded');
    });
  });

  describe('that are only forecast', () => {
    const whatIf = (...body: Parameters<typeof bodyOf>) =>
      cloud.deployments.deployments.whatIf('rg', 'plan', bodyOf(...body), fast);

    it('tell what would be made, changed, left alone, and what they cannot tell', async () => {
      cloud.world.settings.whatIfNoise = false;
      await deploy('one', [identity('old'), identity('same', { tags: { a: '1' } }), identity('foreign')]);
      cloud.world.settings.whatIfUnsupported = ['Microsoft.KeyVault/vaults'];
      const { changes } = await whatIf([
        identity('old', { tags: { a: '2' } }),
        identity('same', { tags: { a: '1' } }),
        identity('new'),
        vault,
      ]);
      expect((changes ?? []).map(({ resourceId, changeType }) => [resourceId?.split('/').at(-1), changeType])).toEqual([
        ['old', 'Modify'],
        ['same', 'NoChange'],
        ['new', 'Create'],
        ['vault-1', 'Unsupported'],
        ['foreign', 'Ignore'],
      ]);
      expect(changes?.[0]?.delta).toMatchObject([
        { path: 'tags', children: [{ path: 'a', propertyChangeType: 'Create' }] },
      ]);
    });

    it('leave an expression standing that nobody can know yet', async () => {
      const { changes } = await whatIf([identity('id-1'), assignment('id-1')]);
      expect(JSON.stringify(changes)).toContain("[reference('");
    });

    it('fail with 200 and an error', async () => {
      cloud.world.settings.whatIfFailure = { code: 'InternalServerError', message: 'the forecast broke' };
      const result = await whatIf([identity('id-1')]);
      expect([result.status, result.error?.code]).toEqual(['Failed', 'InternalServerError']);
    });
  });
});
