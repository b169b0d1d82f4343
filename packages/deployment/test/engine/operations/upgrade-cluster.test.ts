import { describe, expect, it } from 'vitest';

import { upgradeKubernetes } from '../../../src/engine/operations/upgrade-kubernetes.ts';
import { upgradeVirtualNode } from '../../../src/engine/operations/upgrade-virtual-node.ts';
import { uid2Names } from '../../../src/graph/uid2-vn2.ts';
import type { JsonObject, KubernetesObject } from '../../../src/index.ts';
import { virtualNodeObjects } from '../../../src/manifests/virtual-node.ts';
import { pinnedChartVersion, virtualNodeValues } from '../../../src/manifests/virtual-node-values.ts';
import { operatorWorld, subscriptionId } from './world.ts';
import type { OperationWorld } from './world.ts';

/** A cluster with a virtual node of a chart. */
function world(chart = '1.3307.26033004', version = '1.33'): OperationWorld {
  const of = operatorWorld();
  of.world.cluster.objects.delete('Node/virtualnode-0');
  const values = { ...virtualNodeValues(of.config), chartVersion: chart };
  for (const object of virtualNodeObjects(values)) of.world.cluster.put(object);
  of.world.azure.put(uid2Names(of.config, subscriptionId).cluster, {
    location: 'eastus',
    tags: { theirs: 'kept' },
    properties: {
      kubernetesVersion: version,
      newerSetting: { kept: true },
      agentPoolProfiles: [
        { name: 'oprnodepool', count: 5, orchestratorVersion: version },
        { name: 'theirs', count: 1, orchestratorVersion: version },
      ],
    },
  });
  of.world.clock.pass(120_000);
  of.world.requests.revive();
  return of;
}

const clusterOf = (of: OperationWorld): JsonObject =>
  of.world.azure.get(uid2Names(of.config, subscriptionId).cluster) as JsonObject;

function orphan(name: string): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { type: 'virtual-kubelet' } }, status: {} };
}

describe('upgradeVirtualNode', () => {
  it('applies the chart that is built in, keeps the pods of the operator, and never sends the Secret', async () => {
    const of = world();
    expect(await upgradeVirtualNode(of.context, of.config)).toMatchObject({
      outcome: 'done',
      from: '1.3307.26033004',
      to: pinnedChartVersion,
    });
    expect(of.world.requests.writes().some((write) => write.includes('Secret'))).toBe(false);
    const set = of.world.cluster.get({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      name: 'virtualnode',
      namespace: 'vn2',
    });
    expect(set?.metadata.labels?.['helm.sh/chart']).toBe(`virtualnode-${pinnedChartVersion}`);
  });

  it('writes nothing the second time', async () => {
    const of = world();
    await upgradeVirtualNode(of.context, of.config);
    of.world.requests.revive();
    expect(await upgradeVirtualNode(of.context, of.config)).toMatchObject({ outcome: 'already' });
    expect(of.world.requests.writes()).toEqual([]);
  });

  it('removes nodes whose pod is gone, and no others', async () => {
    const of = world();
    of.world.cluster.put(orphan('virtualnode-7'));
    of.world.cluster.put(orphan('somebody-elses-0'));
    expect(await upgradeVirtualNode(of.context, of.config)).toMatchObject({ orphans: ['virtualnode-7'] });
    expect(of.world.cluster.objects.has('Node/somebody-elses-0')).toBe(true);
  });

  it('waits for nobody while Azure is at work on the cluster: chart and cluster go one after the other', async () => {
    const of = world();
    const live = clusterOf(of);
    const properties = { ...(live['properties'] as JsonObject), provisioningState: 'Upgrading' };
    const id = uid2Names(of.config, subscriptionId).cluster.toLowerCase();
    of.world.azure.resources.set(id, { ...live, properties });
    await expect(upgradeVirtualNode(of.context, of.config)).rejects.toMatchObject({ code: 'UPGRADE_BLOCKED' });
    expect(of.world.requests.writes()).toEqual([]);
  });
});

describe('upgradeKubernetes', () => {
  it('goes to the next minor version, the control plane first, then pool by pool, and loses nothing of others', async () => {
    const of = world(pinnedChartVersion);
    expect(await upgradeKubernetes(of.context, of.config)).toMatchObject({
      outcome: 'done',
      to: '1.34',
      pools: ['oprnodepool', 'theirs'],
    });
    const cluster = clusterOf(of);
    expect(cluster['tags']).toEqual({ theirs: 'kept' });
    expect(cluster['properties']).toMatchObject({ kubernetesVersion: '1.34', newerSetting: { kept: true } });
    const written = of.world.requests.all
      .filter(({ verb }) => verb === 'PUT')
      .map(({ target }) => target.split('/').at(-1));
    expect(written).toEqual(['myvncluster', 'oprnodepool', 'theirs']);
    const body = of.world.requests.all.find(({ verb }) => verb === 'PUT')?.body as {
      properties: { agentPoolProfiles: { count: number }[] };
    };
    expect(body.properties.agentPoolProfiles[0]?.count).toBe(5);
  });

  it.each([
    ['1.35', pinnedChartVersion, 'skips a version'],
    ['1.32', pinnedChartVersion, 'never goes back'],
    ['1.34', '1.3204.25010101', 'KV-04'],
    ['nonsense', pinnedChartVersion, 'not a minor version'],
  ])('refuses to go to %s with the chart %s', async (to, chart, problem) => {
    const of = world(chart);
    await expect(upgradeKubernetes(of.context, of.config, { to })).rejects.toMatchObject({
      code: 'UPGRADE_BLOCKED',
      message: expect.stringContaining(problem) as string,
    });
    expect(of.world.requests.writes()).toEqual([]);
  });

  it('writes nothing when the cluster has the version', async () => {
    const of = world(pinnedChartVersion, '1.34');
    expect(await upgradeKubernetes(of.context, of.config, { to: '1.34' })).toMatchObject({ outcome: 'already' });
    expect(of.world.requests.writes()).toEqual([]);
  });
});
