import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { apply, plan, status } from '../../src/index.ts';
import type { KubernetesObject } from '../../src/index.ts';
import { ProcessKilled } from '../../testing/index.ts';
import type { FakeWorld } from '../../testing/index.ts';
import { configOf } from '../configs.ts';
import { runOf, worldFor } from './worlds.ts';
import type { Scenario } from './worlds.ts';

const measurement = 'ab'.repeat(32);
const endpoint = 'attestation: {endpoint: maa.eus.attest.azure.net}\n';

function kata(more = `policy: {measurement: "${measurement}"}\n`): Scenario {
  return { name: 'kata-cc', config: configOf('kata-cc', `${endpoint}${more}`) };
}

const key = 'kafka-vault/kafka-encryption-demo';

async function producerKey(world: FakeWorld): Promise<string> {
  const pod = world.cluster.get({ apiVersion: 'v1', kind: 'Pod', name: 'kafka-producer', namespace: 'kafka' });
  const { containers } = (pod as KubernetesObject)['spec'] as {
    containers: readonly { env: readonly { name: string; value: string }[] }[];
  };
  return containers[0]?.env.find(({ name }) => name === 'PUBKEY')?.value ?? '';
}

describe('the key of the confidential consumer', () => {
  it('is made with a release policy that holds the digest of its policy, and the producer gets its public part', async () => {
    const world = worldFor(kata());
    const result = await apply(await runOf(world, kata()));
    expect(result.openWork).toEqual([]);
    const made = world.azure.keys.made.get(key);
    expect(made).toMatchObject({
      kind: 'RSA-HSM',
      sizeBits: 3072,
      operations: ['wrapKey', 'unwrapKey', 'encrypt', 'decrypt'],
    });
    expect(JSON.parse(made?.releasePolicy ?? '')).toEqual({
      version: '1.0.0',
      anyOf: [
        {
          authority: 'https://maa.eus.attest.azure.net',
          allOf: [
            { claim: 'x-ms-attestation-type', equals: 'sevsnpvm' },
            { claim: 'x-ms-sevsnpvm-hostdata', equals: measurement },
            { claim: 'x-ms-compliance-status', equals: 'azure-signed-katacc-uvm' },
            { claim: 'x-ms-sevsnpvm-is-debuggable', equals: 'false' },
          ],
        },
      ],
    });
    expect(await producerKey(world)).toBe('PEM of the key\n');
  });

  it('is bound to the policy that the consumer carries, without its digest being named', async () => {
    const policy = 'package agent_policy\n';
    const annotation = Buffer.from(policy).toString('base64');
    const digest = createHash('sha256').update(policy).digest('hex');
    const carrying = kata(`policy: {annotation: ${annotation}}\n`);
    const world = worldFor(carrying);
    await apply(await runOf(world, carrying));
    expect(world.azure.keys.made.get(key)?.releasePolicy).toContain(digest);
    const consumer = { apiVersion: 'v1', kind: 'Pod', name: 'kafka-golang-consumer', namespace: 'kafka' };
    expect(world.cluster.get(consumer)?.metadata.annotations).toEqual({
      'io.katacontainers.config.agent.policy': annotation,
    });
    expect(() => kata(`policy: {annotation: ${annotation}, measurement: "${measurement}"}\n`)).toThrow('measurement');
  });

  it('is planned, then there, and made once', async () => {
    const world = worldFor(kata());
    const before = await plan(await runOf(world, kata()));
    const planned = before.stages.flatMap(({ changes }) => changes).find(({ resource }) => resource === 'K-KEY');
    expect(planned).toMatchObject({ action: 'create', name: 'kafka-encryption-demo' });
    await apply(await runOf(world, kata()));
    expect((await plan(await runOf(world, kata()))).changed).toBe(false);
    world.requests.revive();
    expect((await apply(await runOf(world, kata()))).changed).toBe(false);
    expect(world.azure.keys.counts.get(key)).toBe(1);
    const { rows } = await status(await runOf(world, kata()));
    expect(rows.find(({ name }) => name === 'key kafka-encryption-demo')?.state).toBe('healthy');
  });

  it('waits until the role on the vault works', async () => {
    const world = worldFor(kata());
    const problem = { code: 'ForbiddenByRbac', message: 'no', path: ['Forbidden'] };
    world.azure.vaultRefusal = { problem, until: world.clock.now() + 25 * 60_000 };
    await apply(await runOf(world, kata()));
    expect(world.azure.keys.made.has(key)).toBe(true);
    expect(world.events.some(({ detail }) => detail?.includes('role on the vault does not work yet'))).toBe(true);
  });

  it('is open work while the digest of the policy is not known, and nothing is made without it', async () => {
    const world = worldFor(kata(''));
    const result = await apply(await runOf(world, kata('')));
    expect(result.openWork).toContainEqual(expect.stringContaining('set policy.annotation'));
    expect(world.azure.keys.made.size).toBe(0);
  });

  it('that is bound to another policy is neither used silently nor changed', async () => {
    const world = worldFor(kata());
    await apply(await runOf(world, kata()));
    const other = kata(`policy: {measurement: "${'cd'.repeat(32)}"}\n`);
    const before = world.azure.keys.made.get(key);
    const result = await apply(await runOf(world, other));
    expect(result.openWork).toContainEqual(expect.stringContaining('bound to another policy'));
    expect(world.azure.keys.made.get(key)).toEqual(before);
    expect((await status(await runOf(world, other))).state).toBe('drift');
  });

  it('is the same one when the service has rewritten its policy', async () => {
    const world = worldFor(kata());
    await apply(await runOf(world, kata()));
    const made = world.azure.keys.made.get(key);
    if (made === undefined) throw new Error('there is no key');
    const policy = JSON.parse(made.releasePolicy) as { anyOf: readonly { authority: string; allOf: unknown }[] };
    const [only] = policy.anyOf;
    const rewritten = { anyOf: [{ allOf: only?.allOf, authority: `${only?.authority}/` }], version: '1.0.0' };
    world.azure.keys.made.set(key, { ...made, releasePolicy: JSON.stringify(rewritten) });
    expect((await plan(await runOf(world, kata()))).changed).toBe(false);
  });

  it('in a managed HSM is made there, and the local roles of the HSM are said with their command', async () => {
    const hsm = kata(`vault: {name: hsm1, kind: managedHsm}\npolicy: {measurement: "${measurement}"}\n`);
    const world = worldFor(hsm);
    const result = await apply(await runOf(world, hsm));
    expect([...world.azure.keys.made.keys()]).toEqual(['hsm1/kafka-encryption-demo']);
    expect(result.openWork).toEqual([
      expect.stringContaining('az keyvault role assignment create --hsm-name hsm1 --scope /keys'),
    ]);
  });

  it('is made once when the run is killed at any of its requests', async () => {
    const whole = worldFor(kata());
    await apply(await runOf(whole, kata()));
    const own = whole.requests.all.filter(({ target }) => target.includes('/keys/')).map(({ index }) => index);
    expect(own.length).toBeGreaterThan(2);
    for (const index of own) {
      for (const fault of ['killed-before', 'killed-after'] as const) {
        const world = worldFor(kata());
        world.requests.failAt(index, fault);
        await apply(await runOf(world, kata())).catch((error: unknown) => {
          if (!(error instanceof ProcessKilled)) throw error;
        });
        world.requests.revive();
        world.clock.pass(61_000);
        await apply(await runOf(world, kata()));
        expect([index, fault, world.azure.keys.counts.get(key)]).toEqual([index, fault, 1]);
      }
    }
  });
});
