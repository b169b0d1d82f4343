import { join } from 'node:path';
import { stat } from 'node:fs/promises';

import { generateCce } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';

import type { PodTokenSource } from '../../../../src/kubernetes/api/index.ts';
import { podFolderName } from '../../../../src/kubernetes/kubelet/pod-folder.ts';
import { StatusError } from '../../../../src/kubernetes/api/index.ts';
import { KUBERNETES_BACK_OFF } from '../../../../src/virtual-node/back-off.ts';
import { POLICY_ANNOTATION } from '../../../../src/virtual-node/manifest.ts';
import { scriptImage } from '../../../../testing/script-image.ts';
import { ALLOW_ALL, ON_VIRTUAL_NODE, RunningCluster } from '../test-local-cluster.ts';
import { VirtualTimers } from '../../virtual-timers.ts';

const PRINT = `const { readFileSync, readdirSync, statSync } = require('node:fs');
  const show = (path) => { try { return readFileSync(path, 'utf8'); } catch (e) { return e.code; } };
  const stay = () => setInterval(() => {}, 1000);`;

function configMap(name: string, data: Readonly<Record<string, string>>) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('volumes of a pod', () => {
  it('are files under the paths where containers mount them, with modes, items and environment', async () => {
    await using cluster = await RunningCluster.start({}, false);
    cluster.apply(configMap('words', { greeting: 'hello', other: 'there' }));
    cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, data: { value: base64('secret') } });
    const volumes = [
      { name: 'words', configMap: { name: 'words' } },
      { name: 'some', configMap: { name: 'words', items: [{ key: 'greeting', path: 'deep/er', mode: 0o600 }] } },
      { name: 'key', secret: { secretName: 'key', defaultMode: 0o400 } },
      { name: 'none', secret: { secretName: 'nobody', optional: true } },
      {
        name: 'me',
        downwardAPI: {
          items: [
            { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
            { path: 'cpu', resourceFieldRef: { containerName: 'app', resource: 'limits.cpu', divisor: '1m' } },
          ],
        },
      },
      {
        name: 'all',
        projected: {
          sources: [
            { configMap: { name: 'words', items: [{ key: 'other', path: 'a' }] } },
            { secret: { name: 'key', items: [{ key: 'value', path: 'b' }] } },
            { downwardAPI: { items: [{ path: 'c', fieldRef: { fieldPath: 'metadata.name' } }] } },
          ],
        },
      },
      { name: 'room', emptyDir: {} },
      { name: 'machine', hostPath: { path: '/' } },
    ];
    const script = `${PRINT}
      require('node:fs').writeFileSync('/room/file', 'mine');
      const mode = (path) => (statSync(path).mode & 0o777).toString(8);
      console.log(JSON.stringify([show('/words/greeting'), readdirSync('/some'), show('/some/deep/er'), mode('/some/deep/er'), show('/key/value'), mode('/key/value'),
        readdirSync('/none'), show('/me/labels'), show('/me/cpu'), show('/all/a'), show('/all/b'), show('/all/c'), show('/room/file'),
        show(process.env.FILE), process.env.ELSEWHERE, show('/words/new'), (() => { try { require('node:fs').writeFileSync('/words/new', ''); } catch (e) { return e.code; } })()])); stay();`;
    const env = [
      { name: 'FILE', value: '/words/other' },
      { name: 'ELSEWHERE', value: '/wordsmith/other' },
    ];
    const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
    const resources = { limits: { cpu: '250m' } };
    cluster.applyPod('reader', {
      script,
      labels: { b: '2', a: 'x' },
      container: { env, volumeMounts, resources },
      spec: { volumes },
    });
    await cluster.until(async () => (await cluster.log('reader')).includes('\n'));
    expect(JSON.parse(await cluster.log('reader'))).toEqual([
      'hello', [expect.stringMatching(/^\.\.2/), '..data', 'deep'], 'hello', '600', 'secret', '400',
      expect.not.arrayContaining(['value']), 'a="x"\nb="2"', '250', 'there', 'secret', 'reader', 'mine',
      'there', '/wordsmith/other', 'ENOENT', 'EROFS',
    ]); // prettier-ignore
    expect(cluster.messages('VolumeNotMapped')).toEqual([expect.stringContaining('"machine"')]);
    const pod = cluster.pod('reader');
    if (pod === undefined) throw new Error('no pod');
    const folder = join(cluster.folder, 'pods', podFolderName(pod));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    cluster.remove('Pod', 'reader');
    await cluster.until(async () =>
      stat(folder).then(
        () => false,
        () => true,
      ),
    );
  });

  it('keep a pod waiting whose ConfigMap is not there, in the words of kubelet, until it is', async () => {
    await using cluster = await RunningCluster.start({}, false);
    const volumes = [{ name: 'words', configMap: { name: 'late', items: [{ key: 'greeting', path: 'greeting' }] } }];
    const volumeMounts = [{ name: 'words', mountPath: '/words' }];
    cluster.applyPod('reader', {
      script: `${PRINT} console.log(show('/words/greeting')); stay();`,
      container: { volumeMounts },
      spec: { volumes },
    });
    await cluster.until(() => cluster.messages('FailedMount').length > 0);
    expect(cluster.messages('FailedMount')).toEqual([
      'MountVolume.SetUp failed for volume "words" : configmap "late" not found',
    ]);
    expect(cluster.container('reader')).toMatchObject({ state: { waiting: { reason: 'ContainerCreating' } } });
    cluster.apply(configMap('late', { other: 'x' }));
    await cluster.until(() => cluster.messages('FailedMount').length > 1);
    expect(cluster.messages('FailedMount')).toContain(
      'MountVolume.SetUp failed for volume "words" : configmap references non-existent config key: greeting',
    );
    cluster.apply(configMap('late', { greeting: 'hello' }));
    await cluster.until(async () => (await cluster.log('reader')) === 'hello\n');
  });

  it('are tried again after half a second, and then after twice as long', async () => {
    const timers = new VirtualTimers();
    await using cluster = await RunningCluster.start({ backOff: KUBERNETES_BACK_OFF }, false, { timers });
    const tries = (): number => {
      const events = cluster.store.list({ apiVersion: 'v1', kind: 'Event' });
      return Number(events.find(({ reason }) => reason === 'FailedMount')?.['count'] ?? 0);
    };
    const volumes = [{ name: 'words', configMap: { name: 'nobody' } }];
    cluster.applyPod('waits', { container: { volumeMounts: [{ name: 'words', mountPath: '/w' }] }, spec: { volumes } });
    await cluster.until(() => tries() === 1);
    for (const [index, pause] of [500, 1000, 2000, 4000].entries()) {
      await cluster.until(() => timers.has(pause));
      await timers.pass(pause - 1);
      expect(tries()).toBe(index + 1);
      await timers.pass(1);
      await cluster.until(() => tries() === index + 2);
    }
  });

  it('are not looked at when no container mounts them', async () => {
    await using cluster = await RunningCluster.start({}, false);
    cluster.applyPod('idle', { spec: { volumes: [{ name: 'words', configMap: { name: 'nobody' } }] } });
    await cluster.ready('idle');
    expect(cluster.messages('FailedMount')).toEqual([]);
  });

  it('change with their sources while a container runs, except for what is mounted by subPath', async () => {
    await using cluster = await RunningCluster.start({}, false);
    cluster.apply(configMap('words', { greeting: 'one' }));
    const volumes = [
      { name: 'words', configMap: { name: 'words' } },
      { name: 'me', downwardAPI: { items: [{ path: 'color', fieldRef: { fieldPath: "metadata.labels['color']" } }] } },
      { name: 'room', emptyDir: {} },
    ];
    const volumeMounts = [
      { name: 'words', mountPath: '/words' },
      { name: 'words', mountPath: '/fixed.txt', subPath: 'greeting' },
      { name: 'words', mountPath: '/nothing', subPath: 'absent' },
      { name: 'me', mountPath: '/me' },
      { name: 'room', mountPath: '/room', subPathExpr: 'of/$(OWNER)' },
    ];
    const script = `${PRINT} require('node:fs').writeFileSync('/room/x', process.env.OWNER); console.log(readdirSync('/nothing').length, show('/room/x'));
      let before = ''; setInterval(() => { const now = [show('/words/greeting'), show('/fixed.txt'), show('/me/color')].join(' '); if (now !== before) console.log(before = now); }, 5);`;
    const env = [{ name: 'OWNER', value: 'ann' }];
    cluster.applyPod('watcher', {
      script,
      labels: { color: 'red' },
      container: { env, volumeMounts },
      spec: { volumes },
    });
    await cluster.until(async () => (await cluster.log('watcher')).includes('one one red'));
    cluster.apply(configMap('words', { greeting: 'two' }));
    await cluster.until(async () => (await cluster.log('watcher')).includes('two one red'));
    const reference = { apiVersion: 'v1', kind: 'Pod', name: 'watcher', namespace: 'default' };
    cluster.store.patch(reference, 'merge', { metadata: { labels: { color: 'blue' } } });
    await cluster.until(async () => (await cluster.log('watcher')).includes('two one blue'));
    expect(await cluster.log('watcher')).toContain('0 ann\n');
    cluster.store.remove({ apiVersion: 'v1', kind: 'ConfigMap', name: 'words', namespace: 'default' });
    await cluster.until(() => cluster.messages('FailedMount').length === 1);
    expect((await cluster.log('watcher')).trimEnd().endsWith('two one blue')).toBe(true);
  });

  it('show what is mounted by subPath as it is when a container is started again', async () => {
    await using cluster = await RunningCluster.start({}, false);
    cluster.apply(configMap('words', { greeting: 'one' }));
    const volumes = [
      { name: 'words', configMap: { name: 'words' } },
      { name: 'room', emptyDir: {} },
    ];
    const volumeMounts = [
      { name: 'words', mountPath: '/fixed.txt', subPath: 'greeting' },
      { name: 'words', mountPath: '/words' },
      { name: 'room', mountPath: '/room' },
    ];
    const script = `${PRINT} require('node:fs').appendFileSync('/room/lives', show('/fixed.txt') + ' '); console.log(show('/room/lives'));
      setInterval(() => show('/words/greeting') === 'two' && show('/fixed.txt') === 'one' && process.exit(1), 5)`;
    cluster.applyPod('again', { script, container: { volumeMounts }, spec: { volumes } });
    await cluster.until(async () => (await cluster.log('again')) === 'one \n');
    cluster.apply(configMap('words', { greeting: 'two' }));
    await cluster.until(async () => (await cluster.log('again')) === 'one two \n');
  });

  it('are refused where a subPath leads out of them', async () => {
    await using cluster = await RunningCluster.start({}, false);
    const volumes = [{ name: 'room', emptyDir: {} }];
    const refused = async (name: string, subPath: string): Promise<unknown> => {
      const volumeMounts = [{ name: 'room', mountPath: '/room', subPath }];
      cluster.applyPod(name, { container: { volumeMounts }, spec: { volumes } });
      await cluster.until(() => JSON.stringify(cluster.container(name)).includes('CreateContainerConfigError'));
      return (cluster.container(name)['state'] as { readonly waiting: { readonly message: string } }).waiting.message;
    };
    const text = 'failed to prepare subPath for volumeMount "room" of container "app": ';
    expect(await refused('up', '../../other')).toBe(`${text}must not contain '..'`);
    expect(await refused('root', '/etc')).toBe(`${text}must be a relative path`);
  });

  it('hold tokens of the service account, which are renewed before they end', async () => {
    const timers = new VirtualTimers();
    const asked: Parameters<PodTokenSource>[0][] = [];
    let refused = false;
    const issued: PodTokenSource = async (request) => {
      if (refused) throw new StatusError('ServiceUnavailable', 'not now');
      asked.push(request);
      return Promise.resolve({ token: `token ${asked.length}`, expiresAt: timers.clock() + 3_600_000 });
    };
    await using cluster = await RunningCluster.start({ serviceAccountToken: issued }, false, { timers });
    timers.settled = async () => cluster.local.settled();
    const serviceAccountToken = { path: 'token', audience: 'api://AzureADTokenExchange', expirationSeconds: 3600 };
    const volumes = [{ name: 'token', projected: { sources: [{ serviceAccountToken }] } }];
    const volumeMounts = [{ name: 'token', mountPath: '/var/run/secrets/azure/wi', readOnly: true }];
    const env = [{ name: 'AZURE_FEDERATED_TOKEN_FILE', value: '/var/run/secrets/azure/wi/token' }];
    const script = `${PRINT} let before; setInterval(() => { const now = show(process.env.AZURE_FEDERATED_TOKEN_FILE); if (now !== before) console.log(before = now); }, 5);`;
    cluster.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'vote' } });
    cluster.applyPod('who', {
      script,
      container: { env, volumeMounts },
      spec: { volumes, serviceAccountName: 'vote' },
    });
    await cluster.until(async () => (await cluster.log('who')) === 'token 1\n');
    expect(asked).toEqual([
      {
        namespace: 'default',
        serviceAccount: 'vote',
        audiences: ['api://AzureADTokenExchange'],
        expirationSeconds: 3600,
        pod: { name: 'who', uid: cluster.pod('who')?.metadata.uid },
      },
    ]);
    await timers.pass(47 * 60_000);
    expect(asked).toHaveLength(1);
    await timers.pass(2 * 60_000);
    await cluster.until(async () => (await cluster.log('who')) === 'token 1\ntoken 2\n');
    // An old token does while there is no new one, and no longer.
    refused = true;
    for (let minute = 0; minute < 55; minute += 1) await timers.pass(60_000);
    expect(cluster.messages('FailedMount')).toEqual([]);
    for (let minute = 0; minute < 10; minute += 1) await timers.pass(60_000);
    await cluster.until(() => cluster.messages('FailedMount').length === 1);
    expect(cluster.messages('FailedMount')).toEqual([
      'MountVolume.SetUp failed for volume "token" : failed to fetch token: not now',
    ]);
    refused = false;
    await timers.pass(10_000);
    await cluster.until(async () => (await cluster.log('who')).endsWith('token 3\n'));
  });

  it('come after the policy of a confidential pod was asked, which judges its mounts as before', async () => {
    await using cluster = await RunningCluster.start();
    cluster.apply(configMap('words', { greeting: 'hello' }));
    const volumes = [{ name: 'words', configMap: { name: 'words' } }];
    const volumeMounts = [{ name: 'words', mountPath: '/words' }];
    cluster.applyPod('guest', {
      annotations: ALLOW_ALL,
      script: `${PRINT} console.log(show('/words/greeting')); stay();`,
      container: { volumeMounts },
      spec: { ...ON_VIRTUAL_NODE, volumes },
    });
    await cluster.until(async () => (await cluster.log('guest')) === 'hello\n');
  });

  it('give nothing to a container whose policy does not admit the mount', async () => {
    await using cluster = await RunningCluster.start();
    cluster.apply(configMap('words', { greeting: 'hello' }));
    const script = `${PRINT} console.log(show('/words/greeting'))`;
    const { facts } = await scriptImage();
    const properties = { image: facts.reference, command: ['/run', script] };
    const config = JSON.stringify({ version: '1.0', scenario: 'vn2', containers: [{ name: 'app', properties }] });
    const [policy] = await generateCce({ kind: 'config', config }, () => Promise.resolve(facts));
    const annotations = { [POLICY_ANNOTATION]: policy?.base64 ?? '' };
    const volumes = [{ name: 'words', configMap: { name: 'words' } }];
    const volumeMounts = [{ name: 'words', mountPath: '/words' }];
    cluster.applyPod('guest', {
      annotations,
      script,
      container: { volumeMounts },
      spec: { ...ON_VIRTUAL_NODE, volumes },
    });
    await cluster.until(() => cluster.messages('PolicyDenied').length > 0);
    expect(cluster.messages('PolicyDenied')[0]).toContain('/words');
    expect(cluster.messages('Started')).toEqual([]);
    // The same without the mount is admitted: it was the mount.
    cluster.applyPod('plain', { annotations, script, spec: ON_VIRTUAL_NODE });
    await cluster.until(() => cluster.messages('Started').length > 0);
  });
});
