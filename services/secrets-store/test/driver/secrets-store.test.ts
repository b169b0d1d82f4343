import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { DependencyError } from '@holdfast/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FAILURE_ANNOTATION } from '../../src/driver/pod-status.ts';
import { secretOf } from '../provider/fake-vault.ts';
import { CLASS, INTERVAL_MS, openFixture, POD } from './fixture.ts';
import type { Fixture } from './fixture.ts';

const STATUS = 'azure-vote-1-default-azure-vote';
const DOWN = new DependencyError('VAULT_UNREACHABLE', 'status 503: busy', { retryable: true });

function dataOf(fixture: Fixture, name: string): Record<string, string> {
  const secret = fixture.cluster.get('Secret', name) as unknown as { data: Record<string, string> } | undefined;
  return Object.fromEntries(
    Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}

describe('SecretsStore', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await openFixture();
  });
  afterEach(async () => fixture.close());

  const fileOf = async () =>
    readFile(join(fixture.folder, 'pod-uid/volumes/kubernetes.io~csi/secrets/mount/REDIS_PWD'), 'utf8');

  it('mounts the volume of a pod, writes its status and mirrors the Secret for the owners of the pod', async () => {
    const folders = await fixture.store.mountFor(POD);
    expect([...folders.keys()]).toEqual(['secrets']);
    await expect(fileOf()).resolves.toBe('first');
    expect(fixture.cluster.get('SecretProviderClassPodStatus', STATUS)).toMatchObject({
      metadata: {
        labels: { 'internal.secrets-store.csi.k8s.io/node-name': 'node-1' },
        ownerReferences: [{ kind: 'Pod', uid: 'pod-uid' }],
      },
      status: {
        podName: 'azure-vote-1',
        secretProviderClassName: 'azure-vote',
        mounted: true,
        targetPath: folders.get('secrets'),
        objects: [{ id: 'secret/redis-key', version: 'v1' }],
      },
    });
    expect(fixture.cluster.get('Secret', 'redis')).toMatchObject({
      type: 'Opaque',
      metadata: {
        labels: { 'secrets-store.csi.k8s.io/managed': 'true' },
        ownerReferences: [{ kind: 'ReplicaSet', uid: 'rs-uid' }],
      },
    });
    expect(dataOf(fixture, 'redis')).toEqual({ password: 'first' });
  });

  it('swaps file, status and Secret within the interval after the vault has a new version', async () => {
    await fixture.store.mountFor(POD);
    fixture.vault.secrets.set('redis-key', secretOf('redis-key', 'second', 'v2'));
    fixture.now += INTERVAL_MS - 1;
    await fixture.store.tick();
    await expect(fileOf()).resolves.toBe('first');
    fixture.now += 1;
    await fixture.store.tick();
    await expect(fileOf()).resolves.toBe('second');
    expect(dataOf(fixture, 'redis')).toEqual({ password: 'second' });
    expect(fixture.cluster.get('SecretProviderClassPodStatus', STATUS)).toMatchObject({
      status: { objects: [{ id: 'secret/redis-key', version: 'v2' }] },
    });
  });

  it('keeps the last good files while the vault is down, says so on pod and status, and recovers', async () => {
    await fixture.store.mountFor(POD);
    fixture.vault.failure = DOWN;
    fixture.now += INTERVAL_MS;
    await fixture.store.tick();
    await expect(fileOf()).resolves.toBe('first');
    const status = () => fixture.cluster.get('SecretProviderClassPodStatus', STATUS)?.metadata.annotations;
    expect(status()?.[FAILURE_ANNOTATION]).toContain(
      'failed to mount secrets store objects for pod default/azure-vote-1',
    );
    expect(fixture.cluster.events()).toMatchObject([{ reason: 'MountRotationFailed' }]);
    fixture.vault.failure = undefined;
    fixture.now += INTERVAL_MS;
    await fixture.store.tick();
    expect(status()).toEqual({});
  });

  it('fails a first mount with an event, leaves no folder behind, and tries a followed pod again with pauses', async () => {
    fixture.vault.failure = DOWN;
    await fixture.store.follow(POD);
    await fixture.store.tick();
    await expect(fileOf()).rejects.toMatchObject({ code: 'ENOENT' });
    expect(fixture.cluster.events()).toMatchObject([
      { reason: 'FailedMount', message: expect.stringContaining('status 503: busy') as string },
    ]);
    expect(fixture.store.mountedPods).toBe(0);
    fixture.vault.failure = undefined;
    await fixture.store.tick();
    expect(fixture.store.mountedPods).toBe(0);
    fixture.now += 500;
    await fixture.store.tick();
    expect(fixture.store.mountedPods).toBe(1);
    await expect(fileOf()).resolves.toBe('first');
  });

  it('takes the files away with the pod', async () => {
    await fixture.store.mountFor(POD);
    await fixture.store.follow({ ...POD, status: { phase: 'Succeeded' } });
    await expect(fileOf()).rejects.toMatchObject({ code: 'ENOENT' });
    expect(fixture.store.mountedPods).toBe(0);
  });

  it('writes nothing for a pod that goes while its volumes are about to be filled anew', async () => {
    const reached = Promise.withResolvers<void>();
    const going = Promise.withResolvers<void>();
    const { cluster } = fixture;
    let hold = false;
    const held = {
      ...cluster,
      read: async (reference: Parameters<typeof cluster.read>[0]) => {
        const found = await cluster.read(reference);
        if (hold && reference.kind === 'Secret') {
          reached.resolve();
          await going.promise;
        }
        return found;
      },
    };
    const slow = await openFixture({ cluster: held });
    const [volume] = POD.spec.volumes;
    const pod = {
      ...POD,
      spec: { ...POD.spec, volumes: [{ ...volume, csi: { ...volume.csi, nodePublishSecretRef: { name: 'key' } } }] },
    };
    cluster.put(pod);
    await slow.store.mountFor(pod);
    hold = true;
    slow.vault.secrets.set('redis-key', secretOf('redis-key', 'second', 'v2'));
    slow.now += INTERVAL_MS;
    const ticking = slow.store.tick();
    await reached.promise;
    await slow.store.unmountFor(pod);
    going.resolve();
    await ticking;
    const left = await readdir(slow.folder, { recursive: true });
    expect(left.filter((name) => name.includes('REDIS_PWD'))).toEqual([]);
    await slow.close();
  });

  it('asks for nothing that no container mounts', async () => {
    const pod = { ...POD, spec: { ...POD.spec, containers: [{ name: 'app' }] } };
    await expect(fixture.store.mountFor(pod)).resolves.toEqual(new Map());
    await expect(fileOf()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says in the words of kubelet which volume failed, to whoever records events', async () => {
    const told: string[] = [];
    const own = await openFixture({
      recordEvent: async (_, { reason, message }) => Promise.resolve(void told.push(`${reason}: ${message}`)),
    });
    own.vault.failure = DOWN;
    await expect(own.store.mountFor(POD)).rejects.toMatchObject({ code: 'MOUNT_FAILED' });
    own.vault.failure = undefined;
    const [volume] = POD.spec.volumes;
    const writable = {
      ...POD,
      spec: { ...POD.spec, volumes: [{ ...volume, csi: { ...volume.csi, readOnly: false } }] },
    };
    await expect(own.store.mountFor(writable)).rejects.toMatchObject({ code: 'MOUNT_REQUEST_INVALID' });
    const prefix = 'FailedMount: MountVolume.SetUp failed for volume "secrets" : rpc error: code =';
    expect(told).toEqual([
      expect.stringContaining(`${prefix} Unknown desc = failed to mount secrets store objects for pod`),
      `${prefix} InvalidArgument desc = Readonly is not true in request`,
    ]);
    await own.close();
  });

  it('makes a mirrored Secret again that somebody deleted', async () => {
    await fixture.store.mountFor(POD);
    fixture.cluster.objects.delete('Secret/redis');
    fixture.now += INTERVAL_MS;
    await fixture.store.tick();
    expect(dataOf(fixture, 'redis')).toEqual({ password: 'first' });
  });

  it('does not touch a Secret that somebody else made, and goes on with the others', async () => {
    const [entry] = CLASS.spec.secretObjects;
    fixture.cluster.put({
      ...CLASS,
      spec: { ...CLASS.spec, secretObjects: [entry, { ...entry, secretName: ' other ' }, { secretName: 'no-type' }] },
    });
    fixture.cluster.put({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'redis', namespace: 'default' },
      data: { theirs: 'eA==' },
    });
    await fixture.store.mountFor(POD);
    expect(dataOf(fixture, 'redis')).toEqual({ theirs: 'x' });
    expect(dataOf(fixture, 'other')).toEqual({ password: 'first' });
    expect(fixture.cluster.events()).toMatchObject([{ reason: 'FailedToCreateSecret' }]);
  });

  it('says which file an entry of secretObjects misses', async () => {
    const entry = { secretName: 'redis', type: 'Opaque', data: [{ objectName: 'redis-key', key: 'k' }] };
    fixture.cluster.put({ ...CLASS, spec: { ...CLASS.spec, secretObjects: [entry] } });
    await fixture.store.mountFor(POD);
    expect(fixture.cluster.events()).toMatchObject([
      {
        reason: 'FailedToCreateSecret',
        message:
          'failed to get data in spc default/azure-vote for secret redis, err: file matching objectName redis-key not found in the pod',
      },
    ]);
  });

  it('does not let the author of a pod speak for kubelet or for the class', async () => {
    const seen: Readonly<Record<string, string>>[] = [];
    await fixture.close();
    fixture = await openFixture({
      provider: async ({ attributes }) => {
        seen.push(attributes);
        return Promise.resolve({ files: [], objectVersions: [{ id: 'secret/x', version: '1' }] });
      },
    });
    const [volume] = POD.spec.volumes;
    const volumeAttributes = {
      ...volume.csi.volumeAttributes,
      keyvaultName: 'evil',
      'csi.storage.k8s.io/pod.name': 'somebody-else',
      'csi.storage.k8s.io/serviceAccount.tokens': '{}',
    };
    await fixture.store.mountFor({
      ...POD,
      spec: { ...POD.spec, volumes: [{ ...volume, csi: { ...volume.csi, volumeAttributes } }] },
    });
    expect(seen).toMatchObject([{ keyvaultName: 'azure-vote', 'csi.storage.k8s.io/pod.name': 'azure-vote-1' }]);
    expect(seen[0]).not.toHaveProperty('csi.storage.k8s.io/serviceAccount.tokens');
  });

  it('gives the provider a token of the pod where the class names a client id', async () => {
    const seen: Readonly<Record<string, string>>[] = [];
    await fixture.close();
    fixture = await openFixture({
      issueToken: async ({ audience, serviceAccount, pod }) =>
        Promise.resolve({ token: `${audience} ${serviceAccount} ${pod.uid}`, expiresAt: 1_800_000_000_000 }),
      provider: async ({ attributes }) => {
        seen.push(attributes);
        return Promise.resolve({ files: [], objectVersions: [{ id: 'secret/x', version: '1' }] });
      },
    });
    fixture.cluster.put({ ...CLASS, spec: { ...CLASS.spec, parameters: { ...CLASS.spec.parameters, clientID: 'c' } } });
    await fixture.store.mountFor(POD);
    expect(JSON.parse(seen[0]?.['csi.storage.k8s.io/serviceAccount.tokens'] ?? '')).toEqual({
      'api://AzureADTokenExchange': {
        token: 'api://AzureADTokenExchange vote pod-uid',
        expirationTimestamp: '2027-01-15T08:00:00.000Z',
      },
    });
  });

  it('reads the credentials of nodePublishSecretRef, and says when they are missing', async () => {
    const { usePodIdentity: _, ...parameters } = CLASS.spec.parameters;
    fixture.cluster.put({ ...CLASS, spec: { ...CLASS.spec, parameters } });
    await expect(fixture.store.mountFor(POD)).rejects.toThrow('nodePublishSecretRef secret is not set');
    const [volume] = POD.spec.volumes;
    const named = {
      ...POD,
      spec: { ...POD.spec, volumes: [{ ...volume, csi: { ...volume.csi, nodePublishSecretRef: { name: 'sp' } } }] },
    };
    await expect(fixture.store.mountFor(named)).rejects.toThrow('could not find clientid in secrets');
    const encode = (text: string) => Buffer.from(text).toString('base64');
    fixture.cluster.put({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'sp', namespace: 'default' },
      data: { clientID: encode('id'), clientsecret: encode('secret') },
    });
    await fixture.store.mountFor(named);
    await expect(fileOf()).resolves.toBe('first');
  });

  it('names a missing class, provider and parameters in the words of the driver', async () => {
    fixture.cluster.put({ ...CLASS, spec: { ...CLASS.spec, provider: 'gcp' } });
    await expect(fixture.store.mountFor(POD)).rejects.toThrow(
      'error connecting to provider "gcp": provider not found: provider "gcp"',
    );
    fixture.cluster.put({ ...CLASS, spec: { provider: 'azure' } });
    await expect(fixture.store.mountFor(POD)).rejects.toThrow('parameters not set in default/azure-vote');
    fixture.cluster.put({ ...CLASS, spec: { parameters: {} } });
    await expect(fixture.store.mountFor(POD)).rejects.toThrow('provider not set in default/azure-vote');
    fixture.cluster.objects.delete('SecretProviderClass/azure-vote');
    await expect(fixture.store.mountFor(POD)).rejects.toThrow('failed to get secretproviderclass default/azure-vote');
  });

  it('keeps files when the vault answers a secret without a value', async () => {
    await fixture.store.mountFor(POD);
    fixture.vault.secrets.set('redis-key', { id: 'https://kv/secrets/redis-key/v2', value: undefined });
    fixture.now += INTERVAL_MS;
    await fixture.store.tick();
    await expect(fileOf()).resolves.toBe('first');
    expect(fixture.cluster.events()[0]?.message).toContain('secret value is nil');
  });
});
