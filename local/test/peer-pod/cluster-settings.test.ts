import {
  gatherPeerPodCluster,
  offerPodVms,
  OWNER_ANNOTATION,
  peerPodsSets,
  POD_VM_RESOURCE,
  readConfig,
  withdrawPodVmOffer,
} from '@holdfast/deployment';
import type { DeploymentConfig, KubernetesObject, KubernetesPort } from '@holdfast/deployment';
import { openKubernetes } from '@holdfast/kubernetes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startClusterServer } from '../kubernetes/api/cluster-server.ts';
import type { ClusterServer } from '../kubernetes/api/cluster-server.ts';

const CONFIG = `profile: peer-pods
subscriptionId: 00000000-0000-0000-0000-000000000001
tenantId: 00000000-0000-0000-0000-000000000002
podVms:
  imageId: /CommunityGalleries/cococommunity/Images/peerpod/Versions/1.2.3
  clientId: 11111111-1111-1111-1111-111111111111
`;

type PeerPodsConfig = Extract<DeploymentConfig, { readonly profile: 'peer-pods' }>;
const config = readConfig(CONFIG).config as PeerPodsConfig;
const resolved = { subscriptionId: config.subscriptionId ?? '', tenantId: config.tenantId ?? '' };

let server: ClusterServer;
let cluster: KubernetesPort;

beforeEach(async () => {
  server = await startClusterServer();
  cluster = await openKubernetes(server.kubeconfig, { retryDelayMs: 1 });
  await cluster.create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'worker-0', labels: { 'node-role.kubernetes.io/kata-oc': '' } },
    // What the kubelet writes; an adaptor adds to it.
    status: { capacity: { cpu: '8' }, allocatable: { cpu: '7500m', memory: '30Gi' } },
  });
});
afterEach(async () => server.stop());

function node(): Promise<KubernetesObject | undefined> {
  return cluster.read({ apiVersion: 'v1', kind: 'Node', name: 'worker-0' });
}

async function capacity(): Promise<unknown> {
  return ((await node())?.['status'] as { readonly capacity?: Readonly<Record<string, unknown>> } | undefined)
    ?.capacity?.[POD_VM_RESOURCE];
}

describe('machines that a node offers', () => {
  const offer = { node: 'worker-0', owner: 'pod-uid-1' };

  it('are written into its status with the owner in the annotation, and changed by another limit', async () => {
    expect(await offerPodVms(cluster, { ...offer, limit: 10, takeOver: false })).toEqual({
      node: 'worker-0',
      owner: 'pod-uid-1',
      capacity: '10',
      changed: true,
    });
    expect((await node())?.metadata.annotations).toMatchObject({ [OWNER_ANNOTATION]: 'pod-uid-1' });
    await offerPodVms(cluster, { ...offer, limit: 3, takeOver: false });
    expect(await capacity()).toBe('3');
  });

  it('are withdrawn by their owner, twice without harm, and never by another', async () => {
    await offerPodVms(cluster, { ...offer, limit: 10, takeOver: false });
    expect(await withdrawPodVmOffer(cluster, { ...offer, owner: 'pod-uid-2' })).toMatchObject({ changed: false });
    expect(await capacity()).toBe('10');
    expect(await withdrawPodVmOffer(cluster, offer)).toMatchObject({ changed: true, capacity: undefined });
    expect(await withdrawPodVmOffer(cluster, offer)).toMatchObject({ changed: false });
    expect(await capacity()).toBeUndefined();
  });

  it('stay when a new owner comes between reading and removing', async () => {
    await offerPodVms(cluster, { ...offer, limit: 10, takeOver: false });
    const raced: KubernetesPort = Object.assign(Object.create(cluster) as KubernetesPort, {
      read: async (...args: Parameters<KubernetesPort['read']>) => {
        const before = await cluster.read(...args);
        await offerPodVms(cluster, { ...offer, owner: 'pod-uid-2', limit: 8, takeOver: true });
        return before;
      },
    });
    await expect(withdrawPodVmOffer(raced, offer)).rejects.toThrow(/./);
    expect(await capacity()).toBe('8');
  });

  it('are taken over only when somebody says so', async () => {
    await offerPodVms(cluster, { ...offer, limit: 10, takeOver: false });
    const other = { ...offer, owner: 'pod-uid-2', limit: 5 };
    await expect(offerPodVms(cluster, { ...other, takeOver: false })).rejects.toMatchObject({
      code: 'PEER_PODS_NODE_OWNED',
      details: { owner: 'pod-uid-1' },
    });
    expect(await capacity()).toBe('10');
    expect(await offerPodVms(cluster, { ...other, takeOver: true })).toMatchObject({
      owner: 'pod-uid-2',
      capacity: '5',
    });
  });

  it('are none with a negative limit, and of no node that does not exist', async () => {
    expect(await offerPodVms(cluster, { ...offer, limit: -1, takeOver: false })).toMatchObject({ changed: false });
    expect((await node())?.metadata.annotations ?? {}).not.toHaveProperty([OWNER_ANNOTATION]);
    await expect(offerPodVms(cluster, { ...offer, node: 'x', limit: 1, takeOver: false })).rejects.toMatchObject({
      code: 'PEER_PODS_NODE_ABSENT',
    });
  });
});

describe('settings of peer pods', () => {
  it('are applied as they are exported, and again without a change', async () => {
    await cluster.create({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'openshift-sandboxed-containers-operator' },
    });
    const versions = async (): Promise<readonly unknown[]> => {
      const found: unknown[] = [];
      for (const { objects, fieldManager } of peerPodsSets(config, resolved)) {
        for (const object of objects) {
          const applied = await cluster.apply(object, { fieldManager });
          found.push((applied.metadata as { readonly resourceVersion?: string }).resourceVersion);
        }
      }
      return found;
    };
    const first = await versions();
    expect(first).toHaveLength(2);
    expect(await versions()).toEqual(first);
    const settings = await cluster.read({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'peer-pods-cm',
      namespace: 'openshift-sandboxed-containers-operator',
    });
    expect(settings?.['data']).toMatchObject({ PEERPODS_LIMIT_PER_NODE: '10', VXLAN_PORT: '9000' });
  });
});

describe('gatherPeerPodCluster', () => {
  it('finds workers, runtime class, peer pods and brokers in a cluster that is no OpenShift', async () => {
    await cluster.create({
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'kata-remote' },
      handler: 'kata-remote',
      overhead: { podFixed: { cpu: '250m', memory: '120Mi' } },
    });
    await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'red' } });
    for (const [name, namespace, image, runtimeClassName] of [
      ['app', 'red', 'example/app:1', 'kata-remote'],
      ['kbs-0', 'default', 'ghcr.io/confidential-containers/staged-images/kbs-grpc-as:v0.13', undefined],
    ] as const) {
      await cluster.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace },
        spec: { containers: [{ name: 'c', image }], ...(runtimeClassName === undefined ? {} : { runtimeClassName }) },
      });
    }
    await offerPodVms(cluster, { node: 'worker-0', owner: 'o', limit: 4, takeOver: false });
    const facts = await gatherPeerPodCluster(config, cluster, new AbortController().signal);
    expect(facts).toMatchObject({
      openShift: undefined,
      kubernetes: 'v1.32.4',
      runtimeClass: { handler: 'kata-remote', cpuCores: 0.25, memoryBytes: 120 * 2 ** 20 },
      workers: [{ name: 'worker-0', cpuCores: 7.5, memoryBytes: 30 * 2 ** 30, offered: 4 }],
      namespaces: ['red'],
      // This API server has no such kind.
      namespacePolicy: false,
      keyBrokers: ['default/kbs-0'],
    });
  });

  it('takes for workers the nodes that the runtime class selects', async () => {
    await cluster.create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'selected', labels: { 'example/peer-pods': 'yes' } },
    });
    await cluster.create({
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'kata-remote' },
      handler: 'kata-remote',
      scheduling: { nodeSelector: { 'example/peer-pods': 'yes' } },
    });
    const { workers } = await gatherPeerPodCluster(config, cluster, new AbortController().signal);
    expect(workers.map(({ name }) => name)).toEqual(['selected']);
  });

  it('reads the version of an OpenShift and the newer ones', async () => {
    await cluster.create({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'clusterversions.config.openshift.io' },
      spec: {
        group: 'config.openshift.io',
        scope: 'Cluster',
        names: { kind: 'ClusterVersion', plural: 'clusterversions', singular: 'clusterversion' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    });
    await cluster.create({
      apiVersion: 'config.openshift.io/v1',
      kind: 'ClusterVersion',
      metadata: { name: 'version' },
      status: { desired: { version: '4.18.1' }, availableUpdates: [{ version: '4.18.9' }] },
    });
    const { openShift } = await gatherPeerPodCluster(config, cluster, new AbortController().signal);
    expect(openShift).toEqual({ version: '4.18.1', updates: ['4.18.9'] });
  });
});
