import { describe, expect, it } from 'vitest';

import { TestCluster } from './test-cluster.ts';

const VIRTUAL = {
  labels: { virtualization: 'virtualnode2' },
  taints: [{ key: 'virtual-kubelet.io/provider', value: 'azure', effect: 'NoSchedule' }],
};

function pod(name: string, spec: Readonly<Record<string, unknown>> = {}) {
  const containers = [{ name: 'app', image: 'app:1' }];
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' }, spec: { containers, ...spec } };
}

function sized(cpu: string): Readonly<Record<string, unknown>> {
  return { containers: [{ name: 'app', image: 'app:1', resources: { requests: { cpu } } }] };
}

describe('Scheduler', () => {
  it('gives a pod a node that takes it', async () => {
    await using cluster = new TestCluster();
    await cluster.node('virtual', VIRTUAL);
    await cluster.node('plain');
    await cluster.apply(pod('ordinary'));
    await cluster.apply(
      pod('confidential', {
        nodeSelector: VIRTUAL.labels,
        tolerations: [{ effect: 'NoSchedule', key: 'virtual-kubelet.io/provider', operator: 'Exists' }],
      }),
    );
    const nodes = cluster.pods().map(({ metadata, spec }) => [metadata.name, spec.nodeName]);
    expect(Object.fromEntries(nodes)).toEqual({ ordinary: 'plain', confidential: 'virtual' });
    expect(cluster.pods()[0]?.status?.conditions).toMatchObject([{ type: 'PodScheduled', status: 'True' }]);
  });

  it('says for how many nodes what stands against a pod', async () => {
    await using cluster = new TestCluster();
    await cluster.node('virtual', VIRTUAL);
    await cluster.node('small', { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } });
    await cluster.apply(pod('large', sized('1500m')));
    const message =
      '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {virtual-kubelet.io/provider: azure}. ' +
      'preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.';
    expect(cluster.events('FailedScheduling')).toMatchObject([{ type: 'Warning', message, count: 1 }]);
    expect(cluster.pods()[0]?.status?.conditions).toMatchObject([
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message },
    ]);
  });

  it('schedules a pod that waited as soon as there is room', async () => {
    await using cluster = new TestCluster();
    await cluster.node('small', { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } });
    await cluster.apply(pod('first', sized('600m')));
    await cluster.apply(pod('second', sized('600m')));
    expect(cluster.cluster.find('Pod', 'second', 'default')?.spec.nodeName).toBeUndefined();
    cluster.store.remove({ apiVersion: 'v1', kind: 'Pod', name: 'first', namespace: 'default' });
    await cluster.finishDeletions();
    expect(cluster.cluster.find('Pod', 'second', 'default')?.spec.nodeName).toBe('small');
  });

  it('spreads pods over the nodes that take them', async () => {
    await using cluster = new TestCluster();
    await cluster.node('a');
    await cluster.node('b');
    for (const name of ['one', 'two', 'three', 'four']) await cluster.apply(pod(name));
    expect(cluster.pods().filter(({ spec }) => spec.nodeName === 'a')).toHaveLength(2);
  });

  it('honours required node affinity', async () => {
    await using cluster = new TestCluster();
    await cluster.node('virtual', { labels: { type: 'virtual-kubelet' } });
    await cluster.node('pool', { labels: { 'kubernetes.azure.com/cluster': 'c' } });
    const terms = [
      {
        matchExpressions: [
          { key: 'type', operator: 'NotIn', values: ['virtual-kubelet'] },
          { key: 'kubernetes.azure.com/cluster', operator: 'Exists' },
        ],
      },
    ];
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
    await cluster.apply(pod('picky', { affinity: { nodeAffinity: required } }));
    expect(cluster.pods()[0]?.spec.nodeName).toBe('pool');
  });
});
