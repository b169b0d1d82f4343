import { peerPodsRegistration, workloadIdentityRegistration } from '@holdfast/admission';
import type { WebhookAddress } from '@holdfast/admission';
import type { KubernetesObject, KubernetesPort } from '@holdfast/deployment';

import type { MutationName, WebhookConfig } from './config.ts';

export const mutationPath = (name: MutationName): string => `/${name}/mutate-v1-pod`;

const registrations: Readonly<Record<MutationName, typeof workloadIdentityRegistration>> = {
  'workload-identity': workloadIdentityRegistration,
  'peer-pods': peerPodsRegistration,
};

/**
 * Tells the API server whom to ask and how to verify it. Fields that others set stay theirs.
 * @param ca PEM certificates.
 */
export async function register(
  cluster: Pick<KubernetesPort, 'apply'>,
  config: Pick<WebhookConfig, 'mutations' | 'namespace' | 'service_name'>,
  ca: string,
): Promise<void> {
  for (const name of config.mutations) {
    const address: WebhookAddress = {
      namespace: config.namespace,
      service: config.service_name,
      port: 443,
      path: mutationPath(name),
    };
    const object = registrations[name](address, Buffer.from(ca).toString('base64'));
    // Whoever installed the registration by hand or chart owned the bundle; from now on it is ours.
    await cluster.apply(object as unknown as KubernetesObject, { fieldManager: 'holdfast-webhook', force: true });
  }
}
