import { describe, expect, it } from 'vitest';

import { apply, destroy, idOf, planDestroy } from '../../../src/index.ts';
import type { ArmPort, ArmResource, DestroyOptions, DestroyResult, Run } from '../../../src/index.ts';
import { FakeRollouts, ProcessKilled } from '../../../testing/index.ts';
import type { FakeWorld } from '../../../testing/index.ts';
import { runOf, scenarios, worldFor } from '../worlds.ts';
import type { Scenario } from '../worlds.ts';

function scenario(name: string): Scenario {
  const found = scenarios.find((each) => each.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

/** A world in which a scenario has been applied. */
async function applied(name: string): Promise<{ readonly world: FakeWorld; readonly run: () => Promise<Run> }> {
  const of = scenario(name);
  const world = worldFor(of);
  world.cluster.rollouts = new FakeRollouts(world.clock);
  await apply(await runOf(world, of));
  world.requests.revive();
  return { world, run: () => runOf(world, of) };
}

async function destroyed(
  of: { readonly world: FakeWorld; readonly run: () => Promise<Run> },
  options: DestroyOptions = {},
): Promise<DestroyResult> {
  return destroy(await of.run(), options);
}

const deletes = (world: FakeWorld): readonly string[] =>
  world.requests.writes().flatMap((write) => (write.startsWith('DELETE /') ? (write.split('/').at(-1) ?? '') : []));

/** Names in a list among the properties of a resource. */
function namesIn(world: FakeWorld, id: string, member: string): readonly string[] {
  const properties = (world.azure.get(id)?.['properties'] ?? {}) as Readonly<
    Record<string, readonly { name: string }[]>
  >;
  return (properties[member] ?? []).map(({ name }) => name).toSorted();
}

async function idIn(run: Run, id: string): Promise<string> {
  return idOf(run.node(id) as ArmResource);
}

/** Everything that is there of the graph of a run, by id in the graph. */
function present(world: FakeWorld, run: Run): readonly string[] {
  return run.graph.nodes.flatMap((node) =>
    node.kind === 'arm' && world.azure.get(idOf(node)) !== undefined ? [node.id] : [],
  );
}

describe('acceptance 18: destroy', () => {
  it('removes the operator from the cluster first, then what Azure holds in reverse, and keeps the vault', async () => {
    const of = await applied('uid2-vn2');
    const result = await destroyed(of);
    const writes = of.world.requests.writes().filter((write) => !write.includes('Lease'));
    const order = (text: string): number =>
      writes.findIndex((write) => write.includes(text) && (text.includes('role') || !write.includes('role')));
    const steps = [
      'DELETE k8s:default/Service/operator-svc',
      'DELETE k8s:default/Deployment/operator-',
      'DELETE k8s:vn2/StatefulSet/virtualnode',
      'providers/Microsoft.Authorization/roleAssignments',
      'managedClusters/myvncluster',
      'virtualNetworks/my-vnet',
      'natGateways/my-nat-gateway',
      'publicIPAddresses/my-public-ip',
    ].map(order);
    expect(steps).not.toContain(-1);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(result.kept.map(({ id }) => id.split('/').at(-1))).toEqual(
      expect.arrayContaining(['my-vn-aks-vault', 'my-vn-aks']),
    );
    expect(present(of.world, await of.run()).toSorted()).toEqual(['R-KV', 'R-RG', 'R-SECRET']);
  });

  it('waits for the container groups before it removes the virtual node', async () => {
    const of = await applied('uid2-vn2');
    const rollouts = of.world.cluster.rollouts as FakeRollouts;
    rollouts.groupLingersMs = 9 * 60_000;
    const run = await of.run();
    const arm = {
      ...run.ports.arm,
      list: async (...args: Parameters<ArmPort['list']>) => [
        ...(await run.ports.arm.list(...args)),
        ...(args[0].endsWith('/containerGroups') ? rollouts.containerGroups().map((name) => ({ name })) : []),
      ],
    };
    const begun = of.world.clock.now();
    await destroy({ ...run, ports: { ...run.ports, arm } });
    expect(of.world.clock.now() - begun).toBeGreaterThanOrEqual(9 * 60_000);
  });

  for (const { name } of scenarios) {
    it(`of ${name}, run a second time, writes nothing`, async () => {
      const of = await applied(name);
      await destroyed(of);
      of.world.requests.revive();
      const second = await destroyed(of);
      expect(second.outcome).toBe('already');
      expect(of.world.requests.writes()).toEqual([]);
    });

    it(`of ${name} without its vault leaves nothing that it made`, async () => {
      const of = await applied(name);
      const run = await of.run();
      await destroyed(of, { keepVault: false, removePool: true });
      const merged = run.graph.nodes.flatMap((node) => (node.kind === 'arm' && node.merge === true ? [node.id] : []));
      // The group of an adopted cluster holds that cluster.
      const left = name === 'kata-cc in a cluster that exists' ? [...merged, 'K-RG'] : merged;
      expect(present(of.world, run).toSorted()).toEqual(left.toSorted());
    });
  }

  it('addition 11: never removes a cluster that was adopted, nor its other pools', async () => {
    const of = await applied('kata-cc in a cluster that exists');
    const result = await destroyed(of);
    const cluster = await idIn(await of.run(), 'K-AKS');
    expect(namesIn(of.world, cluster, 'agentPoolProfiles')).toEqual(['nodepool2', 'theirs']);
    expect(result.kept.some(({ why }) => why.includes('--remove-pool'))).toBe(true);
    expect([...of.world.cluster.objects.keys()].filter((key) => key.includes('/Pod/'))).toEqual([]);
  });

  it('addition 11: detaches the gateway from a subnet that it was attached to, and leaves the subnet as it was', async () => {
    const of = await applied('peer-pods in the worker subnet');
    const result = await destroyed(of);
    const run = await of.run();
    const subnet = of.world.azure.get(await idIn(run, 'P-SUBNET'));
    expect(subnet?.['properties']).toMatchObject({
      addressPrefix: '10.0.32.0/19',
      serviceEndpoints: [{ service: 'x' }],
    });
    expect(subnet?.['properties']).not.toHaveProperty('natGateway');
    expect(result.restored).toEqual([await idIn(run, 'P-SUBNET')]);
  });

  it('acceptance 9: refuses to purge a vault with purge protection, names the day, and removes nothing', async () => {
    const of = await applied('uid2-vn2');
    const run = await of.run();
    const id = await idIn(run, 'R-KV');
    const vault = of.world.azure.get(id);
    of.world.azure.put(id, {
      ...vault,
      properties: { ...(vault?.['properties'] as object), enablePurgeProtection: true },
    });
    await expect(destroyed(of, { purge: true })).rejects.toMatchObject({
      code: 'VAULT_PURGE_PROTECTED',
      message: expect.stringMatching(/before \d{4}-\d\d-\d\d/) as string,
    });
    expect(of.world.requests.writes()).toEqual([]);
    const kept = await destroyed(of);
    expect(kept.kept.some((each) => each.id === id)).toBe(true);
  });

  it('stops with the call to make when a service link holds the subnet, and goes on once it is gone', async () => {
    const of = await applied('uid2-vn2');
    const run = await of.run();
    const link = `${await idIn(run, 'R-VNET')}/subnets/cg/serviceAssociationLinks/acisal`;
    of.world.azure.put(link, { properties: { linkedResourceType: 'Microsoft.ContainerInstance/containerGroups' } });
    await expect(destroyed(of)).rejects.toMatchObject({
      code: 'DEPLOYMENT_DEADLINE',
      action: expect.stringContaining('az resource delete') as string,
    });
    expect(present(of.world, run)).toContain('R-VNET');
    expect(deletes(of.world)).not.toContain('my-nat-gateway');
    of.world.azure.drop(link);
    expect(await destroyed(of)).toMatchObject({ outcome: 'done' });
    expect(present(of.world, run)).not.toContain('R-VNET');
  });

  it('keeps the group, and a network, that hold something of others', async () => {
    const of = await applied('uid2-vn2');
    const run = await of.run();
    const group = await idIn(run, 'R-RG');
    of.world.azure.put(`${group}/providers/Microsoft.Storage/storageAccounts/theirs`, { location: 'eastus' });
    of.world.azure.put(`${await idIn(run, 'R-VNET')}/subnets/theirs`, { properties: { addressPrefix: '10.9.0.0/24' } });
    const result = await destroyed(of, { keepVault: false });
    expect(present(of.world, run).toSorted()).toEqual(['R-RG', 'R-VNET']);
    const why = Object.fromEntries(result.kept.map((each) => [each.id.split('/').at(-1), each.why]));
    expect(why['my-vn-aks']).toContain('theirs (Microsoft.Storage/storageAccounts)');
    expect(why['my-vnet']).toContain('theirs');
    expect(namesIn(of.world, await idIn(run, 'R-VNET'), 'subnets')).toEqual(['theirs']);
  });

  it('stops at a lock before anything is removed', async () => {
    const of = await applied('uid2-vn2');
    const group = await idIn(await of.run(), 'R-RG');
    const lock = `${group}/providers/Microsoft.Authorization/locks/keep`;
    of.world.azure.put(lock, { properties: { level: 'CanNotDelete' } });
    await expect(destroyed(of)).rejects.toMatchObject({
      code: 'DESTROY_LOCKED',
      message: expect.stringContaining('keep (CanNotDelete)') as string,
    });
    expect(of.world.requests.writes()).toEqual([]);
  });

  it('plans without writing', async () => {
    const of = await applied('uid2-vn2');
    const plan = await planDestroy(await of.run(), {});
    expect(plan.steps.filter(({ action }) => action === 'remove').length).toBeGreaterThan(8);
    expect(of.world.requests.writes()).toEqual([]);
  });

  it('plans to keep the group with a vault that is kept, and to remove it with the vault', async () => {
    const of = await applied('uid2-vn2');
    const group = async (options: DestroyOptions) =>
      (await planDestroy(await of.run(), options)).steps.find(({ node }) => node.id === 'R-RG');
    expect(await group({})).toMatchObject({
      action: 'keep',
      why: expect.stringContaining('it holds what is kept') as string,
    });
    expect(await group({ keepVault: false })).toMatchObject({ action: 'remove' });
  });

  it('reaches the same end after being killed at any write', async () => {
    const whole = await applied('uid2-vn2');
    await destroyed(whole, { keepVault: false });
    const end = JSON.stringify([present(whole.world, await whole.run()), [...whole.world.cluster.objects.keys()]]);
    const writes = whole.world.requests.all.filter(({ write }) => write).map(({ index }) => index);
    for (const index of writes) {
      for (const fault of ['killed-before', 'killed-after'] as const) {
        const of = await applied('uid2-vn2');
        of.world.requests.failAt(index, fault);
        await destroyed(of, { keepVault: false }).catch((error: unknown) => {
          if (!(error instanceof ProcessKilled)) throw error;
        });
        of.world.requests.revive();
        of.world.clock.pass(120_000);
        await destroyed(of, { keepVault: false });
        const state = JSON.stringify([present(of.world, await of.run()), [...of.world.cluster.objects.keys()]]);
        expect(`${index} ${fault} ${state}`).toBe(`${index} ${fault} ${end}`);
      }
    }
  }, 60_000);
});
