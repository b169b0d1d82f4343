import { resolve } from 'node:path';

import { RequestError } from '@holdfast/base';
import type { KubernetesPort } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';

/** Opens the cluster of peer pods; tests give their own. */
export type OpenPeerPodCluster = (io: CliIo, kubeconfig: string | undefined) => Promise<KubernetesPort>;

/**
 * The cluster of a kubeconfig file: the one that is named, else that of `KUBECONFIG`, else the one this pod runs in. The file in
 * the home folder is left alone: its current context may be any cluster.
 * @throws RequestError PEER_PODS_CLUSTER_UNNAMED
 * @throws ConfigError CLUSTER_UNKNOWN
 */
export const openPeerPodCluster: OpenPeerPodCluster = async (io, kubeconfig) => {
  const file = kubeconfig ?? (io.env['KUBECONFIG'] === '' ? undefined : io.env['KUBECONFIG']);
  if (file === undefined && io.env['KUBERNETES_SERVICE_HOST'] === undefined) {
    throw new RequestError('PEER_PODS_CLUSTER_UNNAMED', 'no cluster is named', {
      action: 'Give --kubeconfig, or set KUBECONFIG.',
    });
  }
  const { openCluster } = await import('@holdfast/kubernetes');
  return await openCluster(file === undefined ? undefined : resolve(io.cwd, file), io.env);
};
