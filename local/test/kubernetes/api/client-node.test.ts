import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  makeInformer,
  PatchStrategy,
} from '@kubernetes/client-node';
import type { KubernetesObject } from '@kubernetes/client-node';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { deployment, startClusterServer } from './cluster-server.ts';
import type { ClusterServer } from './cluster-server.ts';

describe('@kubernetes/client-node, unmodified, over TLS', () => {
  let cluster: ClusterServer;
  const config = new KubeConfig();
  beforeAll(async () => {
    cluster = await startClusterServer();
    config.loadFromString(cluster.kubeconfig);
  });
  afterAll(async () => cluster.stop());

  it('applies on the server side, reads, and deletes in the foreground', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const web = deployment('web') as KubernetesObject;
    const apply = async (object: KubernetesObject, manager: string, force = false): Promise<KubernetesObject> =>
      objects.patch(object, undefined, undefined, manager, force, PatchStrategy.ServerSideApply);
    await apply(web, 'engine');
    const other = deployment('web', 'example/web:2') as KubernetesObject;
    const refusal = await apply(other, 'other').catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 409 });
    expect(String((refusal as { body: unknown }).body)).toContain('FieldManagerConflict');
    expect(await apply(other, 'other', true)).toMatchObject({ kind: 'Deployment' });
    const list = await config.makeApiClient(AppsV1Api).listNamespacedDeployment({ namespace: 'default' });
    expect(list.items.map((item) => item.spec?.template.spec?.containers[0]?.image)).toEqual(['example/web:2']);
    await objects.delete(web, undefined, undefined, undefined, undefined, 'Foreground');
    expect(await objects.read(web as never).catch((error: unknown) => error)).toMatchObject({ code: 404 });
  });

  it('follows changes with an informer', async () => {
    const core = config.makeApiClient(CoreV1Api);
    const informer = makeInformer(config, '/api/v1/namespaces/default/configmaps', async () =>
      core.listNamespacedConfigMap({ namespace: 'default' }),
    );
    const heard = (event: 'add' | 'update' | 'delete', name: string): Promise<void> =>
      new Promise((resolve) => {
        informer.on(event, (object) => {
          if (object.metadata?.name === name) resolve();
        });
      });
    await core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: 'before' } } });
    const before = heard('add', 'before');
    await informer.start();
    await before;
    const added = heard('add', 'during');
    await core.createNamespacedConfigMap({ namespace: 'default', body: { metadata: { name: 'during' } } });
    await added;
    const updated = heard('update', 'during');
    await core.replaceNamespacedConfigMap({
      namespace: 'default',
      name: 'during',
      body: { metadata: { name: 'during' }, data: { a: '1' } },
    });
    await updated;
    const deleted = heard('delete', 'during');
    await core.deleteNamespacedConfigMap({ namespace: 'default', name: 'during' });
    await deleted;
    await informer.stop();
  });

  it('reads the log of a pod and proxies to it', async () => {
    const core = config.makeApiClient(CoreV1Api);
    const body = { metadata: { name: 'p' }, spec: { nodeName: 'n', containers: [{ name: 'web', image: 'x' }] } };
    await core.createNamespacedPod({ namespace: 'default', body });
    const pod = cluster.store.get({ apiVersion: 'v1', kind: 'Pod', name: 'p' });
    if (pod === undefined) throw new Error('the pod is missing');
    const containerStatuses = [{ name: 'web', state: { running: {} } }];
    cluster.store.update({ ...pod, status: { phase: 'Running', containerStatuses } }, { subresource: 'status' });
    const stream = new PassThrough();
    const lines = text(stream);
    await new Log(config).log('default', 'p', 'web', stream, { tailLines: 2 });
    expect(await lines).toBe('web two\nweb three\n');
    const proxied = await core.connectGetNamespacedPodProxyWithPath({
      namespace: 'default',
      name: 'p:8080',
      path: 'ops/healthcheck',
    });
    expect(proxied).toBe('GET /ops/healthcheck of p:8080');
  });

  it('holds a lease with optimistic concurrency', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', namespace: 'default' },
    };
    const made = await objects.create(lease);
    await objects.replace({ ...made, spec: { holderIdentity: 'a' } } as KubernetesObject);
    expect(await objects.replace(made).catch((error: unknown) => error)).toMatchObject({ code: 409 });
  });
});
