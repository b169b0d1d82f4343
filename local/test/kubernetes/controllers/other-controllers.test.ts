import { describe, expect, it } from 'vitest';

import { deployment, TestCluster } from './test-cluster.ts';

function statefulSet(spec: Readonly<Record<string, unknown>> = {}, image = 'app:1') {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'db' } },
      template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'app', image }] } },
      ...spec,
    },
  };
}

describe('StatefulSetController', () => {
  it('makes numbered pods, each once the one before is ready', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(statefulSet());
    expect(cluster.pods().map(({ metadata }) => metadata.name)).toEqual(['db-0']);
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    expect(cluster.pods().map(({ metadata }) => metadata.name)).toEqual(['db-0', 'db-1']);
    expect(cluster.pods()[1]?.metadata.labels).toMatchObject({ 'statefulset.kubernetes.io/pod-name': 'db-1' });
    expect(cluster.status('StatefulSet', 'db')).toMatchObject({ replicas: 2, readyReplicas: 1 });
  });

  it('makes all at once when they may be made in parallel, and removes the highest numbers first', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(statefulSet({ podManagementPolicy: 'Parallel', replicas: 3 }));
    expect(cluster.pods()).toHaveLength(3);
    await cluster.apply(statefulSet({ podManagementPolicy: 'Parallel', replicas: 1 }));
    expect(cluster.pods().map(({ metadata }) => metadata.name)).toEqual(['db-0']);
  });

  it('replaces one pod at a time when its template changes', async () => {
    await using cluster = new TestCluster();
    const parallel = { podManagementPolicy: 'Parallel' };
    await cluster.apply(statefulSet(parallel));
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    await cluster.apply(statefulSet(parallel, 'app:2'));
    expect(cluster.images()).toEqual(['app:1', 'app:2']);
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    expect(cluster.images()).toEqual(['app:2', 'app:2']);
  });
});

describe('ReplicaSetController', () => {
  it('makes another pod for one that was deleted or has failed', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment({ replicas: 2 }));
    const [first, second] = cluster.pods();
    if (first === undefined || second === undefined) throw new Error('there are two pods');
    cluster.cluster.remove(first);
    cluster.cluster.writeStatus(second, { phase: 'Failed' });
    await cluster.settled();
    const active = cluster.pods().filter(({ status }) => status?.phase !== 'Failed');
    expect(active).toHaveLength(2);
  });

  it('gives up pods that are not ready before those that are', async () => {
    await using cluster = new TestCluster();
    await cluster.node('n1');
    await cluster.apply(deployment({ replicas: 3 }));
    const [, useful] = cluster.pods();
    if (useful !== undefined) await cluster.setReady(useful);
    await cluster.apply(deployment({ replicas: 1 }));
    await cluster.finishDeletions();
    expect(cluster.pods().map(({ metadata }) => metadata.uid)).toEqual([useful?.metadata.uid]);
  });
});

describe('ServiceController', () => {
  const service = (selector: Readonly<Record<string, string>>, targetPort: number | string = 8080) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'front', namespace: 'default' },
    spec: { selector, ports: [{ port: 80, protocol: 'TCP', targetPort }] },
  });

  it('lists ready pods as endpoints and the others apart', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment({ replicas: 2 }));
    await cluster.apply(service({ app: 'web' }));
    const [first, second] = cluster.pods();
    if (first === undefined || second === undefined) throw new Error('there are two pods');
    await cluster.setReady(first);
    await cluster.setReady(second, false);
    expect(cluster.cluster.find('Endpoints', 'front', 'default')).toMatchObject({
      subsets: [
        {
          addresses: [{ ip: '10.1.0.1', targetRef: { name: first.metadata.name } }],
          notReadyAddresses: [{ ip: '10.1.0.2' }],
          ports: [{ port: 8080, protocol: 'TCP' }],
        },
      ],
    });
    const [slice] = cluster.cluster.list('EndpointSlice', { labelSelector: 'kubernetes.io/service-name=front' });
    expect(slice).toMatchObject({
      endpoints: [{ conditions: { ready: true } }, { conditions: { ready: false } }],
      ports: [{ port: 8080 }],
    });
  });

  it('takes a pod out as soon as its deletion begins, although it still answers', async () => {
    await using cluster = new TestCluster();
    await cluster.node('n1');
    await cluster.apply(deployment());
    await cluster.apply(service({ app: 'web' }));
    const [pod] = cluster.pods();
    if (pod === undefined) throw new Error('there is a pod');
    await cluster.setReady(pod);
    cluster.cluster.remove(pod, 30);
    await cluster.settled();
    expect(cluster.cluster.find('Endpoints', 'front', 'default')).toMatchObject({
      subsets: [{ notReadyAddresses: [{ ip: '10.1.0.1' }] }],
    });
    const [slice] = cluster.cluster.list('EndpointSlice');
    expect(slice).toMatchObject({ endpoints: [{ conditions: { ready: false, terminating: true } }] });
  });

  it('finds ports by their names in the pods', async () => {
    await using cluster = new TestCluster();
    const containers = [{ name: 'app', image: 'app:1', ports: [{ name: 'http', containerPort: 9090 }] }];
    await cluster.apply(deployment({ podSpec: { containers } }));
    await cluster.apply(service({ app: 'web' }, 'http'));
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    expect(cluster.cluster.find('Endpoints', 'front', 'default')).toMatchObject({
      subsets: [{ ports: [{ port: 9090 }] }],
    });
  });

  it('follows its selector, and takes the endpoints along when it goes', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment());
    await cluster.apply(service({ app: 'other' }));
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    expect(cluster.cluster.find('Endpoints', 'front', 'default')).not.toHaveProperty('subsets');
    await cluster.apply(service({ app: 'web' }));
    expect(cluster.cluster.find('Endpoints', 'front', 'default')).toHaveProperty('subsets');
    cluster.store.remove({ apiVersion: 'v1', kind: 'Service', name: 'front', namespace: 'default' });
    await cluster.settled();
    expect(cluster.cluster.find('Endpoints', 'front', 'default')).toBeUndefined();
    expect(cluster.cluster.list('EndpointSlice')).toEqual([]);
  });
});

describe('DisruptionController', () => {
  it.each([
    [{ minAvailable: 2 }, 1],
    [{ maxUnavailable: 1 }, 1],
    [{ minAvailable: '100%' }, 0],
  ])('counts how many pods may go with %j', async (budget, disruptionsAllowed) => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment({ replicas: 3 }));
    await cluster.apply({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'keep', namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'web' } }, ...budget },
    });
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    expect(cluster.status('PodDisruptionBudget', 'keep')).toMatchObject({
      disruptionsAllowed,
      expectedPods: 3,
      currentHealthy: 3,
    });
  });
});

describe('EventRecorder', () => {
  it('counts the same thing up instead of writing it again', async () => {
    await using cluster = new TestCluster();
    const { EventRecorder } = await import('../../../src/kubernetes/controllers/event-recorder.ts');
    await cluster.apply(deployment());
    const [pod] = cluster.pods();
    if (pod === undefined) throw new Error('there is a pod');
    const recorder = new EventRecorder(cluster.cluster, cluster.timers, 'kubelet', 'n1');
    for (let count = 0; count < 3; count += 1) recorder.warning(pod, 'BackOff', 'again', 'spec.containers{app}');
    recorder.warning(pod, 'BackOff', 'another one');
    expect(
      cluster
        .events('BackOff')
        .map((event) => Number(event['count']))
        .sort((a, b) => a - b),
    ).toEqual([1, 3]);
    expect(cluster.events('BackOff')[0]).toMatchObject({ source: { component: 'kubelet', host: 'n1' } });
  });
});
