import { RequestError } from '@holdfast/base';
import { gatherPeerPodCluster } from '@holdfast/deployment';
import type { DeploymentConfig, Facts } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';
import { openPeerPodCluster } from './open-cluster.ts';
import type { OpenPeerPodCluster } from './open-cluster.ts';

const DEADLINE_MS = 20_000;

/**
 * What the cluster of peer pods says; undefined when no kubeconfig names it.
 * @throws RequestError PEER_PODS_NOT_CONFIGURED for a deployment whose cluster Azure knows
 */
export async function gatherClusterFacts(
  io: CliIo,
  config: DeploymentConfig,
  kubeconfig: string | undefined,
  open: OpenPeerPodCluster = openPeerPodCluster,
): Promise<Facts['peerPodCluster']> {
  if (kubeconfig === undefined) return undefined;
  if (config.profile !== 'peer-pods') {
    throw new RequestError('PEER_PODS_NOT_CONFIGURED', `--kubeconfig is for peer-pods, and this is ${config.profile}`, {
      action: 'Leave it out: Azure gives the credentials of this cluster.',
    });
  }
  return await gatherPeerPodCluster(config, await open(io, kubeconfig), AbortSignal.timeout(DEADLINE_MS));
}
