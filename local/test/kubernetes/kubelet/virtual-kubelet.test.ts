import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { manifestsOf, readConfig } from '@holdfast/deployment';
import { generateCce } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';

import { buildVirtualNodeApp } from '../../../src/virtual-node/api.ts';
import { KUBERNETES_BACK_OFF } from '../../../src/virtual-node/back-off.ts';
import { POLICY_ANNOTATION } from '../../../src/virtual-node/manifest.ts';
import { scriptImage } from '../../../testing/script-image.ts';
import { VirtualTimers } from '../virtual-timers.ts';
import { ALLOW_ALL, ON_VIRTUAL_NODE, RunningCluster, serverScript } from './test-local-cluster.ts';

/** A policy that admits the script image with the command `/run 1` and nothing else. */
async function strictPolicy(): Promise<string> {
  const { facts } = await scriptImage();
  const config = {
    version: '1.0',
    scenario: 'vn2',
    containers: [{ name: 'app', properties: { image: facts.reference, command: ['/run', '1'] } }],
  };
  const [policy] = await generateCce({ kind: 'config', config: JSON.stringify(config) }, () => Promise.resolve(facts));
  return policy?.base64 ?? '';
}

describe('VirtualKubelet', () => {
  it('runs a confidential pod on the virtual node and says where and how it runs', async () => {
    await using cluster = await RunningCluster.start();
    cluster.applyPod('one', { annotations: ALLOW_ALL, spec: ON_VIRTUAL_NODE });
    await cluster.ready('one');
    const { spec, status } = cluster.pod('one') ?? {};
    expect(spec?.nodeName).toBe('virtualnode-0');
    expect(status).toMatchObject({ phase: 'Running', podIP: expect.stringMatching(/^127\./) });
    expect(status?.conditions?.map(({ type, status: value }) => `${type}=${value}`).sort()).toEqual([
      'ContainersReady=True',
      'Initialized=True',
      'PodReadyToStartContainers=True',
      'PodScheduled=True',
      'Ready=True',
    ]);
    expect(cluster.container('one')).toMatchObject({
      name: 'app',
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: expect.any(String) } },
    });
    expect(cluster.messages('Scheduled')).toContain('Successfully assigned default/one to virtualnode-0');
    expect(cluster.messages('Started')).toHaveLength(1);
    expect(cluster.messages('GuestStarted')).toHaveLength(1);
  });

  it('lets people look into its pods and run commands in them, as the policies admit', async () => {
    await using cluster = await RunningCluster.start();
    cluster.applyPod('one', { annotations: ALLOW_ALL, spec: ON_VIRTUAL_NODE });
    await cluster.ready('one');
    await using app = buildVirtualNodeApp(cluster.local.view());
    expect((await app.inject({ url: '/pods/one' })).json()).toMatchObject({
      ready: true,
      hostData: expect.any(String),
    });
    expect((await app.inject({ url: '/events' })).body).toContain('GuestStarted');
    const url = '/pods/one/containers/app/exec';
    const payload = JSON.stringify({ command: ['/run', 'console.log(6 * 7)'] });
    expect((await app.inject({ method: 'POST', url, payload })).json()).toMatchObject({ stdout: '42\n', exitCode: 0 });
  });

  it('lets two pods listen on the same port, and keeps their localhosts apart', async () => {
    await using cluster = await RunningCluster.start();
    const both = (text: string): string => `${serverScript(8080, text)};
      server.on('listening', () => fetch('http://localhost:8080').then(async (a) => console.log('saw', await a.text())))`;
    const container = { readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 } };
    cluster.applyPod('one', { annotations: ALLOW_ALL, spec: ON_VIRTUAL_NODE, script: both('first'), container });
    cluster.applyPod('two', { script: both('second'), container });
    await cluster.ready('one', 'two');
    const fetched = async (name: string): Promise<string> =>
      (await fetch(`http://${cluster.pod(name)?.status?.podIP}:8080/`)).text();
    expect([await fetched('one'), await fetched('two')]).toEqual(['first', 'second']);
    await cluster.until(async () => (await cluster.log('one')).includes('saw first'));
    await cluster.until(async () => (await cluster.log('two')).includes('saw second'));
  });

  it('starts a container again and again, counts, and keeps the log of the life before', async () => {
    await using cluster = await RunningCluster.start();
    const script = "console.log('life ' + process.pid); process.exit(3)";
    cluster.applyPod('loop', { annotations: ALLOW_ALL, spec: ON_VIRTUAL_NODE, script });
    await cluster.until(() => Number(cluster.container('loop')['restartCount']) >= 2);
    await cluster.until(() => Object.hasOwn(cluster.container('loop')['state'] as object, 'waiting'));
    expect(cluster.container('loop')).toMatchObject({
      ready: false,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 3, reason: 'Error', finishedAt: expect.any(String) } },
    });
    expect(cluster.pod('loop')?.status?.phase).toBe('Running');
    const previous = await cluster.log('loop', { previous: true });
    expect(previous).toMatch(/^life \d+\n$/);
    expect(cluster.messages('BackOff')).toHaveLength(1);
  });

  it('says completed or failed of a pod that is not to be started again', async () => {
    await using cluster = await RunningCluster.start();
    const spec = { restartPolicy: 'Never' };
    cluster.applyPod('good', { script: 'console.log("done")', spec });
    cluster.applyPod('bad', { script: 'process.exit(7)', spec });
    await cluster.until(() => cluster.pod('good')?.status?.phase === 'Succeeded');
    await cluster.until(() => cluster.pod('bad')?.status?.phase === 'Failed');
    expect(cluster.container('good')).toMatchObject({ state: { terminated: { exitCode: 0, reason: 'Completed' } } });
    expect(cluster.container('bad')).toMatchObject({ state: { terminated: { exitCode: 7, reason: 'Error' } } });
  });

  it('leaves a pod waiting whose policy does not admit it, with the encoded decision, and tries again', async () => {
    await using cluster = await RunningCluster.start();
    const annotations = { [POLICY_ANNOTATION]: await strictPolicy() };
    cluster.applyPod('denied', { annotations, spec: ON_VIRTUAL_NODE, script: 'console.log("never")' });
    await cluster.until(() => Number(cluster.container('denied')['restartCount']) >= 2);
    expect(cluster.container('denied')).toMatchObject({
      state: { waiting: { reason: 'RunContainerError', message: expect.stringContaining('policyDecision') } },
      lastState: { terminated: { exitCode: 128, reason: 'StartError' } },
    });
    expect(cluster.pod('denied')?.status?.phase).toBe('Pending');
    expect(cluster.messages('Failed')[0]).toContain('policyDecision');
    expect(cluster.messages('PolicyDenied')[0]).toContain('command');
    expect(cluster.messages('Started')).toEqual([]);
    const events = cluster.store.list({ apiVersion: 'v1', kind: 'Event' });
    const denied = events.find((event) => event['reason'] === 'PolicyDenied');
    expect(denied).toMatchObject({
      type: 'Warning',
      involvedObject: { kind: 'Pod', name: 'denied', fieldPath: 'spec.containers{app}' },
    });
    expect(Number(denied?.['count'])).toBeGreaterThanOrEqual(2);
  });

  it('waits for an image that the node does not have, and says which', async () => {
    await using cluster = await RunningCluster.start();
    cluster.applyPod('foreign', { container: { image: 'nobody/nothing:1' } });
    await cluster.until(() => JSON.stringify(cluster.container('foreign')).includes('ImagePullBackOff'));
    expect(cluster.container('foreign')).toMatchObject({
      state: { waiting: { message: expect.stringContaining('nobody/nothing:1') } },
    });
  });

  it('waits for a ConfigMap that a variable comes from, and starts once it is there', async () => {
    await using cluster = await RunningCluster.start();
    const env = [
      { name: 'GREETING', valueFrom: { configMapKeyRef: { name: 'words', key: 'greeting' } } },
      { name: 'ME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ];
    const script = "console.log(process.env.GREETING, process.env.ME, 'ok'); setInterval(() => {}, 1000)";
    cluster.applyPod('env', { script, container: { env } });
    await cluster.until(() => JSON.stringify(cluster.container('env')).includes('CreateContainerConfigError'));
    expect(cluster.messages('Failed')).toEqual(['Error: configmap "words" not found']);
    cluster.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'words' }, data: { greeting: 'hello' } });
    await cluster.ready('env');
    await cluster.until(async () => (await cluster.log('env')).includes('hello env ok'));
  });

  it('tries variables whose ConfigMap is not there again every ten seconds, however long it has waited', async () => {
    const timers = new VirtualTimers();
    await using cluster = await RunningCluster.start({ backOff: KUBERNETES_BACK_OFF }, false, { timers });
    const tries = (): number => {
      const events = cluster.store.list({ apiVersion: 'v1', kind: 'Event' });
      return Number(events.find(({ reason }) => reason === 'Failed')?.['count'] ?? 0);
    };
    const env = [{ name: 'WORD', valueFrom: { configMapKeyRef: { name: 'nobody', key: 'word' } } }];
    cluster.applyPod('waits', { container: { env } });
    await cluster.until(() => tries() === 1);
    for (let round = 2; round < 5; round += 1) {
      await timers.pass(10_000);
      await cluster.until(() => tries() === round);
    }
  });

  it('gives a pod what the local cloud has for it, after its policy was asked', async () => {
    await using cluster = await RunningCluster.start({
      podEnvironment: (pod, { address }) => ({
        variables: { WHERE: `${pod.metadata.name} at ${address}` },
        hostPorts: [],
      }),
    });
    cluster.applyPod('one', { script: 'console.log(process.env.WHERE); setInterval(() => {}, 1000)' });
    await cluster.ready('one');
    await cluster.until(async () => (await cluster.log('one')).includes(`one at ${cluster.pod('one')?.status?.podIP}`));
  });

  it('lets a deletion wait until the program has ended, within its grace period', async () => {
    await using cluster = await RunningCluster.start();
    const script = `process.on('SIGTERM', () => setInterval(() => {
      if (require('node:fs').existsSync(process.env.GO)) process.exit(0); }, 5)); console.log('up'); setInterval(() => {}, 1000)`;
    const go = join(cluster.folder, 'go');
    const spec = { terminationGracePeriodSeconds: 30 };
    cluster.applyPod('slow', { script, container: { env: [{ name: 'GO', value: go }] }, spec });
    await cluster.until(async () => (await cluster.log('slow')).includes('up'));
    cluster.remove('Pod', 'slow');
    await cluster.until(() => cluster.messages('Killing').length > 0);
    expect(cluster.pod('slow')?.metadata.deletionTimestamp).toBeDefined();
    await writeFile(go, '');
    await cluster.until(() => cluster.pod('slow') === undefined);
  });

  it('kills what ignores SIGTERM when the grace period is over', async () => {
    await using cluster = await RunningCluster.start();
    const script = "process.on('SIGTERM', () => {}); console.log('pid=' + process.pid); setInterval(() => {}, 1000)";
    cluster.applyPod('stubborn', { script });
    await cluster.until(async () => (await cluster.log('stubborn')).includes('pid='));
    const pid = Number(/pid=(\d+)/.exec(await cluster.log('stubborn'))?.[1]);
    cluster.remove('Pod', 'stubborn', 1);
    await cluster.until(() => cluster.pod('stubborn') === undefined);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('VirtualNodes', () => {
  it('has a virtual node only once its chart is there, and leaves what runs alone when it goes', async () => {
    await using cluster = await RunningCluster.start({}, false);
    cluster.applyPod('early', { annotations: ALLOW_ALL, spec: ON_VIRTUAL_NODE });
    await cluster.until(() => cluster.messages('FailedScheduling').length > 0);
    expect(cluster.messages('FailedScheduling')[0]).toBe(
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. " +
        'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    );
    await cluster.applyVirtualNode();
    await cluster.ready('early');
    expect(cluster.cluster.find('Node', 'virtualnode-0')?.metadata.labels).toMatchObject({
      team: 'ads',
      virtualization: 'virtualnode2',
      type: 'virtual-kubelet',
    });
    cluster.store.remove({ apiVersion: 'v1', kind: 'Pod', name: 'virtualnode-0', namespace: 'vn2' });
    await cluster.until(() => cluster.nodeReady('virtualnode-0') === 'Unknown');
    expect(cluster.container('early')).toMatchObject({ ready: true });
    cluster.applyPod('late', { annotations: ALLOW_ALL, spec: ON_VIRTUAL_NODE });
    await cluster.until(() => cluster.messages('FailedScheduling').some((text) => text.includes('not-ready')));
    await cluster.applyVirtualNode();
    await cluster.ready('late');
    cluster.store.remove({ apiVersion: 'v1', kind: 'Node', name: 'virtualnode-0' });
    await cluster.until(() => cluster.pod('early') === undefined && cluster.pod('late') === undefined);
  });

  it('becomes ready from the objects of the chart as they are deployed', async () => {
    await using cluster = await RunningCluster.start({}, false);
    const { config } = readConfig('profile: uid2-vn2');
    if (config === undefined) throw new Error('the configuration is right');
    const resolved = { subscriptionId: 's', tenantId: 't', kubernetesVersion: '1.34' };
    const sets = manifestsOf(config, resolved).filter(({ objects }) =>
      objects.some(({ kind }) => kind === 'StatefulSet'),
    );
    for (const object of sets.flatMap(({ objects }) => objects)) {
      cluster.store.apply(object, { fieldManager: 'uid2-virtual-node' });
    }
    await cluster.until(() => cluster.nodeReady('virtualnode-0') === 'True');
    const pods = cluster.cluster.list('Pod', { namespace: 'vn2' });
    expect(pods.map(({ spec, status }) => [spec.nodeName, status?.phase])).toEqual([
      ['aks-default-0', 'Running'],
      ['aks-default-0', 'Running'],
    ]);
    expect(cluster.cluster.find('Lease', 'virtualnode-0', 'kube-node-lease')).toBeDefined();
    const admission = { namespace: 'vn2', name: 'virtual-node-admission-controller', port: 443 };
    expect(cluster.local.serviceUrl(admission)).toBeUndefined();
  });

  it('keeps ordinary pods off the virtual node', async () => {
    await using cluster = await RunningCluster.start();
    cluster.applyPod('plain');
    await cluster.ready('plain');
    expect(cluster.pod('plain')?.spec.nodeName).toBe('aks-default-0');
  });

  it('removes the folders of a pod that is gone, and gives its address to another', async () => {
    await using cluster = await RunningCluster.start();
    cluster.applyPod('one', { annotations: ALLOW_ALL, spec: ON_VIRTUAL_NODE });
    await cluster.ready('one');
    const { uid = '' } = cluster.pod('one')?.metadata ?? {};
    const folder = join(cluster.folder, 'pods', `default_one_${uid}`);
    await access(folder);
    cluster.remove('Pod', 'one');
    await cluster.until(() => cluster.pod('one') === undefined);
    await expect(access(folder)).rejects.toThrow('ENOENT');
  });
});
