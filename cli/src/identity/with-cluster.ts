import type { JsonObject, KubernetesPort } from '@holdfast/deployment';

import type { ClusterFlags } from '../commands/identity.ts';
import type { CliIo } from '../context.ts';
import type { Target } from '../deployment/connect-azure.ts';
import { CLUSTER_API, openApiServer, readCluster } from './open-cluster.ts';
import type { ConnectCloud, ManagedCluster } from './open-cluster.ts';
import { withProfile } from './pod-identity-profile.ts';

/** A cluster as Azure has it, with the ways to change it. */
export interface OpenedCluster {
  readonly target: Pick<Target, 'arm'>;
  readonly cluster: ManagedCluster;
  /** Writes members of its pod identity profile; answers the cluster as it then is. */
  readonly writeProfile: (change: JsonObject) => Promise<JsonObject>;
  readonly openApi: () => Promise<KubernetesPort>;
}

/**
 * Connects to a cloud, reads a cluster, works on it, and closes the connection however that ends.
 * @throws RequestError AKS_CLUSTER_ABSENT, and what connecting and the work throw
 */
export async function withCluster(
  io: CliIo,
  flags: ClusterFlags,
  connect: ConnectCloud,
  work: (opened: OpenedCluster) => Promise<void>,
): Promise<void> {
  const target = await connect(io, flags);
  try {
    await work(await openCluster(io, flags, target));
  } finally {
    await target.close();
  }
}

/** A cluster over a connection that is there already. */
export async function openCluster(
  io: Pick<CliIo, 'cwd'>,
  flags: Pick<ClusterFlags, 'clusterName' | 'resourceGroup' | 'kubeconfig'>,
  target: Pick<Target, 'arm' | 'subscriptionId' | 'openCluster'>,
): Promise<OpenedCluster> {
  const cluster = await readCluster(target, flags);
  return {
    target,
    cluster,
    writeProfile: async (change) => target.arm.write(cluster.id, CLUSTER_API, withProfile(cluster.body, change)),
    openApi: async () => openApiServer(io, target, cluster, flags.kubeconfig),
  };
}
