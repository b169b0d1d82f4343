import { setState } from '@holdfast/deployment';
import type { KubernetesPort, ManifestSet } from '@holdfast/deployment';
import { openKubernetes } from '@holdfast/kubernetes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { deployment, startClusterServer } from './cluster-server.ts';
import type { ClusterServer } from './cluster-server.ts';

/** The engine of the deployment package, through its own client, against managed fields as a real API server keeps them. */
describe('replicas that an autoscaler sets', () => {
  let cluster: ClusterServer;
  let port: KubernetesPort;
  const { signal } = new AbortController();
  const web = deployment('web');
  const set: ManifestSet = {
    id: 'X',
    file: 'x.yaml',
    title: 'X',
    fieldManager: 'engine',
    objects: [web],
    createOnly: [],
    notes: [],
  };
  const reference = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'default' };

  beforeAll(async () => {
    cluster = await startClusterServer();
    port = await openKubernetes(cluster.kubeconfig);
    await port.apply(web, { fieldManager: 'engine', signal });
    await port.create({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web', namespace: 'default' },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 9 },
    });
  });
  afterAll(async () => cluster.stop());

  /** Applies what the engine would apply, and answers the number of replicas afterwards. */
  async function appliedReplicas(): Promise<unknown> {
    const [state] = (await setState(port, set, signal)).objects;
    if (state === undefined) throw new Error('there is no object');
    expect(state).toMatchObject({ change: 'none' });
    await port.apply(state.object, { fieldManager: 'engine', signal });
    const live = await port.read(reference, { signal });
    if (live === undefined) throw new Error('it is gone');
    return (live['spec'] as { replicas?: unknown }).replicas;
  }

  it('do not fall to one while nobody but the engine has set them', async () => {
    expect(await appliedReplicas()).toBe(2);
  });

  it('stay what the autoscaler has made of them, without a conflict', async () => {
    const live = await port.read(reference, { signal });
    if (live === undefined) throw new Error('it is gone');
    await port.replace({ ...live, spec: { ...(live['spec'] as object), replicas: 7 } });
    expect(await appliedReplicas()).toBe(7);
    expect(await appliedReplicas()).toBe(7);
  });
});
