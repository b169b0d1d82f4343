import { DependencyError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { gatherPeerPodCluster, peerPodsSets } from '../../../src/index.ts';
import type { KubernetesObject, KubernetesPort } from '../../../src/index.ts';
import { configOf, resolved } from '../../configs.ts';
import { podVms } from '../cases/peer-pods.ts';

const config = configOf('peer-pods', podVms());

/** A cluster that lists what it is given and refuses kinds in `refused`. */
function clusterOf(
  lists: Readonly<Record<string, readonly KubernetesObject[]>>,
  refused: Readonly<Record<string, number>> = {},
): KubernetesPort {
  const answer = async <T>(kind: string, value: T): Promise<T> => {
    const status = refused[kind];
    if (status === undefined) return value;
    throw new DependencyError('KUBERNETES_REFUSED', `no ${kind}`, {
      retryable: false,
      details: { reason: 'X', status },
    });
  };
  return {
    version: async () => 'v1.32.6',
    read: async ({ kind }: { readonly kind: string }) => await answer(kind, undefined),
    list: async (_version: string, kind: string) => await answer(kind, lists[kind] ?? []),
  } as unknown as KubernetesPort;
}

describe('gatherPeerPodCluster', () => {
  const signal = new AbortController().signal;

  it('sees the policy that the deployment applies, and no other', async () => {
    const [, set] = peerPodsSets(config, resolved);
    const [policy] = set?.objects ?? [];
    const policies = policy === undefined ? [] : [policy];
    const found = await gatherPeerPodCluster(config, clusterOf({ ValidatingAdmissionPolicy: policies }), signal);
    expect(found.namespacePolicy).toBe(true);
    const other = JSON.parse(JSON.stringify(policies).replaceAll('kata-remote', 'gvisor')) as KubernetesObject[];
    const without = await gatherPeerPodCluster(config, clusterOf({ ValidatingAdmissionPolicy: other }), signal);
    expect(without.namespacePolicy).toBe(false);
  });

  it('takes kinds that the cluster does not have for absent, and a refusal for a failure', async () => {
    const kinds = { ClusterVersion: 404, RuntimeClass: 404, ValidatingAdmissionPolicy: 404 };
    expect(await gatherPeerPodCluster(config, clusterOf({}, kinds), signal)).toMatchObject({
      openShift: undefined,
      runtimeClass: undefined,
      workers: [],
      namespacePolicy: false,
    });
    await expect(gatherPeerPodCluster(config, clusterOf({}, { ClusterVersion: 403 }), signal)).rejects.toThrow(
      'no ClusterVersion',
    );
  });
});
