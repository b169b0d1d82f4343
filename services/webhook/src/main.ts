import { randomBytes } from 'node:crypto';
import type { Server } from 'node:https';

import { peerPodsMutation, workloadIdentityMutation } from '@holdfast/admission';
import type { Mutation } from '@holdfast/admission';
import type { KubernetesPort } from '@holdfast/deployment';
import { buildMetricsApp, createMetricsRegistry, listen } from '@holdfast/http';
import type { RunningService, ServiceHost, StartService } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';

import { buildApp } from './app.ts';
import { fileCertificate } from './certificates/file-certificate.ts';
import { selfManagedCertificate } from './certificates/self-managed-certificate.ts';
import type { CertificateSource, ServingCertificate } from './certificates/serving-certificate.ts';
import { readConfig } from './config.ts';
import type { MutationName, WebhookConfig } from './config.ts';
import { createEvents } from './events.ts';
import type { Events } from './events.ts';
import { buildHealthApp } from './health-app.ts';
import { register } from './registration.ts';
import { watchServiceAccounts } from './service-accounts.ts';

/** First minor version of Kubernetes in which init containers may stay running by default. */
const NATIVE_SIDECARS = 32;

/** Starts the webhook: a certificate first, then the listener, then the registration that makes API servers call it. */
export const startWebhook: StartService = async (host): Promise<RunningService> => {
  const config = readConfig(host);
  // With certificate files and no service accounts to read, nothing is asked of the cluster.
  const needsCluster = config.tlsFiles === undefined || config.mutations.includes('workload-identity');
  if (!needsCluster) return serveWebhook(host, config, undefined);
  // Loaded here: a webhook with certificate files may need no cluster.
  const { openCluster } = await import('@holdfast/kubernetes');
  return serveWebhook(host, config, await openCluster(config.kubeconfig_file, host.env));
};

/** The webhook of a cluster that is already open. */
export async function serveWebhook(
  host: Pick<ServiceHost, 'logger'>,
  config: WebhookConfig,
  cluster: WebhookCluster | undefined,
): Promise<RunningService> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return { addresses: await start(host, config, cluster, undo), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What the webhook asks of its cluster. */
export type WebhookCluster = Pick<KubernetesPort, 'version' | 'read' | 'create' | 'replace' | 'apply' | 'watch'>;

async function start(
  host: Pick<ServiceHost, 'logger'>,
  config: WebhookConfig,
  cluster: WebhookCluster | undefined,
  undo: (() => Promise<unknown>)[],
): Promise<RunningService['addresses']> {
  const registry = createMetricsRegistry('webhook');
  const events = createEvents(host.logger, registry);
  const source = certificateSource(config, cluster);
  const first = await source.current();
  const mutations = await createMutations(config, cluster, host, undo);
  const app = buildApp({
    mutations,
    events,
    monotonic: () => performance.now(),
    tls: { ...pairOf(first), minVersion: config.tls_min_version === 'VersionTLS12' ? 'TLSv1.2' : 'TLSv1.3' },
  });
  undo.push(async () => app.close());
  const http = await listen(app, { host: config.host, port: config.port });
  const publish = async ({ ca }: ServingCertificate): Promise<void> => {
    if (config.register && ca !== undefined && cluster !== undefined) await register(cluster, config, ca);
  };
  await publish(first);
  events.certificateServed(authoritiesIn(first));
  undo.push(keepCertificate({ source, first, app, publish, events, seconds: config.certificate_reload_seconds }));
  const addresses: Record<string, string> = { http };
  const others: readonly (readonly [string, number, FastifyInstance])[] = [
    ['health', config.health_port, buildHealthApp()],
    ['metrics', config.metrics_port, buildMetricsApp(registry)],
  ];
  for (const [name, port, other] of others) {
    if (port === -1) continue;
    undo.push(async () => other.close());
    addresses[name] = await listen(other, { host: config.host, port });
  }
  return addresses;
}

function certificateSource(config: WebhookConfig, cluster: WebhookCluster | undefined): CertificateSource {
  if (config.tlsFiles !== undefined || cluster === undefined) {
    return fileCertificate(config.tlsFiles ?? { certificate: '', key: '' });
  }
  const service = `${config.service_name}.${config.namespace}.svc`;
  return selfManagedCertificate({
    cluster,
    namespace: config.namespace,
    secret: config.certificate_secret,
    hosts: [service, `${service}.cluster.local`],
    clock: Date.now,
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
  });
}

async function createMutations(
  config: WebhookConfig,
  cluster: WebhookCluster | undefined,
  host: Pick<ServiceHost, 'logger'>,
  undo: (() => Promise<unknown>)[],
): Promise<ReadonlyMap<MutationName, Mutation>> {
  const mutations = new Map<MutationName, Mutation>();
  if (config.mutations.includes('peer-pods')) mutations.set('peer-pods', peerPodsMutation(config.peerPods));
  if (config.mutations.includes('workload-identity') && cluster !== undefined) {
    const minor = Number(/^v?1\.(\d+)/.exec(await cluster.version())?.[1] ?? 0);
    const accounts = watchServiceAccounts(cluster, host.logger);
    undo.push(async () => accounts.stop());
    const { proxy, ...rest } = config.workloadIdentity;
    const settings = { ...rest, proxy: { ...proxy, nativeSidecar: minor >= NATIVE_SIDECARS } };
    mutations.set('workload-identity', workloadIdentityMutation(settings, accounts.read));
  }
  return mutations;
}

interface KeepCertificate {
  readonly source: CertificateSource;
  readonly first: ServingCertificate;
  readonly app: FastifyInstance;
  readonly publish: (certificate: ServingCertificate) => Promise<void>;
  readonly events: Events;
  readonly seconds: number;
}

/** Looks for a newer certificate at an interval. Its authority is published before it is served. Answers what ends it. */
function keepCertificate({ source, first, app, publish, events, seconds }: KeepCertificate): () => Promise<void> {
  let served = first;
  let looking = Promise.resolve();
  const look = async (): Promise<void> => {
    try {
      const next = await source.current();
      if (next.cert === served.cert) return;
      await publish(next);
      (app.server as unknown as Server).setSecureContext(pairOf(next));
      served = next;
      events.certificateServed(authoritiesIn(next));
    } catch (error) {
      events.certificateKept(error);
    }
  };
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, seconds * 1000);
  return async () => {
    clearInterval(timer);
    await looking;
  };
}

function pairOf({ key, cert }: ServingCertificate): { readonly key: string; readonly cert: string } {
  return { key, cert };
}

function authoritiesIn({ ca }: ServingCertificate): number {
  return ca?.split('-----BEGIN CERTIFICATE-----').length ?? 1;
}
