import { describe, expect, it } from 'vitest';

import { apply, assertPlanHolds, idOf, plan, planFile, readPlanFile, readReceipts } from '../../src/index.ts';
import type { CheckResult } from '../../src/index.ts';
import { configOf } from '../configs.ts';
import { runOf, scenarios, worldFor } from './worlds.ts';
import type { Scenario } from './worlds.ts';

const uid2 = scenarios[0] as Scenario;
const blocking = [
  {
    check: { id: 'LO-01', title: '', severity: 'error' },
    verdict: 'failed',
    severity: 'error',
    findings: [{ message: 'not there' }],
  },
] as unknown as readonly CheckResult[];

describe('a plan', () => {
  for (const scenario of scenarios) {
    it(`of ${scenario.name} writes nothing, and tells everything before an apply and nothing after it`, async () => {
      const world = worldFor(scenario);
      const before = await plan(await runOf(world, scenario));
      expect(before.changed).toBe(true);
      expect(before.possible).toBe(true);
      const named = before.stages.flatMap(({ changes }) => changes.map(({ resource }) => resource));
      const { graph } = await runOf(world, scenario);
      const missing = graph.nodes.filter((node) => node.kind === 'arm' && world.azure.get(idOf(node)) === undefined);
      for (const { id } of missing) expect(named).toContain(id);
      expect(world.requests.writes()).toEqual([]);
      await apply(await runOf(world, scenario));
      world.requests.revive();
      const after = await plan(await runOf(world, scenario));
      expect(after.stages.flatMap(({ changes }) => changes)).toEqual([]);
      expect(after.changed).toBe(false);
      expect(world.requests.writes()).toEqual([]);
    });
  }

  it('names the field, what is there, and what it means', async () => {
    const world = worldFor(uid2);
    await apply(await runOf(world, uid2));
    const changed: Scenario = {
      ...uid2,
      config: configOf('uid2-vn2', 'aks: {pool: {max: 9}}\noperator: {replicas: 5}\n'),
    };
    const made = await plan(await runOf(world, changed));
    const changes = made.stages.flatMap((stage) => stage.changes);
    expect(changes).toMatchObject([
      {
        action: 'update',
        resource: 'R-AKS',
        fields: [{ path: 'properties.agentPoolProfiles[oprnodepool].maxCount', before: 5, after: 9 }],
      },
      {
        action: 'update',
        resource: 'default/Deployment/operator-5-58-0-azure-cc',
        fields: [{ path: 'spec.replicas', before: 3, after: 5 }],
      },
    ]);
  });

  it('leaves another minor version of Kubernetes to the upgrade', async () => {
    const world = worldFor(uid2);
    await apply(await runOf(world, uid2));
    const changed: Scenario = { ...uid2, config: configOf('uid2-vn2', 'aks: {kubernetesVersion: "1.35"}\n') };
    const made = await plan(await runOf(world, changed));
    expect(made.changed).toBe(false);
    expect(made.stages.flatMap((stage) => stage.changes)).toMatchObject([{ action: 'upgrade', resource: 'R-AKS' }]);
  });

  it('is blocked by a check of severity error, as an apply is', async () => {
    const world = worldFor(uid2);
    const made = await plan(await runOf(world, uid2), { doctor: async () => blocking });
    expect(made).toMatchObject({ possible: false, blocked: ['LO-01: not there'] });
    await expect(apply(await runOf(world, uid2), { doctor: async () => blocking })).rejects.toMatchObject({
      code: 'DEPLOYMENT_BLOCKED',
    });
    expect(world.requests.writes()).toEqual([]);
  });

  it('in a file holds for half an hour, for the same configuration and the same cloud', async () => {
    const world = worldFor(uid2);
    const run = await runOf(world, uid2);
    const file = readPlanFile(JSON.stringify(planFile(run, await plan(run))));
    await assertPlanHolds(run, file);
    const other: Scenario = { ...uid2, config: configOf('uid2-vn2', 'operator: {replicas: 5}\n') };
    await expect(assertPlanHolds(await runOf(world, other), file)).rejects.toThrow('the configuration is another one');
    world.azure.put('/subscriptions/12345678-0000-0000-0000-000000000001/resourceGroups/my-vn-aks', {
      location: 'eastus',
    });
    await expect(assertPlanHolds(await runOf(world, uid2), file)).rejects.toThrow('no longer as it was');
    world.clock.pass(30 * 60_000);
    await expect(assertPlanHolds(await runOf(world, uid2), file)).rejects.toThrow('expired');
    for (const text of ['', '{}', '[]', 'null', '{"kind":"holdfast-plan","version":2}']) {
      expect(() => readPlanFile(text)).toThrow('not a plan');
    }
  });
});

describe('a receipt', () => {
  it('of an apply says what was made, and a second apply makes none', async () => {
    const world = worldFor(uid2);
    await apply(await runOf(world, uid2));
    await apply(await runOf(world, uid2));
    const receipts = await readReceipts(world.state);
    expect(receipts).toHaveLength(1);
    expect(receipts[0]).toMatchObject({
      command: 'apply',
      healthy: true,
      environment: 'integ',
      release: { version: '5.58.0-azure-cc' },
    });
    expect(receipts[0]?.workload.map(({ kind }) => kind)).toEqual(['Deployment', 'Service']);
  });
});
