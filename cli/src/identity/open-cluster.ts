import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { DependencyError, errorMessage, fromBase64, fromUtf8, RequestError } from '@holdfast/base';
import type { ArmPort, JsonObject, KubernetesPort } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';
import type { Target } from '../deployment/connect-azure.ts';
import { homeFolder } from '../home-folder.ts';

/** The version of Azure's interface that clusters are read and written with. */
export const CLUSTER_API = '2025-05-01';

export interface CloudChoice {
  readonly subscription?: string;
  readonly target?: 'azure' | 'local';
  readonly home?: string;
}

/** Opens the way to a cloud; tests give their own. */
export type ConnectCloud = (io: CliIo, choice: CloudChoice) => Promise<Target>;

/** The real cloud with the credential at hand, or the local one. The SDKs are loaded when they are needed. */
export const connectCloud: ConnectCloud = async (io, { subscription, target, home }) => {
  if (target === 'local') {
    const { connectLocal } = await import('../deployment/local-target.ts');
    return await connectLocal(homeFolder(io, home));
  }
  const subscriptionId = subscription ?? io.env['AZURE_SUBSCRIPTION_ID'];
  if (subscriptionId === undefined || subscriptionId === '') {
    throw new RequestError('SUBSCRIPTION_UNKNOWN', 'no subscription is named', {
      action: 'Give --subscription, or set AZURE_SUBSCRIPTION_ID.',
    });
  }
  const { connectAzure } = await import('../deployment/connect-azure.ts');
  return connectAzure(io, { subscriptionId });
};

/** An AKS cluster as Azure has it. */
export interface ManagedCluster {
  readonly id: string;
  readonly name: string;
  readonly body: JsonObject;
}

/**
 * Reads a cluster.
 * @throws RequestError AKS_CLUSTER_ABSENT
 */
export async function readCluster(
  { arm, subscriptionId }: Pick<Target, 'arm' | 'subscriptionId'>,
  flags: { readonly clusterName: string; readonly resourceGroup: string },
): Promise<ManagedCluster> {
  const { clusterName: name, resourceGroup: group } = flags;
  const id = `/subscriptions/${subscriptionId}/resourceGroups/${group}/providers/Microsoft.ContainerService/managedClusters/${name}`;
  const body = await arm.read(id, CLUSTER_API);
  if (body === undefined) {
    throw new RequestError('AKS_CLUSTER_ABSENT', `there is no cluster ${name} in the resource group ${group}`, {
      action: 'Check --cluster-name, --resource-group and --subscription.',
    });
  }
  return { id, name, body };
}

/**
 * Opens the API server of a cluster: with a kubeconfig file, or with credentials that Azure gives and that stay in memory.
 * @throws DependencyError CLUSTER_CREDENTIALS_MISSING
 * @throws RequestError INPUT_UNREADABLE
 */
export async function openApiServer(
  io: Pick<CliIo, 'cwd'>,
  target: Pick<Target, 'openCluster'> & { readonly arm: Pick<ArmPort, 'post'> },
  cluster: Pick<ManagedCluster, 'id'> | undefined,
  kubeconfig: string | undefined,
): Promise<KubernetesPort> {
  if (kubeconfig !== undefined) return await target.openCluster(await readKubeconfig(resolve(io.cwd, kubeconfig)));
  const answer = await target.arm.post(`${cluster?.id ?? ''}/listClusterUserCredential`, CLUSTER_API);
  const { kubeconfigs } = (answer ?? {}) as { readonly kubeconfigs?: readonly { readonly value?: string }[] };
  const encoded = kubeconfigs?.[0]?.value;
  if (encoded === undefined) {
    throw new DependencyError('CLUSTER_CREDENTIALS_MISSING', 'Azure gives no credentials for the cluster', {
      retryable: true,
      action: 'Check that you have the role Azure Kubernetes Service Cluster User.',
    });
  }
  return await target.openCluster(fromUtf8(fromBase64(encoded)));
}

export async function readKubeconfig(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new RequestError('INPUT_UNREADABLE', `${file} cannot be read: ${errorMessage(cause)}`, {
      cause,
      action: 'Name a kubeconfig with --kubeconfig.',
    });
  }
}
