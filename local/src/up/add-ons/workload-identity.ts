import { DEFAULT_AUDIENCE, workloadIdentityMutation, workloadIdentityRegistration } from '@holdfast/admission';
import type { JsonObject } from '@holdfast/admission';
import { createMetricsRegistry, listen } from '@holdfast/http';
import type { Logger } from '@holdfast/process';
import { buildApp, createEvents } from '@holdfast/webhook';

import type { CertificateAuthority } from '../../azure/index.ts';
import { listAt, stringAt } from '../../kubernetes/api/index.ts';
import type { ClusterObject, ClusterStore, ObjectInput } from '../../kubernetes/api/index.ts';
import type { ServicePlace } from '../../kubernetes/kubelet/index.ts';

/** Where AKS has its webhook. */
const PLACE = { namespace: 'kube-system', name: 'azure-wi-webhook-webhook-service', port: 443 } as const;
const FIELD_MANAGER = 'aks-workload-identity';
const REGISTRY = 'mcr.microsoft.com/oss/v2/azure/workload-identity';

export interface WorkloadIdentityOptions {
  readonly store: ClusterStore;
  readonly authority: CertificateAuthority;
  readonly tenantId: string;
  readonly logger: Logger;
}

/** The webhook of a cluster while it runs. */
export interface RunningWebhook {
  /** Where its Service answers; undefined for every other service. */
  serviceUrl(place: ServicePlace): string | undefined;
  stop(): Promise<void>;
}

/**
 * The workload identity webhook of a cluster, as AKS runs it: the service of this repository, in this process, called by the API
 * server over TLS because of the MutatingWebhookConfiguration in the cluster. What it writes into pods is what AKS writes, the
 * public address of Entra ID included, so that policies made for Azure hold.
 */
export async function startWorkloadIdentity(options: WorkloadIdentityOptions): Promise<RunningWebhook> {
  const { store, authority, tenantId, logger } = options;
  const { keyPem: key, certificatePem: cert } = await authority.issueServerCertificate({
    hosts: [`${PLACE.name}.${PLACE.namespace}.svc`],
  });
  const mutation = workloadIdentityMutation(
    {
      tenantId,
      authorityHost: 'https://login.microsoftonline.com/',
      audience: DEFAULT_AUDIENCE,
      // The paths that policies of confidential pods know.
      profile: 'legacy',
      proxy: {
        image: `${REGISTRY}/proxy:v1.6.0`,
        initImage: `${REGISTRY}/proxy-init:v1.6.0`,
        logLevel: 'info',
        nativeSidecar: true,
      },
    },
    async (namespace, name) =>
      Promise.resolve(store.get({ apiVersion: 'v1', kind: 'ServiceAccount', namespace, name })) as Promise<
        JsonObject | undefined
      >,
  );
  const app = buildApp({
    mutations: new Map([['workload-identity', mutation]]),
    events: createEvents(logger, createMetricsRegistry('webhook')),
    monotonic: () => performance.now(),
    tls: { key, cert, minVersion: 'TLSv1.3' },
  });
  const url = await listen(app, { host: '127.0.0.1', port: 0 });
  for (const object of registration(authority.caPem)) store.apply(object, { fieldManager: FIELD_MANAGER, force: true });
  return {
    serviceUrl: ({ namespace, name, port }) =>
      namespace === PLACE.namespace && name === PLACE.name && port === PLACE.port ? url : undefined,
    stop: async () => app.close(),
  };
}

/**
 * Takes the registration out of a cluster: one whose webhook does not answer refuses every pod with the label. A webhook that somebody
 * runs in the cluster has a registration of the same name, and keeps it.
 */
export function unregisterWorkloadIdentity(store: ClusterStore): void {
  const [service, configuration] = registration('');
  if (isOurs(find(store, configuration))) remove(store, configuration);
  remove(store, service);
}

function isOurs(configuration: ClusterObject | undefined): boolean {
  return listAt(configuration, 'webhooks').some(
    (webhook) => stringAt(webhook, 'clientConfig', 'service', 'namespace') === PLACE.namespace,
  );
}

function registration(caPem: string): readonly [service: ObjectInput, configuration: ObjectInput] {
  const { namespace, name, port } = PLACE;
  const address = { namespace, service: name, port, path: '/mutate-v1-pod' };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { ports: [{ port, targetPort: 9443, protocol: 'TCP' }] },
    },
    workloadIdentityRegistration(address, Buffer.from(caPem).toString('base64')) as unknown as ObjectInput,
  ];
}

function find(store: ClusterStore, { apiVersion, kind, metadata }: ObjectInput): ClusterObject | undefined {
  return store.get({ apiVersion, kind, name: metadata.name ?? '', namespace: metadata.namespace });
}

function remove(store: ClusterStore, object: ObjectInput): void {
  const found = find(store, object);
  if (found === undefined) return;
  const { apiVersion, kind, metadata } = found;
  store.remove({ apiVersion, kind, name: metadata.name, namespace: metadata.namespace });
}
