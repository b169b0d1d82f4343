import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createMetricsRegistry } from '@holdfast/http';
import { createLogger } from '@holdfast/process';

import { createSecretsStore } from '../../src/context.ts';
import type { StandaloneOptions } from '../../src/context.ts';
import type { PodObject } from '../../src/driver/objects.ts';
import type { SecretsStore } from '../../src/driver/secrets-store.ts';
import { createEvents } from '../../src/events.ts';
import type { Events } from '../../src/events.ts';
import { mountObjects } from '../../src/provider/provider.ts';
import { fakeVault, secretOf } from '../provider/fake-vault.ts';
import type { FakeVault } from '../provider/fake-vault.ts';
import { fakeCluster } from './fake-cluster.ts';
import type { FakeCluster } from './fake-cluster.ts';

export const NODE = 'node-1';
export const INTERVAL_MS = 120_000;

export const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'azure-vote-1',
    namespace: 'default',
    uid: 'pod-uid',
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'azure-vote', uid: 'rs-uid' }],
  },
  spec: {
    nodeName: NODE,
    serviceAccountName: 'vote',
    containers: [{ name: 'app', volumeMounts: [{ name: 'secrets', mountPath: '/mnt/secrets' }] }],
    volumes: [
      {
        name: 'secrets',
        csi: {
          driver: 'secrets-store.csi.k8s.io',
          readOnly: true,
          volumeAttributes: { secretProviderClass: 'azure-vote' },
        },
      },
    ],
  },
} as const satisfies PodObject;

export const CLASS = {
  apiVersion: 'secrets-store.csi.x-k8s.io/v1',
  kind: 'SecretProviderClass',
  metadata: { name: 'azure-vote', namespace: 'default' },
  spec: {
    provider: 'azure',
    parameters: {
      usePodIdentity: 'true',
      keyvaultName: 'azure-vote',
      tenantId: 'tenant',
      objects: 'array:\n- |\n  objectName: redis-key\n  objectType: secret\n  objectAlias: REDIS_PWD\n',
    },
    secretObjects: [{ secretName: 'redis', type: 'Opaque', data: [{ objectName: 'REDIS_PWD', key: 'password' }] }],
  },
} as const;

export interface Fixture {
  readonly folder: string;
  readonly cluster: FakeCluster;
  readonly vault: FakeVault;
  readonly store: SecretsStore;
  readonly events: Events;
  /** Milliseconds since the epoch; tests move it. */
  now: number;
  close(): Promise<void>;
}

/** A node with one class and a vault with its secret. */
export async function openFixture(changes: Partial<StandaloneOptions> = {}): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  const cluster = fakeCluster();
  const vault = fakeVault();
  const events = createEvents(createLogger({ name: 'test', level: 'silent' }), createMetricsRegistry('test'));
  cluster.put(CLASS);
  cluster.put(POD);
  vault.secrets.set('redis-key', secretOf('redis-key', 'first'));
  const fixture: Fixture = {
    folder,
    cluster,
    vault,
    events,
    now: 1_700_000_000_000,
    store: createSecretsStore({
      cluster,
      provider: async (request) =>
        mountObjects(request, {
          openVault: async () => Promise.resolve(vault),
          constructPemChain: true,
          separateFiles: false,
        }),
      nodeName: NODE,
      targetPath: { folder },
      issueToken: undefined,
      rotationMs: () => INTERVAL_MS,
      mountTimeoutMs: 10_000,
      compatible: false,
      events,
      clock: () => fixture.now,
      ...changes,
    }),
    close: async () => rm(folder, { recursive: true, force: true }),
  };
  return fixture;
}
