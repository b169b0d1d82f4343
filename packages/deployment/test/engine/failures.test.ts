import { inspect } from 'node:util';

import { Secret } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { apply, idOf, keyFingerprint, lockCluster, onceRoleWorks, plan, planFile, status } from '../../src/index.ts';
import type { AzureProblem, JsonObject } from '../../src/index.ts';
import { textAt } from '../../src/engine/json.ts';
import { FakeAzureError } from '../../testing/index.ts';
import type { FakeWorld } from '../../testing/index.ts';
import { configOf, resolved } from '../configs.ts';
import { endState, marker, runOf, scenarios, worldFor } from './worlds.ts';
import type { Scenario } from './worlds.ts';

const uid2 = scenarios[0] as Scenario;
const scope = { subscriptionId: resolved.subscriptionId, resourceGroup: 'my-vn-aks' };
const clusterId = idOf({ scope, type: 'Microsoft.ContainerService/managedClusters', name: 'myvncluster' });
const networkId = idOf({ scope, type: 'Microsoft.Network/virtualNetworks', name: 'my-vnet' });
const secretId = idOf({
  scope,
  type: 'Microsoft.KeyVault/vaults/secrets',
  name: 'my-vn-aks-vault/my-vn-aks-opr-key-name',
});

async function failureOf(
  run: Promise<unknown>,
): Promise<Error & { readonly code: string; readonly details: JsonObject }> {
  return (await run.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: unknown) => error,
  )) as Error & { readonly code: string; readonly details: JsonObject };
}

async function applied(world: FakeWorld, scenario = uid2): Promise<FakeWorld> {
  await apply(await runOf(world, scenario));
  world.requests.revive();
  return world;
}

const problem = (code: string, more: Partial<AzureProblem> = {}): AzureProblem => ({
  code,
  message: `because of ${code}`,
  path: ['DeploymentFailed'],
  ...more,
});

describe('acceptance 7: an identity that the directory does not know yet', () => {
  for (const times of [1, 3, 10]) {
    it(`is waited for when it is unknown ${times} times`, async () => {
      const world = worldFor(uid2);
      world.azure.principalNotFound = times;
      await apply(await runOf(world, uid2));
      expect(world.events.filter(({ event }) => event === 'retrying')).toHaveLength(times);
      expect(endState(world)).toEqual(endState(await applied(worldFor(uid2))));
    });
  }

  it('ends the run when it takes longer than the deadline; a later run continues', async () => {
    const world = worldFor(uid2);
    world.azure.principalNotFound = 1000;
    const error = await failureOf(apply(await runOf(world, uid2)));
    expect(error.code).toBe('DEPLOYMENT_DEADLINE');
    expect(error.message).toContain('PrincipalNotFound');
    world.azure.principalNotFound = 0;
    await apply(await runOf(world, uid2));
    expect(endState(world)).toEqual(endState(await applied(worldFor(uid2))));
  });
});

describe('a provider that turns out not to be registered', () => {
  const missing = (namespace: string): AzureProblem =>
    problem('MissingSubscriptionRegistration', {
      message: `The subscription is not registered to use namespace '${namespace}'.`,
    });

  it('is registered in stage S1 once more, and the apply goes on where it was', async () => {
    const world = worldFor(uid2);
    world.azure.failures.set('uid2-integ-s4', missing('Microsoft.ContainerService'));
    const run = await runOf(world, uid2, {
      ports: {
        ...world.ports,
        onEvent: (event) => {
          world.events.push(event);
          // Somebody takes the registration away while the cluster is made.
          if (event.stage === 'S4' && event.event === 'creating' && world.azure.failures.size > 0)
            world.azure.unregister('Microsoft.ContainerService');
        },
      },
    });
    await apply(run);
    const order = world.events.filter(({ event }) => ['started', 'retrying', 'done'].includes(event));
    const texts = order.map(({ stage, event }) => `${stage} ${event}`);
    const at = texts.indexOf('S4 retrying');
    expect(texts.slice(at - 1, at + 4)).toEqual(['S4 started', 'S4 retrying', 'S1 started', 'S1 done', 'S4 done']);
    expect(endState(world)).toEqual(endState(await applied(worldFor(uid2))));
  });

  it('is waited for while Azure says both that it is and that it is not', async () => {
    const world = worldFor(uid2);
    for (const stage of ['s3', 's6']) world.azure.failures.set(`uid2-integ-${stage}`, missing('Microsoft.KeyVault'));
    await apply(await runOf(world, uid2));
    const registrations = world.requests.all.filter(({ target }) => target.endsWith('Microsoft.KeyVault/register'));
    expect(registrations).toHaveLength(1);
  });

  it('ends the run when this deployment does not register it', async () => {
    const world = worldFor(uid2);
    world.azure.failures.set('uid2-integ-s3', missing('Microsoft.PolicyInsights'));
    const error = await failureOf(apply(await runOf(world, uid2)));
    expect(error.code).toBe('DEPLOYMENT_FAILED');
    expect(error.message).toContain('Microsoft.PolicyInsights');
  });
});

describe('acceptance 5, 6: a deployment that Azure refuses or cannot finish', () => {
  it('is told with the innermost code, the resource and the correlation id', async () => {
    const world = worldFor(uid2);
    const resourceId = clusterId;
    world.azure.failures.set(
      'uid2-integ-s4',
      problem('QuotaExceeded', { resourceId, path: ['DeploymentFailed', 'ResourceDeploymentFailure'] }),
    );
    const error = await failureOf(apply(await runOf(world, uid2)));
    expect(error.code).toBe('DEPLOYMENT_FAILED');
    expect(error.details).toMatchObject({ azureCode: 'QuotaExceeded', resourceId, stage: 'S4' });
    expect(error.details['correlationId']).toMatch(/^[0-9a-f-]{36}$/);
    world.requests.revive();
    await apply(await runOf(world, uid2));
    expect(world.requests.writes()[0]).toContain('uid2-integ-s4');
  });

  it('is not submitted when its validation fails', async () => {
    const world = worldFor(uid2);
    world.azure.invalid.set('uid2-integ-s3', problem('InvalidTemplateDeployment'));
    const error = await failureOf(apply(await runOf(world, uid2)));
    expect(error.details['azureCode']).toBe('InvalidTemplateDeployment');
    expect(world.requests.writes().some((write) => write.includes('deployments/uid2-integ-s3'))).toBe(false);
  });

  it('blocks a plan when its forecast fails', async () => {
    const world = worldFor(uid2);
    world.azure.put(`/subscriptions/${resolved.subscriptionId}/resourceGroups/my-vn-aks`, { location: 'eastus' });
    world.azure.whatIfAnswers.set('uid2-integ-s3', { problem: problem('RequestDisallowedByPolicy') });
    const made = await plan(await runOf(world, uid2));
    expect(made.possible).toBe(false);
    expect(made.stages.flatMap(({ problems }) => problems)).toEqual([
      expect.stringContaining('RequestDisallowedByPolicy'),
    ]);
    expect(world.requests.writes()).toEqual([]);
  });

  it('is left to whoever started it with another configuration', async () => {
    const world = worldFor(uid2);
    world.azure.deploymentMs = 3_600_000;
    expect((await failureOf(apply(await runOf(world, uid2)))).code).toBe('DEPLOYMENT_DEADLINE');
    const changed = { ...uid2, config: configOf('uid2-vn2', 'network: {nat: {idleTimeoutMinutes: 10}}\n') };
    const error = await failureOf(apply(await runOf(world, changed)));
    expect(error.code).toBe('DEPLOYMENT_LOCKED');
  });
});

describe('an interruption', () => {
  it('leaves the deployment running, and the next run attaches to it', async () => {
    const world = worldFor(uid2);
    const controller = new AbortController();
    const run = await runOf(world, uid2, {
      signal: controller.signal,
      ports: {
        ...world.ports,
        onEvent: (event) => {
          world.events.push(event);
          if (event.stage === 'S4' && event.event === 'waiting') controller.abort(new Error('Ctrl-C'));
        },
      },
    });
    const error = await failureOf(apply(run));
    expect(error.code).toBe('DEPLOYMENT_INTERRUPTED');
    expect(error.details).toEqual({ stage: 'S4' });
    world.requests.revive();
    await apply(await runOf(world, uid2));
    expect(world.events.some(({ event, resource }) => event === 'resumed' && resource === 'uid2-integ-s4')).toBe(true);
    expect(world.requests.writes().some((write) => write.includes('deployments/uid2-integ-s4'))).toBe(false);
  });
});

describe('acceptance 4: what others have made', () => {
  it('survives an update: autoscaled nodes, patch versions, pools, add-ons, tags, subnets, unknown fields', async () => {
    const world = await applied(worldFor(uid2));
    const cluster = world.azure.get(clusterId) as JsonObject;
    const properties = cluster['properties'] as JsonObject;
    const [pool] = properties['agentPoolProfiles'] as readonly JsonObject[];
    world.azure.resources.set(clusterId.toLowerCase(), {
      ...cluster,
      tags: { team: 'a' },
      properties: {
        ...properties,
        currentKubernetesVersion: '1.34.9',
        someNewFeature: { kept: ['[text that looks like an expression]'] },
        addonProfiles: { monitoring: { enabled: true } },
        agentPoolProfiles: [
          { ...pool, count: 5, currentOrchestratorVersion: '1.34.9' },
          { name: 'theirs', count: 1 },
        ],
      },
    });
    const network = world.azure.get(networkId) as JsonObject;
    const inside = network['properties'] as JsonObject;
    const subnets = [
      ...(inside['subnets'] as readonly JsonObject[]),
      { name: 'theirs', properties: { addressPrefix: '10.9.0.0/24' } },
    ];
    const peerings = [{ name: 'hub', properties: { remoteVirtualNetwork: { id: '/x' }, peeringState: 'Initiated' } }];
    world.azure.resources.set(networkId.toLowerCase(), {
      ...network,
      tags: { owner: 'net' },
      properties: { ...inside, subnets, virtualNetworkPeerings: peerings, dhcpOptions: { dnsServers: ['10.0.0.4'] } },
    });
    expect((await plan(await runOf(world, uid2))).changed).toBe(false);
    const changed: Scenario = {
      ...uid2,
      config: configOf(
        'uid2-vn2',
        'aks: {pool: {max: 9}}\nnetwork: {nat: {idleTimeoutMinutes: 10}, vnet: {cidr: 10.0.0.0/7}}\n',
      ),
    };
    await apply(await runOf(world, changed));
    const after = (world.azure.get(clusterId) as JsonObject)['properties'] as JsonObject;
    expect((world.azure.get(clusterId) as JsonObject)['tags']).toEqual({ team: 'a' });
    expect(after['someNewFeature']).toEqual({ kept: ['[text that looks like an expression]'] });
    expect(after['addonProfiles']).toEqual({ monitoring: { enabled: true } });
    expect(after['kubernetesVersion']).toBe('1.34.9');
    expect(after['agentPoolProfiles']).toMatchObject([
      { count: 5, maxCount: 9, orchestratorVersion: '1.34.9' },
      { name: 'theirs', count: 1 },
    ]);
    const networkAfter = (world.azure.get(networkId) as JsonObject)['properties'] as JsonObject;
    expect(networkAfter['addressSpace']).toEqual({ addressPrefixes: ['10.0.0.0/7'] });
    expect(networkAfter['subnets']).toHaveLength(4);
    expect(networkAfter['virtualNetworkPeerings']).toEqual(peerings);
    expect(networkAfter['dhcpOptions']).toEqual({ dnsServers: ['10.0.0.4'] });
  });

  it('is taken over when it is the role that is wanted, and an orphan of it is made anew', async () => {
    const world = await applied(worldFor(uid2));
    const isRole = (resource: JsonObject): boolean => resource['type'] === 'Microsoft.Authorization/roleAssignments';
    const [own] = [...world.azure.resources.values()].filter(isRole);
    const id = textAt(own, 'id') ?? '';
    world.azure.resources.delete(id.toLowerCase());
    const other = id.replace(/[^/]+$/, '00000000-aaaa-bbbb-cccc-000000000001');
    world.azure.put(other, { properties: own?.['properties'] ?? {} });
    await apply(await runOf(world, uid2));
    expect(world.requests.writes()).toEqual([]);
    world.azure.resources.delete(other.toLowerCase());
    world.azure.put(id, {
      properties: { ...(own?.['properties'] as JsonObject), principalId: 'somebody-who-is-gone' },
    });
    await apply(await runOf(world, uid2));
    expect(world.requests.writes()[0]).toBe(`DELETE ${id}`);
    expect(world.azure.get(id)?.['properties']).toEqual(own?.['properties']);
  });

  it('of a field that cannot change stops the run before anything is written', async () => {
    const world = await applied(worldFor(uid2));
    const changed: Scenario = {
      ...uid2,
      config: configOf('uid2-vn2', 'aks: {serviceCidr: 10.5.0.0/16, dnsServiceIp: 10.5.0.10}\n'),
    };
    const error = await failureOf(apply(await runOf(world, changed)));
    expect(error.code).toBe('DEPLOYMENT_REPLACE_NEEDED');
    expect(world.requests.writes()).toEqual([]);
    expect((await plan(await runOf(world, changed))).possible).toBe(false);
  });
});

describe('acceptance 10: the operator key', () => {
  it('is written once for a key, and again for another one', async () => {
    const world = await applied(worldFor(uid2));
    const fingerprint = keyFingerprint(secretId.replace(/\/secrets\/.*$/, ''), new Secret(marker));
    expect((world.azure.get(secretId) as JsonObject)['tags']).toEqual({ keyFingerprint: fingerprint });
    await apply(await runOf(world, uid2, { operatorKey: new Secret('another') }));
    const [versions] = [...world.azure.secrets.values()];
    expect(versions?.map(({ value }) => value)).toEqual([marker, 'another']);
  });

  it('appears nowhere but in the body of the one request that writes it', async () => {
    const world = worldFor(uid2);
    world.azure.failures.set('uid2-integ-s6', problem('Conflict'));
    const run = await runOf(world, uid2);
    await apply(run);
    const made = planFile(run, await plan(run));
    const failing = worldFor(uid2);
    failing.azure.failures.set('uid2-integ-s6', problem('QuotaExceeded'));
    const seen = [
      ...world.state.files.values(),
      JSON.stringify(made),
      JSON.stringify(await status(run)),
      JSON.stringify(world.events),
      JSON.stringify(world.requests.all),
      inspect(world.requests.all, { depth: 12, showHidden: true }),
      inspect(await failureOf(apply(await runOf(failing, uid2))), { depth: 12 }),
    ];
    for (const text of seen) expect(text).not.toContain(marker);
  });
});

describe('the lock of a cluster', () => {
  it('keeps a second run out, and is taken over when its holder has died', async () => {
    const world = await applied(worldFor(uid2));
    const run = await runOf(world, uid2);
    const first = await lockCluster(run, world.cluster.port, 'uid2-operator');
    expect((await failureOf(lockCluster(run, world.cluster.port, 'uid2-operator'))).code).toBe('DEPLOYMENT_LOCKED');
    world.clock.pass(59_000);
    await first.renew();
    world.clock.pass(59_000);
    expect((await failureOf(lockCluster(run, world.cluster.port, 'uid2-operator'))).code).toBe('DEPLOYMENT_LOCKED');
    world.clock.pass(1_000);
    await lockCluster(run, world.cluster.port, 'uid2-operator');
    world.clock.pass(20_000);
    await expect(first.renew()).rejects.toThrow('was changed');
  });
});

describe('acceptance 8: a vault that refuses', () => {
  const refusing = async (code: string, minutes: number): Promise<unknown> => {
    const world = worldFor(uid2);
    const run = await runOf(world, uid2);
    const until = world.clock.now() + minutes * 60_000;
    return await onceRoleWorks(run, 'S6', 'the secret', async () => {
      if (world.clock.now() < until) throw new FakeAzureError({ code, message: 'no', path: ['Forbidden', code] });
      return 'read';
    });
  };

  it('for want of a role is asked again for 25 minutes', async () => {
    expect(await refusing('ForbiddenByRbac', 25)).toBe('read');
    expect((await failureOf(refusing('ForbiddenByRbac', 31))).code).toBe('DEPLOYMENT_DEADLINE');
  });

  it('because of its firewall, or a disabled secret, is not', async () => {
    for (const code of ['ForbiddenByFirewall', 'SecretDisabled']) {
      expect(await failureOf(refusing(code, 1))).toMatchObject({ problem: { code } });
    }
  });
});

describe('objects of the cluster', () => {
  it('with fields of kubectl are taken over only when asked to, and those of others never', async () => {
    const scenario = scenarios.at(-1) as Scenario;
    for (const [manager, adopt, ends] of [
      ['kubectl-client-side-apply', false, false],
      ['kubectl-client-side-apply', true, true],
      ['hpa', true, false],
    ] as const) {
      const world = worldFor(scenario);
      world.cluster.foreignManagers.set('Service/azure-vote', manager);
      const outcome = apply(await runOf(world, scenario, { adopt }));
      if (ends) await outcome;
      else
        expect(await failureOf(outcome)).toMatchObject({ code: 'OBJECT_CONFLICT', details: { managers: [manager] } });
    }
  });

  it('that are only created are never touched again', async () => {
    const world = await applied(worldFor(uid2));
    const name = 'vn2/Secret/virtual-node-admission-controller';
    const secret = world.cluster.objects.get(name);
    world.cluster.objects.set(name, { object: { ...secret?.object, data: { 'tls.crt': 'theirs' } }, changedAt: 0 });
    const more: Scenario = { ...uid2, config: configOf('uid2-vn2', 'virtualNode: {replicas: 2}\n') };
    await apply(await runOf(world, more));
    expect(world.cluster.objects.get(name)?.object['data']).toEqual({ 'tls.crt': 'theirs' });
  });

  it('of a kind that an add-on has to bring become open work', async () => {
    const scenario = scenarios[2] as Scenario;
    const world = worldFor(scenario);
    world.cluster.unknownKinds.add('Kafka');
    const result = await apply(await runOf(world, scenario));
    expect(result.openWork).toContainEqual(expect.stringContaining('Strimzi'));
    expect(result.receipt?.healthy).toBe(false);
  });

  it('whose number of replicas an autoscaler sets keep that number, and everything else is as configured', async () => {
    const world = await applied(worldFor(uid2));
    const name = 'operator-5-58-0-azure-cc';
    const key = `default/Deployment/${name}`;
    const scaler = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'operator', namespace: 'default' },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name }, maxReplicas: 9 },
    };
    const live = world.cluster.objects.get(key)?.object as { metadata: object; spec: object };
    const scaled = (managedFields: readonly object[]): void => {
      const object = { ...live, metadata: { ...live.metadata, managedFields }, spec: { ...live.spec, replicas: 7 } };
      world.cluster.objects.set(key, { object, changedAt: 0 });
    };
    const owner = (manager: string): object => ({ manager, fieldsV1: { 'f:spec': { 'f:replicas': {} } } });
    scaled([owner('uid2-operator')]);
    expect((await plan(await runOf(world, uid2))).changed).toBe(true);
    world.cluster.put(scaler);
    // The autoscaler owns the number, or has not yet changed what this tool has written.
    for (const managers of [['kube-controller-manager'], ['uid2-operator']]) {
      scaled(managers.map(owner));
      expect((await plan(await runOf(world, uid2))).changed).toBe(false);
      const more: Scenario = { ...uid2, config: configOf('uid2-vn2', 'operator: {minReadySeconds: 99}\n') };
      await apply(await runOf(world, more));
      const after = world.cluster.objects.get(key)?.object;
      expect(after?.['spec']).toMatchObject({ replicas: 7, minReadySeconds: 99 });
    }
    world.cluster.put({ ...scaler, spec: { ...scaler.spec, scaleTargetRef: { kind: 'Deployment', name: 'other' } } });
    expect((await plan(await runOf(world, uid2))).changed).toBe(true);
  });

  it('of another version of the operator are left to the upgrade', async () => {
    const world = await applied(worldFor(uid2));
    const next: Scenario = { ...uid2, config: configOf('uid2-vn2', 'operator: {bundle: {path: x, version: 6.0.0}}\n') };
    expect((await failureOf(apply(await runOf(world, next)))).code).toBe('OPERATOR_OTHER_VERSION');
  });
});
