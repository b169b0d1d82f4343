import { stringify } from 'yaml';

import type { PrivateLinkConfig } from '../config/private-link.ts';
import type { KubernetesObject } from './object.ts';

const PUBLISHED_IMAGE = 'mcr.microsoft.com/azuredocs/azure-vote-front:';

/** Whether the application is the published sample, which speaks to Redis without TLS and in no other way. */
export function isPublishedVoteImage(image: string): boolean {
  return image.startsWith(PUBLISHED_IMAGE);
}

/** Service account and SecretProviderClass of the application. */
export function voteSecrets(
  config: PrivateLinkConfig,
  ids: { readonly clientId: string; readonly tenantId: string },
): readonly KubernetesObject[] {
  const { namespace, serviceAccount, name } = config.app;
  const { secretName } = config.vault;
  return [
    ...(namespace === 'default' ? [] : [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]),
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: serviceAccount, namespace, annotations: { 'azure.workload.identity/client-id': ids.clientId } },
    },
    {
      apiVersion: 'secrets-store.csi.x-k8s.io/v1',
      kind: 'SecretProviderClass',
      metadata: { name, namespace },
      spec: {
        provider: 'azure',
        parameters: {
          usePodIdentity: 'false',
          clientID: ids.clientId,
          keyvaultName: config.vault.name,
          tenantId: ids.tenantId,
          // A mapping whose entries are themselves YAML texts: so the provider wants it.
          objects: stringify({ array: [stringify({ objectName: secretName, objectType: 'secret' })] }),
        },
        secretObjects: [{ secretName: name, type: 'Opaque', data: [{ objectName: secretName, key: 'redis-key' }] }],
      },
    },
  ];
}

/** The application; it mounts the secrets although it reads only the environment, because mounting is what fetches them. */
export function voteApp(config: PrivateLinkConfig): readonly KubernetesObject[] {
  const { namespace, serviceAccount, name, image } = config.app;
  const labels = { app: name };
  const speaksTls = !config.redis.nonSslPort && !isPublishedVoteImage(image);
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels },
      spec: {
        replicas: 1,
        minReadySeconds: 5,
        selector: { matchLabels: labels },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
        template: {
          metadata: { labels: { ...labels, 'azure.workload.identity/use': 'true' } },
          spec: {
            serviceAccountName: serviceAccount,
            nodeSelector: { 'kubernetes.io/os': 'linux' },
            containers: [
              {
                name,
                image,
                ports: [{ containerPort: 80 }],
                resources: { requests: { cpu: '250m' }, limits: { cpu: '500m' } },
                env: [
                  { name: 'REDIS', value: `${config.redis.name}.redis.cache.windows.net` },
                  { name: 'REDIS_PWD', valueFrom: { secretKeyRef: { name, key: 'redis-key' } } },
                  ...(speaksTls ? [{ name: 'redis_tls', value: 'true' }] : []),
                ],
                volumeMounts: [{ name: 'secrets', mountPath: '/mnt/secrets-store', readOnly: true }],
              },
            ],
            volumes: [
              {
                name: 'secrets',
                csi: {
                  driver: 'secrets-store.csi.k8s.io',
                  readOnly: true,
                  volumeAttributes: { secretProviderClass: name },
                },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, labels },
      spec: { type: 'LoadBalancer', selector: labels, ports: [{ protocol: 'TCP', port: 80, targetPort: 80 }] },
    },
  ];
}
