import { DependencyError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { upgradeOperator } from '../../../src/engine/operations/upgrade-operator.ts';
import type { UpgradeOptions, UpgradeResult } from '../../../src/engine/operations/upgrade-operator.ts';
import type { KubernetesPort } from '../../../src/index.ts';
import { ProcessKilled } from '../../../testing/index.ts';
import { configFor, operatorWorld, release } from './world.ts';
import type { OperationWorld } from './world.ts';

const MINUTE = 60_000;

function upgrade(of: OperationWorld, options: Partial<UpgradeOptions> = {}): Promise<UpgradeResult> {
  return upgradeOperator(of.context, of.config, { bundle: release('2.0.0').bundle, ...options });
}

const serviceWrites = (of: OperationWorld): readonly string[] =>
  of.world.requests.writes().filter((write) => write.includes('/Service/'));

describe('acceptance 17: upgradeOperator', () => {
  it('brings the new version up beside the old one, points the Service at it, and keeps the old one', async () => {
    const of = operatorWorld();
    const result = await upgrade(of);
    expect(result).toMatchObject({ outcome: 'kept', slot: '2-0-0', previous: '1-0-0' });
    expect(await of.shape()).toEqual({ slots: { '1-0-0': 2, '2-0-0': 2 }, active: '2-0-0' });
    expect(of.world.requests.writes()).toEqual([
      'PATCH k8s:default/Deployment/operator-2-0-0',
      'PATCH k8s:default/Deployment/operator-2-0-0',
      'PATCH k8s:default/Service/operator-svc',
    ]);
  });

  it('starts with one pod and adds the others only after it was ready for five minutes', async () => {
    const of = operatorWorld();
    const replicas: [at: number, count: number][] = [];
    const cluster = {
      ...of.context.cluster,
      apply: (...args: Parameters<KubernetesPort['apply']>) => {
        const count = (args[0]['spec'] as { replicas?: number }).replicas;
        if (count !== undefined) replicas.push([of.world.clock.now(), count]);
        return of.context.cluster.apply(...args);
      },
    };
    await upgradeOperator({ ...of.context, cluster }, of.config, { bundle: release('2.0.0').bundle });
    expect(replicas.map(([, count]) => count)).toEqual([1, 2]);
    expect((replicas[1]?.[0] ?? 0) - (replicas[0]?.[0] ?? 0)).toBeGreaterThanOrEqual(
      5 * MINUTE + of.rollouts.readyAfterMs,
    );
  });

  it('removes the old version after the rollback window, once its container groups are gone', async () => {
    const of = operatorWorld();
    of.rollouts.groupLingersMs = 7 * MINUTE;
    const first = await upgrade(of);
    of.world.clock.pass((first.drainAfter ?? 0) - of.world.clock.now());
    const begun = of.world.clock.now();
    expect(await upgrade(of)).toMatchObject({ outcome: 'done' });
    expect(of.world.clock.now() - begun).toBeGreaterThanOrEqual(7 * MINUTE);
    expect(await of.shape()).toEqual({ slots: { '2-0-0': 2 }, active: '2-0-0' });
    expect(of.world.state.files.has('releases/1-0-0.json')).toBe(true);
  });

  it('does not touch the Service, and says why, when the new version never becomes ready', async () => {
    const of = operatorWorld();
    of.world.cluster.stuck.add('operator-2-0-0');
    of.world.cluster.logText = () => 'ERROR E05: OperatorKeyValidationError';
    await expect(upgrade(of)).rejects.toMatchObject({
      code: 'DEPLOYMENT_DEADLINE',
      message: expect.stringContaining('E05') as string,
    });
    expect(serviceWrites(of)).toEqual([]);
    expect((await of.shape()).active).toBe('1-0-0');
  });

  it('does not touch the Service when the first pod is ready and says that it is not healthy', async () => {
    const of = operatorWorld();
    of.world.cluster.proxyAnswer = () => ({ status: 503, body: 'salt-rotator: never loaded' });
    await expect(upgrade(of)).rejects.toMatchObject({ message: expect.stringContaining('salt-rotator') as string });
    expect(serviceWrites(of)).toEqual([]);
  });

  describe('where the API server does not reach container groups', () => {
    function unreached(inside: () => { readonly status: number; readonly body: string }): OperationWorld {
      const of = operatorWorld();
      const body = 'error trying to reach service: dial tcp 10.2.0.4:8080';
      of.world.cluster.proxyAnswer = () => ({ status: 503, body });
      const flipped = (): boolean => serviceWrites(of).some((write) => write.includes('operator-svc'));
      of.world.health = () => (flipped() ? { status: 200, body: 'OK' } : inside());
      return of;
    }
    const warned = (of: OperationWorld): boolean =>
      of.world.events.some(({ event, detail }) => event === 'warning' && /does not reach/.test(detail ?? ''));

    it('asks at an address inside the network, which it makes for this and removes again', async () => {
      const of = unreached(() => ({ status: 200, body: 'OK' }));
      expect(await upgrade(of)).toMatchObject({ outcome: 'kept' });
      expect(warned(of)).toBe(false);
      expect(serviceWrites(of)).toEqual([
        'PATCH k8s:default/Service/operator-probe',
        'DELETE k8s:default/Service/operator-probe',
        'PATCH k8s:default/Service/operator-svc',
      ]);
    });

    it('does not touch the Service of the operator when that address says that it is not well', async () => {
      const of = unreached(() => ({ status: 503, body: 'salt-rotator: never loaded' }));
      await expect(upgrade(of)).rejects.toMatchObject({
        code: 'UPGRADE_UNHEALTHY',
        message: expect.stringContaining('salt-rotator') as string,
      });
      expect(serviceWrites(of)).toHaveLength(2);
    });

    it('goes by readiness when that address cannot be reached from here, or there is none', async () => {
      const away = unreached(() => {
        throw new DependencyError('PROBE_FAILED', 'connect ETIMEDOUT', { retryable: true });
      });
      expect(await upgrade(away)).toMatchObject({ outcome: 'kept' });
      expect(warned(away)).toBe(true);
      const none = unreached(() => ({ status: 200, body: 'OK' }));
      none.world.cluster.stuck.add('operator-probe');
      expect(await upgrade(none)).toMatchObject({ outcome: 'kept' });
      expect(warned(none)).toBe(true);
    });
  });

  it('takes the Service back within three minutes when health fails after the flip', async () => {
    const of = operatorWorld();
    let flippedAt = 0;
    of.world.health = () => {
      const annotations = of.world.cluster.get({
        apiVersion: 'v1',
        kind: 'Service',
        name: 'operator-svc',
        namespace: 'default',
      })?.metadata.annotations;
      if (annotations?.['uid2/flip-reason'] !== 'upgrade') return { status: 200, body: 'OK' };
      flippedAt = Date.parse(annotations['uid2/flipped-at'] ?? '');
      return { status: 503, body: 'not well' };
    };
    of.world.cluster.proxyAnswer = () => of.world.health();
    const result = await upgrade(of);
    expect(result).toMatchObject({ outcome: 'rolled-back', previous: '1-0-0' });
    expect((await of.shape()).active).toBe('1-0-0');
    const first = result.probes.find(({ ok }) => !ok)?.at ?? 0;
    expect(of.world.clock.now() - first).toBeLessThanOrEqual(3 * MINUTE);
    expect(flippedAt).toBeGreaterThan(0);
    const receipt = JSON.parse(of.world.state.files.get(result.receipt ?? '') ?? '{}') as { healthy?: boolean };
    expect(receipt.healthy).toBe(false);
  });

  it('bears with health that fails for less than three minutes', async () => {
    const of = operatorWorld();
    let failures = 0;
    of.world.health = () => {
      const flipped = of.world.requests.writes().some((write) => write.includes('Service'));
      failures += flipped ? 1 : 0;
      return flipped && failures < 15 ? { status: 503, body: 'soon' } : { status: 200, body: 'OK' };
    };
    expect(await upgrade(of)).toMatchObject({ outcome: 'kept' });
  });

  it('adopts the Deployment of the guide as the slot legacy, and leaves it as it is', async () => {
    const of = operatorWorld('legacy');
    const before = JSON.stringify(
      of.world.cluster.get({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'operator-deployment' }),
    );
    expect(await upgrade(of)).toMatchObject({ outcome: 'kept', previous: 'legacy' });
    const after = JSON.stringify(
      of.world.cluster.get({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'operator-deployment' }),
    );
    expect(after).toBe(before);
    expect((await of.shape()).active).toBe('2-0-0');
  });

  it('refuses a release whose policy is not the published one, before any write', async () => {
    const of = operatorWorld();
    const running = upgradeOperator(of.context, of.config, { bundle: release('3.0.0').bundle });
    await expect(running).rejects.toMatchObject({ code: 'BUNDLE_REFUSED' });
    expect(of.world.requests.writes()).toEqual([]);
  });

  it('refuses another policy under the version that runs', async () => {
    const of = operatorWorld();
    const digest = release('2.0.0').digest;
    const config = {
      ...of.config,
      operator: { ...of.config.operator, bundle: { path: 'x', version: '1.0.0', digest } },
    };
    const running = upgradeOperator(of.context, config, { bundle: release('2.0.0').bundle });
    await expect(running).rejects.toMatchObject({ code: 'UPGRADE_SLOT_TAKEN' });
  });

  it('addition 1: does not go to prod before a receipt says that the release ran in integ, unless told so', async () => {
    const of = operatorWorld('slot', ', environment: prod');
    await expect(upgrade(of)).rejects.toMatchObject({ code: 'INTEG_NOT_PROVEN' });
    expect(of.world.requests.writes()).toEqual([]);
    const proven = { version: '2.0.0', slot: '2-0-0', policyDigest: release('2.0.0').digest };
    const integ = { version: 1, at: 1, environment: 'integ', healthy: true, release: proven };
    await of.world.state.write('receipts/upgrade-operator-1.json', JSON.stringify(integ));
    expect(await upgrade(of)).toMatchObject({ outcome: 'kept' });
    expect(await upgrade(operatorWorld('slot', ', environment: prod'), { skipInteg: true })).toMatchObject({
      outcome: 'kept',
    });
  });

  it('writes nothing when the version is the only one there', async () => {
    const of = operatorWorld();
    const result = await upgradeOperator(of.context, configFor('1.0.0'), { bundle: release('1.0.0').bundle });
    expect(result.outcome).toBe('already');
    expect(of.world.requests.writes()).toEqual([]);
  });

  it('says so when there is nothing to upgrade', async () => {
    await expect(upgrade(operatorWorld('nothing'))).rejects.toMatchObject({ code: 'OPERATOR_NOT_DEPLOYED' });
  });

  it('reaches the same end after being killed at any request', async () => {
    const options = { drainNow: true, observeMs: MINUTE };
    const whole = operatorWorld();
    await upgrade(whole, options);
    const end = JSON.stringify(await whole.shape());
    const requests = whole.world.requests.all.length;
    const writes = whole.world.requests.all.filter(({ write }) => write).map(({ index }) => index);
    // Reads change nothing, so a sample of them is enough; every write is tried.
    const indices = new Set([...writes, ...writes.map((index) => index + 1)]);
    for (let index = 0; index < requests; index += 61) indices.add(index);
    for (const index of indices) {
      for (const fault of ['killed-before', 'killed-after'] as const) {
        const of = operatorWorld();
        of.world.requests.failAt(index, fault);
        await upgrade(of, options).catch((error: unknown) => {
          if (!(error instanceof ProcessKilled)) throw error;
        });
        of.world.requests.revive();
        await upgrade(of, options);
        expect(`${index} ${fault} ${JSON.stringify(await of.shape())}`).toBe(`${index} ${fault} ${end}`);
      }
    }
  }, 60_000);
});
