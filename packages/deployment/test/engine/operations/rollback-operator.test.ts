import { describe, expect, it } from 'vitest';

import { rollbackOperator } from '../../../src/engine/operations/rollback-operator.ts';
import { upgradeOperator } from '../../../src/engine/operations/upgrade-operator.ts';
import { ProcessKilled } from '../../../testing/index.ts';
import { operatorWorld, release } from './world.ts';
import type { OperationWorld } from './world.ts';

const MINUTE = 60_000;

/** Version 2.0.0 serves; 1.0.0 is kept, or gone. */
async function upgraded(drainNow = false, deployed: 'slot' | 'legacy' = 'slot'): Promise<OperationWorld> {
  const of = operatorWorld(deployed);
  await upgradeOperator(of.context, of.config, { bundle: release('2.0.0').bundle, observeMs: MINUTE, drainNow });
  of.world.requests.revive();
  return of;
}

const back = (of: OperationWorld, to?: string) =>
  rollbackOperator(of.context, of.config, to === undefined ? {} : { to });

describe('rollbackOperator', () => {
  it('gives the requests back to the version before with one write', async () => {
    const of = await upgraded();
    expect(await back(of)).toMatchObject({
      outcome: 'rolled-back',
      slot: '1-0-0',
      previous: '2-0-0',
      probe: { ok: true },
    });
    expect(of.world.requests.writes()).toEqual(['PATCH k8s:default/Service/operator-svc']);
    expect((await of.shape()).active).toBe('1-0-0');
  });

  it('brings a version that is gone up again, and gives it the requests when all its pods are ready', async () => {
    const of = await upgraded(true);
    expect(await of.shape()).toEqual({ slots: { '2-0-0': 2 }, active: '2-0-0' });
    expect(await back(of)).toMatchObject({ outcome: 'rolled-back', slot: '1-0-0' });
    expect(await of.shape()).toEqual({ slots: { '1-0-0': 2, '2-0-0': 2 }, active: '1-0-0' });
  });

  it('goes back to the Deployment of the guide with its own selector', async () => {
    const of = await upgraded(false, 'legacy');
    await back(of);
    const service = of.world.cluster.get({
      apiVersion: 'v1',
      kind: 'Service',
      name: 'operator-svc',
      namespace: 'default',
    });
    expect(service?.['spec']).toMatchObject({ selector: { 'app.kubernetes.io/name': 'operator' } });
  });

  it('does not go forward again when it is run twice', async () => {
    const of = await upgraded();
    await back(of);
    of.world.requests.revive();
    expect(await back(of)).toMatchObject({ outcome: 'already', slot: '1-0-0' });
    expect(of.world.requests.writes()).toEqual([]);
    expect(await back(of, '2-0-0')).toMatchObject({ outcome: 'rolled-back', slot: '2-0-0' });
  });

  it('does not touch the Service when the version before does not come up', async () => {
    const of = await upgraded(true);
    of.world.cluster.stuck.add('operator-1-0-0');
    await expect(back(of)).rejects.toMatchObject({ code: 'DEPLOYMENT_DEADLINE' });
    expect((await of.shape()).active).toBe('2-0-0');
  });

  it('says which versions there are when the named one is not among them', async () => {
    await expect(back(await upgraded(), '9-9-9')).rejects.toMatchObject({
      code: 'ROLLBACK_NOWHERE',
      action: expect.stringContaining('1-0-0') as string,
    });
    await expect(back(operatorWorld())).rejects.toMatchObject({ code: 'ROLLBACK_NOWHERE' });
  });

  it('says so when the version before is not well either', async () => {
    const of = await upgraded();
    of.world.health = () => ({ status: 503, body: 'no' });
    of.world.cluster.proxyAnswer = () => ({ status: 503, body: 'no' });
    await expect(back(of)).rejects.toMatchObject({ code: 'ROLLBACK_UNHEALTHY' });
  });

  it('reaches the same end after being killed at any request', async () => {
    const whole = await upgraded(true);
    await back(whole);
    const end = JSON.stringify(await whole.shape());
    const writes = whole.world.requests.all.filter(({ write }) => write).map(({ index }) => index);
    // Reads change nothing: the writes and what comes right after them tell.
    for (const index of new Set(writes.flatMap((write) => [write, write + 1]))) {
      const of = await upgraded(true);
      of.world.requests.failAt(index, index % 2 === 0 ? 'killed-after' : 'killed-before');
      await back(of).catch((error: unknown) => {
        if (!(error instanceof ProcessKilled)) throw error;
      });
      of.world.requests.revive();
      await back(of);
      expect(`${index} ${JSON.stringify(await of.shape())}`).toBe(`${index} ${end}`);
    }
  }, 60_000);
});
