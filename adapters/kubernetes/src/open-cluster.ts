import { readFile } from 'node:fs/promises';

import { ConfigError, errorMessage } from '@holdfast/base';
import type { KubernetesPort } from '@holdfast/deployment';
import { stringify } from 'yaml';

import { openKubernetes } from './open-kubernetes.ts';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The cluster of a kubeconfig file, or the one this pod runs in.
 * @throws ConfigError CLUSTER_UNKNOWN
 */
export async function openCluster(
  kubeconfigFile: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<KubernetesPort> {
  if (kubeconfigFile === undefined) return openKubernetes(inClusterConfig(env));
  try {
    return await openKubernetes(await readFile(kubeconfigFile, 'utf8'));
  } catch (cause) {
    throw new ConfigError('CLUSTER_UNKNOWN', [`kubeconfig_file: ${errorMessage(cause)}`], { cause });
  }
}

/** The service account's files as a kubeconfig; the token is read from its file again when it is renewed. */
function inClusterConfig(env: Readonly<Record<string, string | undefined>>): string {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host === undefined || port === undefined) {
    throw new ConfigError('CLUSTER_UNKNOWN', ['kubeconfig_file: missing, and this is no pod of a cluster'], {
      action: 'Set kubeconfig_file, or run the service in a pod.',
    });
  }
  const name = 'in-cluster';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
          'certificate-authority': `${ACCOUNT}/ca.crt`,
        },
      },
    ],
    users: [{ name, user: { tokenFile: `${ACCOUNT}/token` } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}
