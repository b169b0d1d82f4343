import { describe, expect, it } from 'vitest';

import { apply, status } from '../../src/index.ts';
import type { KubernetesObject, StatusRow } from '../../src/index.ts';
import { configOf, resolved } from '../configs.ts';
import { runOf, scenarios, worldFor } from './worlds.ts';
import type { Scenario } from './worlds.ts';

const uid2 = scenarios[0] as Scenario;

describe('the status', () => {
  it('is absent before an apply and healthy after it', async () => {
    const world = worldFor(uid2);
    expect((await status(await runOf(world, uid2))).state).toBe('absent');
    await apply(await runOf(world, uid2));
    world.requests.revive();
    const after = await status(await runOf(world, uid2));
    expect(after.rows.filter(({ state }) => !['healthy', 'information'].includes(state))).toEqual([]);
    expect(after.state).toBe('healthy');
    expect(after.rows.map(({ detail }) => detail)).toContain('203.0.113.7');
    expect(world.requests.writes()).toEqual([]);
  });

  it('says drift, degraded and absent, the worse of them first', async () => {
    const world = worldFor(uid2);
    await apply(await runOf(world, uid2));
    const changed: Scenario = { ...uid2, config: configOf('uid2-vn2', 'aks: {pool: {max: 9}}\n') };
    expect((await status(await runOf(world, changed))).state).toBe('drift');
    world.health = () => ({ status: 503, body: 'attestation failed' });
    const degraded = await status(await runOf(world, changed));
    expect(degraded.state).toBe('degraded');
    expect(degraded.rows.some(({ detail }) => detail.includes('attestation failed'))).toBe(true);
    world.cluster.objects.delete('default/Service/operator-svc');
    expect((await status(await runOf(world, changed))).state).toBe('absent');
  });

  it('does not need the key', async () => {
    const world = worldFor(uid2);
    await apply(await runOf(world, uid2));
    const { operatorKey: _, ...input } = uid2.input ?? {};
    expect((await status(await runOf(world, { ...uid2, input }))).state).toBe('healthy');
  });

  describe('of an operator', () => {
    const shutdown = { cause: 'attestation_failing', subject: null, since: '2026-01-01T00:00:00.000Z' };
    const page = (countdown: object | null, cause: object | null = countdown): string =>
      JSON.stringify({ attestation: { attested: true, shutdown: countdown }, shutdown: cause });

    /** The rows of the pods of a deployed operator, each of which answers `GET /ops/status` with this. */
    async function podRows(body: string, answerStatus = 200, log = ''): Promise<readonly StatusRow[]> {
      const world = worldFor(uid2);
      await apply(await runOf(world, uid2));
      world.cluster.proxyAnswer = (_pod, path) => ({
        status: path === '/ops/status' ? answerStatus : 200,
        body: path === '/ops/status' ? body : 'OK',
      });
      world.cluster.logText = () => log;
      const { rows } = await status(await runOf(world, uid2));
      return rows.filter(({ name }) => /^operator-.*-\d$/.test(name));
    }

    it('whose attestation fails says how long it will still serve, and is degraded', async () => {
      const rows = await podRows(page({ ...shutdown, secondsLeft: 33_600 }));
      expect(rows).toHaveLength(3);
      for (const row of rows) {
        expect(row.state).toBe('degraded');
        expect(row.detail).toContain('attestation fails since 2026-01-01T00:00:00.000Z');
        expect(row.detail).toContain('the operator ends itself in 9 h 20 min');
      }
    });

    it('names expired salts and stores that are not refreshed; one missed refresh is no alarm', async () => {
      const salts = { cause: 'salts_expired', subject: null, since: null, secondsLeft: 60 };
      expect((await podRows(page(null, salts)))[0]).toMatchObject({
        state: 'degraded',
        detail: expect.stringContaining('all salts are expired') as string,
      });
      const store = { cause: 'store_stale', subject: 'keys', since: null };
      const stale = (secondsLeft: number) => podRows(page(null, { ...store, secondsLeft }));
      expect((await stale(43_000))[0]?.state).toBe('healthy');
      expect((await stale(39_000))[0]).toMatchObject({
        state: 'degraded',
        detail: expect.stringContaining('keys is not refreshed') as string,
      });
    });

    it('without that page is judged by its log', async () => {
      const failed =
        '{"time":"2026-01-01T00:00:00Z","result":"failed","status":500,"msg":"attestation did not succeed"}';
      for (const [body, code] of [
        ['<html>', 200],
        ['{}', 200],
        ['not found', 404],
      ] as const) {
        const rows = await podRows(body, code);
        expect(rows.map(({ state, detail }) => [state, detail])).toEqual(rows.map(() => ['healthy', 'ready']));
        const [failing] = await podRows(body, code, failed);
        expect(failing).toMatchObject({ state: 'degraded', detail: expect.stringContaining('attestation') as string });
      }
      expect((await podRows(page(null), 200, failed))[0]?.state).toBe('healthy');
    });
  });

  describe('of container groups', () => {
    const nodeGroup = `/subscriptions/${resolved.subscriptionId}/resourceGroups/MC_my-vn-aks_myvncluster_eastus`;
    const pod = (name: string): KubernetesObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { nodeName: 'virtualnode-0' },
    });

    async function groupRow(pods: readonly string[], groups: readonly string[]): Promise<StatusRow | undefined> {
      const world = worldFor(uid2);
      await apply(await runOf(world, uid2));
      for (const name of pods) world.cluster.put(pod(name));
      world.clock.pass(60_000);
      const folder = `${nodeGroup}/providers/Microsoft.ContainerInstance/containerGroups`;
      for (const name of groups) world.azure.put(`${folder}/${name}`, { location: 'eastus', properties: {} });
      const { rows } = await status(await runOf(world, uid2));
      return rows.find(({ name }) => name === 'container groups');
    }

    it('compares them with the pods of the virtual node', async () => {
      expect(await groupRow(['a', 'b'], ['default-a-1', 'default-b-1'])).toMatchObject({
        state: 'healthy',
        detail: '2 for 2 running pods',
      });
    });

    it('names those that no pod is behind any more, and misses those of pods', async () => {
      expect(await groupRow(['pod-a'], ['default-pod-a', 'default-pod-b'])).toMatchObject({
        state: 'degraded',
        detail: expect.stringMatching(/without a pod: default-pod-b$/) as string,
      });
      expect(await groupRow(['pod-a', 'pod-b'], ['default-pod-a'])).toMatchObject({ state: 'degraded' });
      expect(await groupRow(['pod-a'], [])).toMatchObject({ state: 'degraded' });
    });
  });
});
