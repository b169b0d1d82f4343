import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { DependencyError, toUtf8 } from '@holdfast/base';
import { createMetricsRegistry } from '@holdfast/http';
import { createLogger } from '@holdfast/process';
import { createEvents, mountObjects } from '@holdfast/secrets-store';
import type { MountProvider } from '@holdfast/secrets-store';
import { beforeEach, describe, expect, it } from 'vitest';

import { podFolderName } from '../../../../src/kubernetes/kubelet/pod-folder.ts';
import { installSecretsStore } from '../../../../src/kubernetes/kubelet/volumes/node-secrets-store.ts';
import { RunningCluster } from '../test-local-cluster.ts';
import { VirtualTimers } from '../../virtual-timers.ts';

const CLASS = { apiVersion: 'secrets-store.csi.x-k8s.io/v1', kind: 'SecretProviderClass' } as const;
const OBJECTS = `array:
- |
  objectName: redis-key
  objectType: secret
  objectAlias: REDIS_PWD
- |
  objectName: redis-user
  objectType: secret
`;
const STAY = 'setInterval(() => {}, 1000)';

/** A vault with two secrets that always change together, and can be down. */
class Vault {
  value = 'one';
  down: Error | undefined;
  reads = 0;

  readonly provider: MountProvider = async (request) =>
    mountObjects(request, {
      openVault: async () => Promise.resolve(this.#reader()),
      constructPemChain: true,
      separateFiles: false,
    });

  #reader() {
    const nothing = async (): Promise<never> => Promise.reject(new Error('not asked for'));
    const secret = async (name: string) => {
      this.reads += 1;
      if (this.down !== undefined) throw this.down;
      const id = `https://azure-vote.vault.azure.net/secrets/${name}/${this.value}`;
      return Promise.resolve({ id, value: this.value, contentType: undefined, kid: undefined });
    };
    return { secret, key: nothing, certificate: nothing, versions: nothing };
  }
}

async function start(vault: Vault, timers: VirtualTimers): Promise<RunningCluster> {
  const events = createEvents(createLogger({ name: 'test', level: 'silent' }), createMetricsRegistry('test'));
  const cluster = await RunningCluster.start({ secretsStore: { provider: vault.provider, events } }, false, { timers });
  timers.settled = async () => cluster.local.settled();
  installSecretsStore(cluster.store);
  return cluster;
}

function applyClass(cluster: RunningCluster, parameters: Readonly<Record<string, string>> = {}): void {
  cluster.apply({
    ...CLASS,
    metadata: { name: 'azure-vote' },
    spec: {
      provider: 'azure',
      parameters: { usePodIdentity: 'true', keyvaultName: 'azure-vote', tenantId: 'tenant', objects: OBJECTS, ...parameters },
      secretObjects: [
        { secretName: 'redis', type: 'Opaque', data: [{ objectName: 'REDIS_PWD', key: 'password' }] },
      ],
    },
  }); // prettier-ignore
}

/** A pod that mounts the class, and takes a variable from the Secret that is mirrored from it. */
function applyPod(cluster: RunningCluster, script = `console.log(process.env.REDIS_PWD); ${STAY}`): void {
  const csi = {
    driver: 'secrets-store.csi.k8s.io',
    readOnly: true,
    volumeAttributes: { secretProviderClass: 'azure-vote' },
  };
  const env = [{ name: 'REDIS_PWD', valueFrom: { secretKeyRef: { name: 'redis', key: 'password' } } }];
  const volumeMounts = [{ name: 'secrets', mountPath: '/mnt/secrets-store', readOnly: true }];
  cluster.applyPod('vote', { script, container: { env, volumeMounts }, spec: { volumes: [{ name: 'secrets', csi }] } });
}

function volumeOf(cluster: RunningCluster): string {
  const pod = cluster.pod('vote');
  if (pod === undefined) throw new Error('no pod');
  return join(cluster.folder, 'pods', podFolderName(pod), 'volumes/kubernetes.io~csi/secrets/mount');
}

const password = (cluster: RunningCluster): string | undefined => {
  const data = cluster.cluster.find('Secret', 'redis', 'default')?.data?.['password'];
  return data === undefined ? undefined : Buffer.from(data, 'base64').toString();
};

describe('Key Vault volumes of a pod', () => {
  let vault: Vault;
  let timers: VirtualTimers;
  let cluster: RunningCluster;
  beforeEach(async () => {
    vault = new Vault();
    timers = new VirtualTimers();
    cluster = await start(vault, timers);
    return async () => cluster[Symbol.asyncDispose]();
  });

  it('are filled before its containers start, and the Secret that mirrors them is there for their variables', async () => {
    applyClass(cluster);
    expect(cluster.cluster.find('Secret', 'redis', 'default')).toBeUndefined();
    expect(vault.reads).toBe(0);
    const script = `const show = (name) => require('node:fs').readFileSync('/mnt/secrets-store/' + name, 'utf8');
      console.log(process.env.REDIS_PWD, show('REDIS_PWD'), show('redis-user')); ${STAY}`;
    applyPod(cluster, script);
    await cluster.until(async () => (await cluster.log('vote')) === 'one one one\n');
    expect(cluster.messages('Failed')).toEqual([]);
    const name = 'vote-default-azure-vote';
    const status = cluster.store.get({ ...CLASS, kind: 'SecretProviderClassPodStatus', name, namespace: 'default' });
    expect(status?.['status']).toMatchObject({ mounted: true, podName: 'vote', targetPath: volumeOf(cluster) });
    // Secrets of a pod that nobody owns go with its status, and that with the pod.
    cluster.remove('Pod', 'vote', 0);
    await cluster.until(() => cluster.cluster.find('Secret', 'redis', 'default') === undefined);
  });

  it('wait for a class that is not there, and for a variable whose Secret no class mirrors', async () => {
    applyPod(cluster);
    await cluster.until(() => cluster.messages('FailedMount').length > 0);
    expect(cluster.messages('FailedMount')).toEqual([
      'MountVolume.SetUp failed for volume "secrets" : rpc error: code = Unknown desc = failed to get secretproviderclass default/azure-vote, error: SecretProviderClass "azure-vote" not found',
    ]);
    applyClass(cluster, { objects: 'array: []' });
    await cluster.until(() => cluster.messages('FailedMount').some((text) => text.includes('missing object versions')));
    applyClass(cluster);
    await cluster.ready('vote');
  });

  it.each([
    ['alias', '- "{objectName: redis-key, objectType: secret, objectAlias: ../../escape}"', "must not contain '..'"],
    [
      'absolute',
      '- "{objectName: redis-key, objectType: secret, objectAlias: /etc/cron.d/x}"',
      'must be a relative path',
    ],
    ['tagged', '- "!!js/function function () { return 1 }"', 'unmarshal'],
    ['no list', '{}', 'missing object versions'],
  ])(
    'refuse hostile objects (%s) with the reason in the event, and ask the vault for nothing',
    async (_, item, text) => {
      applyClass(cluster, { objects: item === '{}' ? item : `array:\n${item}\n` });
      applyPod(cluster);
      await cluster.until(() => cluster.messages('FailedMount').length > 0);
      expect(cluster.messages('FailedMount')[0]).toContain(text);
      expect(vault.reads).toBe(0);
      expect(cluster.pod('vote')?.status?.phase).toBe('Pending');
    },
  );

  it('follow the vault within the interval of rotation, and a reader never sees files of two moments', async () => {
    applyClass(cluster);
    const script = `const fs = require('node:fs'); let before = '';
      const look = () => { const folder = fs.realpathSync('/mnt/secrets-store/..data');
        let now; try { now = ['REDIS_PWD', 'redis-user'].map((name) => fs.readFileSync(folder + '/' + name, 'utf8')); } catch (e) { if (e.code !== 'ENOENT') throw e; }
        if (now && now[0] !== now[1]) console.log('HALF', now); if (now && now[0] !== before) console.log(before = now[0]); setImmediate(look); }; look();`;
    applyPod(cluster, script);
    await cluster.until(async () => (await cluster.log('vote')) === 'one\n');
    vault.value = 'two';
    await timers.pass(110_000);
    expect(readFileSync(join(volumeOf(cluster), 'REDIS_PWD'), 'utf8')).toBe('one');
    await timers.pass(15_000);
    await cluster.until(() => password(cluster) === 'two');
    await cluster.until(async () => (await cluster.log('vote')) === 'one\ntwo\n');
    for (let round = 3; round < 9; round += 1) {
      vault.value = `round ${round}`;
      await timers.pass(125_000);
      await cluster.until(async () => (await cluster.log('vote')).includes(vault.value));
    }
    expect(await cluster.log('vote')).not.toContain('HALF');
  });

  it('keep the last good files while the vault is down, and the status of the pod says so', async () => {
    applyClass(cluster);
    applyPod(cluster);
    await cluster.ready('vote');
    vault.down = new DependencyError('VAULT_UNREACHABLE', 'status 503: busy', { retryable: true });
    vault.value = 'two';
    const annotation = (): string | undefined =>
      cluster.store.get({ ...CLASS, kind: 'SecretProviderClassPodStatus', name: 'vote-default-azure-vote', namespace: 'default' })
        ?.metadata.annotations?.['secrets-store.holdfast.dev/last-failure']; // prettier-ignore
    for (let round = 0; round < 3; round += 1) await timers.pass(121_000);
    await cluster.until(() => annotation()?.includes('status 503: busy') === true);
    expect(toUtf8(readFileSync(join(volumeOf(cluster), 'REDIS_PWD'), 'utf8'))).toEqual(toUtf8('one'));
    expect(password(cluster)).toBe('one');
    expect(cluster.messages('MountRotationFailed')).toHaveLength(1);
    vault.down = undefined;
    await timers.pass(121_000);
    await cluster.until(() => password(cluster) === 'two' && annotation() === undefined);
  });
});
