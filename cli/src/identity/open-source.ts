import { resolve } from 'node:path';

import type { FederatedCredential } from '@holdfast/admission';
import { RequestError } from '@holdfast/base';

import type { IdentityDetectFlags } from '../commands/identity.ts';
import type { CliIo } from '../context.ts';
import { readFiles, readNamespace } from './detect-sources.ts';
import type { DetectedObjects } from './detect-sources.ts';
import { writeFederatedCredential } from './federate.ts';
import { openApiServer, readCluster, readKubeconfig } from './open-cluster.ts';
import type { ConnectCloud } from './open-cluster.ts';
import { objectIn, textIn } from './pod-identity-profile.ts';

/** Where pod identity is looked for: manifests, or a cluster. */
export interface DetectSource {
  readonly found: DetectedObjects;
  /** Of the cluster's service account tokens, when it is known. */
  readonly issuer: string | undefined;
  /** Makes a credential in Azure. */
  readonly federate: (credential: FederatedCredential) => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * Reads what flags and files name.
 * @throws RequestError DETECT_SOURCE when they contradict each other, and what reading throws
 */
export async function openSource(
  io: CliIo,
  flags: IdentityDetectFlags,
  files: readonly string[],
  connect: ConnectCloud,
): Promise<DetectSource> {
  const { clusterName, kubeconfig } = flags;
  const isCluster = clusterName !== undefined || kubeconfig !== undefined;
  if (isCluster === files.length > 0) {
    throw contradiction(
      isCluster ? 'both files and a cluster are named' : 'neither files nor a cluster are named',
      'Name manifests, or a cluster with --cluster-name or --kubeconfig.',
    );
  }
  if (clusterName !== undefined) return await openAzureCluster(io, { ...flags, clusterName }, connect);
  if (flags.federate) {
    throw contradiction('credentials are made in Azure, which is not asked', 'Name the cluster with --cluster-name.');
  }
  const alone = { issuer: flags.issuer, federate: async () => undefined, close: async () => undefined };
  if (!isCluster) return { ...alone, found: await readFiles(io, files, flags.namespace) };
  const { openKubernetes } = await import('@holdfast/kubernetes');
  const api = await openKubernetes(await readKubeconfig(resolve(io.cwd, kubeconfig ?? '')));
  return { ...alone, found: await readNamespace(api, flags.namespace ?? 'default') };
}

async function openAzureCluster(
  io: CliIo,
  flags: IdentityDetectFlags & { readonly clusterName: string },
  connect: ConnectCloud,
): Promise<DetectSource> {
  const { clusterName, resourceGroup, kubeconfig } = flags;
  if (resourceGroup === undefined) {
    throw contradiction('the resource group of the cluster is not named', 'Give --resource-group.');
  }
  const target = await connect(io, flags);
  try {
    const cluster = await readCluster(target, { clusterName, resourceGroup });
    const own = textIn(objectIn(cluster.body, 'properties', 'oidcIssuerProfile'), 'issuerURL');
    const issuer = flags.issuer ?? (own === '' ? undefined : own);
    if (flags.federate && issuer === undefined) {
      throw contradiction(
        'the cluster has no issuer that a credential could trust',
        'Turn it on: az aks update --enable-oidc-issuer --enable-workload-identity.',
      );
    }
    const api = await openApiServer(io, target, cluster, kubeconfig);
    return {
      found: await readNamespace(api, flags.namespace ?? 'default'),
      issuer,
      federate: async (credential) => writeFederatedCredential(target.arm, credential),
      close: async () => await target.close(),
    };
  } catch (error) {
    await target.close();
    throw error;
  }
}

function contradiction(problem: string, action: string): RequestError {
  return new RequestError('DETECT_SOURCE', problem, { action });
}
