import { describe, expect, it } from 'vitest';

import { deployment, TestCluster } from './test-cluster.ts';

describe('DeploymentController', () => {
  it('makes the pods it is asked for, through a ReplicaSet of the template', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment({ replicas: 3 }));
    expect(cluster.pods()).toHaveLength(3);
    const [set] = cluster.cluster.list('ReplicaSet');
    expect(set?.metadata.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '1' });
    expect(cluster.pods()[0]?.metadata.labels).toMatchObject({
      app: 'web',
      'pod-template-hash': set?.metadata.labels?.['pod-template-hash'],
    });
    expect(cluster.pods()[0]?.metadata.name).toMatch(new RegExp(`^${set?.metadata.name}-.{5}$`));
    expect(cluster.status('Deployment', 'web')).toMatchObject({ replicas: 3, unavailableReplicas: 3 });
    expect(cluster.errors).toEqual([]);
  });

  it('counts ready pods and becomes available and complete', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment({ replicas: 2 }));
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    const status = cluster.status('Deployment', 'web');
    expect(status).toMatchObject({ replicas: 2, readyReplicas: 2, availableReplicas: 2, updatedReplicas: 2 });
    expect(status['unavailableReplicas']).toBeUndefined();
    expect(status['conditions']).toMatchObject([
      { type: 'Available', status: 'True' },
      { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
    ]);
  });

  it('rolls out step by step: at no time fewer ready pods than allowed or more pods than allowed', async () => {
    await using cluster = new TestCluster();
    const spec = { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
    await cluster.apply(deployment({ replicas: 3, spec }));
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    await cluster.apply(deployment({ replicas: 3, spec, image: 'app:2' }));
    for (let step = 0; step < 10 && cluster.images().includes('app:1'); step += 1) {
      expect(cluster.readyPods().length).toBeGreaterThanOrEqual(3);
      expect(cluster.images().length).toBeLessThanOrEqual(4);
      for (const pod of cluster.pods()) await cluster.setReady(pod);
      await cluster.finishDeletions();
    }
    expect(cluster.images()).toEqual(['app:2', 'app:2', 'app:2']);
    expect(cluster.cluster.find('Deployment', 'web', 'default')?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '2',
    });
  });

  it('keeps the old pods when the new ones never become ready, and says after the deadline that it does not progress', async () => {
    await using cluster = new TestCluster();
    const spec = { progressDeadlineSeconds: 60, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
    await cluster.apply(deployment({ replicas: 2, spec }));
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    await cluster.apply(deployment({ replicas: 2, spec, image: 'app:2' }));
    await cluster.pass(61_000);
    expect(cluster.readyPods()).toHaveLength(2);
    expect([...cluster.images()].sort()).toEqual(['app:1', 'app:1', 'app:2']);
    expect(cluster.status('Deployment', 'web')['conditions']).toMatchObject([
      { type: 'Available', status: 'True' },
      { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' },
    ]);
  });

  it('counts a pod as available only when it was ready for minReadySeconds', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment({ spec: { minReadySeconds: 120 } }));
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    await cluster.pass(119_000);
    expect(cluster.status('Deployment', 'web')).toMatchObject({ readyReplicas: 1, unavailableReplicas: 1 });
    await cluster.pass(2000);
    expect(cluster.status('Deployment', 'web')).toMatchObject({ availableReplicas: 1 });
  });

  it('scales to zero and back', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment({ replicas: 2 }));
    await cluster.apply(deployment({ replicas: 0 }));
    expect(cluster.pods()).toEqual([]);
    expect(cluster.status('Deployment', 'web')['conditions']).toMatchObject([
      { type: 'Available', status: 'True' },
      {},
    ]);
    await cluster.apply(deployment({ replicas: 1 }));
    expect(cluster.pods()).toHaveLength(1);
  });

  it('replaces pods when the template says when they were restarted', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment());
    const [before] = cluster.pods();
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    const restarted = deployment();
    Object.assign(restarted.spec.template.metadata, { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } });
    await cluster.apply(restarted);
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    await cluster.finishDeletions();
    expect(cluster.pods()).toHaveLength(1);
    expect(cluster.pods()[0]?.metadata.uid).not.toBe(before?.metadata.uid);
  });

  it('goes back to the ReplicaSet of an older template, with the newest revision', async () => {
    await using cluster = new TestCluster();
    for (const image of ['app:1', 'app:2', 'app:1']) {
      await cluster.apply(deployment({ image }));
      for (const pod of cluster.pods()) await cluster.setReady(pod);
      await cluster.finishDeletions();
    }
    expect(cluster.cluster.list('ReplicaSet')).toHaveLength(2);
    expect(cluster.images()).toEqual(['app:1']);
    expect(cluster.cluster.find('Deployment', 'web', 'default')?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
    });
  });

  it('with strategy Recreate makes no new pod before the last old one is gone', async () => {
    await using cluster = new TestCluster();
    await cluster.node('n1');
    const spec = { strategy: { type: 'Recreate' } };
    await cluster.apply(deployment({ spec }));
    for (const pod of cluster.pods()) await cluster.setReady(pod);
    await cluster.apply(deployment({ spec, image: 'app:2' }));
    expect(cluster.pods()).toHaveLength(1);
    await cluster.finishDeletions();
    expect(cluster.images()).toEqual(['app:2']);
  });

  it('is removed with its ReplicaSets and pods', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment({ replicas: 2 }));
    cluster.store.remove({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'default' });
    await cluster.settled();
    expect(cluster.cluster.list('ReplicaSet')).toEqual([]);
    expect(cluster.pods()).toEqual([]);
  });

  it('tells each step as an event, once', async () => {
    await using cluster = new TestCluster();
    await cluster.apply(deployment({ replicas: 2 }));
    expect(cluster.events('ScalingReplicaSet')).toMatchObject([
      { message: expect.stringMatching(/^Scaled up replica set web-.* from 0 to 2$/), count: 1 },
    ]);
    expect(cluster.events('SuccessfulCreate')).toHaveLength(2);
  });
});
