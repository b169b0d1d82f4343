import { Secret } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { rotateKey } from '../../../src/engine/operations/rotate-key.ts';
import type { RotateResult } from '../../../src/engine/operations/rotate-key.ts';
import { uid2Names } from '../../../src/graph/uid2-vn2.ts';
import { keyFingerprint } from '../../../src/index.ts';
import { ProcessKilled } from '../../../testing/index.ts';
import { operatorWorld, subscriptionId } from './world.ts';
import type { OperationWorld } from './world.ts';

const oldKey = new Secret('UID2-O-I-777-OLDoldOLDoldOLDoldOLD');
const newKey = new Secret('UID2-O-I-777-MARKERmarkerMARKERmarker');

function world(): OperationWorld {
  const of = operatorWorld();
  const { vault } = uid2Names(of.config, subscriptionId);
  of.world.azure.put(`${vault}/secrets/${of.config.vault.secretName}`, {
    tags: { keyFingerprint: keyFingerprint(vault, oldKey) },
    properties: { value: oldKey.reveal() },
  });
  return of;
}

const rotate = (of: OperationWorld): Promise<RotateResult> =>
  rotateKey(of.context, of.config, { do: 'rotate', key: newKey });

/** Values of the secret, oldest first. */
const values = (of: OperationWorld): readonly string[] =>
  [...of.world.azure.secrets.values()].flat().map(({ value }) => value);
const enabled = (of: OperationWorld): readonly boolean[] =>
  [...of.world.azure.secrets.values()].flat().map((version) => version.enabled);

describe('rotateKey', () => {
  it('writes a version that names the one before, and restarts the pods one by one', async () => {
    const of = world();
    let fewest = Infinity;
    const { sleep } = of.context.ports;
    const ports = {
      ...of.context.ports,
      sleep: async (...args: Parameters<typeof sleep>) => {
        await sleep(...args);
        const found = of.world.cluster.get({
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          name: 'operator-1-0-0',
          namespace: 'default',
        });
        fewest = Math.min(fewest, (found?.['status'] as { readyReplicas: number } | undefined)?.readyReplicas ?? 0);
      },
    };
    const before = [...of.rollouts.containerGroups()];
    const result = await rotateKey({ ...of.context, ports }, of.config, { do: 'rotate', key: newKey });
    expect(result).toMatchObject({ outcome: 'rotated' });
    expect(result.openWork.join(' ')).toContain('holdfast rotate-key --finish');
    expect(values(of)).toEqual([oldKey.reveal(), newKey.reveal()]);
    expect(fewest).toBeGreaterThanOrEqual(2);
    const deployment = of.world.cluster.get({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'operator-1-0-0',
      namespace: 'default',
    });
    const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 };
    expect(deployment?.['spec']).toMatchObject({ strategy: { type: 'RollingUpdate', rollingUpdate } });
    of.world.clock.pass(3_600_000);
    expect(of.rollouts.containerGroups().filter((name) => before.includes(name))).toEqual([]);
  });

  it('writes nothing when the secret holds the key already', async () => {
    const of = world();
    expect(await rotateKey(of.context, of.config, { do: 'rotate', key: oldKey })).toMatchObject({ outcome: 'already' });
    expect(of.world.requests.writes()).toEqual([]);
  });

  it('leaves the other pods alone when the first one does not come up with the new key', async () => {
    const of = world();
    of.rollouts.neverReady = (template) => template.includes('restartedAt');
    of.world.cluster.logText = () => 'ERROR E05: OperatorKeyValidationError';
    await expect(rotate(of)).rejects.toMatchObject({
      code: 'DEPLOYMENT_DEADLINE',
      message: expect.stringContaining('E05') as string,
      action: expect.stringContaining('--rollback') as string,
    });
    const found = of.world.cluster.get({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: 'operator-1-0-0',
      namespace: 'default',
    });
    expect(found?.['status']).toMatchObject({ readyReplicas: 2 });
  });

  it('stops when Core refuses the first pod, and goes back by writing the old value again', async () => {
    const of = world();
    of.world.cluster.logText = (pod) =>
      values(of).at(-1) === newKey.reveal() && pod.endsWith('2')
        ? '{"status":401,"msg":"core attestation failed with AttestationFailure"}'
        : '';
    await expect(rotate(of)).rejects.toMatchObject({ code: 'KEY_REFUSED' });
    expect(await rotateKey(of.context, of.config, { do: 'rollback' })).toMatchObject({ outcome: 'rolled-back' });
    expect(values(of)).toEqual([oldKey.reveal(), newKey.reveal(), oldKey.reveal()]);
    expect(enabled(of)).toEqual([true, true, true]);
  });

  it('disables the version before at the end, and leaves that to others without the right to', async () => {
    const of = world();
    await rotate(of);
    of.world.azure.vaultRefusal = {
      problem: { code: 'ForbiddenByRbac', message: 'no', path: ['Forbidden'], status: 403 },
      until: Infinity,
    };
    const open = await rotateKey(of.context, of.config, { do: 'finish' });
    expect(open.openWork.join(' ')).toContain('az keyvault secret set-attributes');
    expect(enabled(of)).toEqual([true, true]);
    of.world.azure.vaultRefusal = undefined;
    expect(await rotateKey(of.context, of.config, { do: 'finish' })).toMatchObject({
      outcome: 'finished',
      openWork: [],
    });
    expect(enabled(of)).toEqual([false, true]);
  });

  it('never shows the key in events, receipts or requests other than the one that writes it', async () => {
    const of = world();
    await rotate(of);
    const shown = JSON.stringify([of.world.events, [...of.world.state.files]]);
    expect(shown).not.toContain('MARKER');
    const bodies = of.world.requests.all.filter(({ body }) => JSON.stringify(body ?? null).includes('MARKER'));
    expect(bodies.map(({ verb, target }) => `${verb} ${target.split('/').at(-2)}`)).toEqual(['PUT secrets']);
  });

  it('has nothing to finish or take back when it has not rotated anything', async () => {
    for (const what of ['finish', 'rollback'] as const) {
      const of = world();
      await expect(rotateKey(of.context, of.config, { do: what })).rejects.toMatchObject({
        code: 'KEY_ROTATION_NOTHING',
      });
    }
    await expect(rotate(operatorWorld())).rejects.toMatchObject({ code: 'SECRET_MISSING' });
  });

  it('writes one version only, and reaches the same end, after being killed at any request', async () => {
    const whole = world();
    await rotate(whole);
    for (let index = 0; index < whole.world.requests.all.length; index += 1) {
      const of = world();
      of.world.requests.failAt(index, index % 2 === 0 ? 'killed-after' : 'killed-before');
      await rotate(of).catch((error: unknown) => {
        if (!(error instanceof ProcessKilled)) throw error;
      });
      of.world.requests.revive();
      expect(await rotate(of)).toMatchObject({ outcome: 'rotated' });
      expect(`${index} ${values(of).length}`).toBe(`${index} 2`);
    }
  }, 60_000);
});
