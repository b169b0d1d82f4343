import { errorMessage } from '@holdfast/base';
import type { KubernetesPort } from '@holdfast/deployment';
import { buildMetricsApp, createMetricsRegistry, listen } from '@holdfast/http';
import type { RunningService, ServiceHost, StartService } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';

import { readConfig } from './config.ts';
import type { SecretsStoreConfig } from './config.ts';
import { azureProvider, createSecretsStore } from './context.ts';
import type { PodObject } from './driver/objects.ts';
import type { IssueToken } from './driver/secrets-store.ts';
import type { MountProvider } from './driver/volume-driver.ts';
import { createEvents } from './events.ts';
import type { Events } from './events.ts';
import { buildHealthApp } from './health-app.ts';
import { VERSION } from './version.ts';

/** Between two looks at what is due. */
const TICK_MS = 1_000;
const TOKEN_SECONDS = 3_600;

type Undo = (() => Promise<unknown>)[];

/** Starts the provider behind the CSI driver, or the stand-alone controller of a node. */
export const startSecretsStore: StartService = async (host): Promise<RunningService> => {
  const config = readConfig(host);
  const undo: Undo = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return { addresses: await start(host, config, undo), stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

async function start(host: ServiceHost, config: SecretsStoreConfig, undo: Undo): Promise<RunningService['addresses']> {
  const registry = createMetricsRegistry('secrets-store');
  const events = createEvents(host.logger, registry);
  const provider = azureProvider(config, events, Date.now);
  const addresses: Record<string, string> = {};
  if (config.mode === 'provider') {
    await serveProvider(config, provider, events, undo);
    addresses['provider'] = `unix:${config.socket}`;
  } else {
    const { openCluster } = await import('@holdfast/kubernetes');
    lookAfterNode({ host, config, provider, events, undo }, await openCluster(config.kubeconfig_file, host.env));
  }
  const others: readonly (readonly [string, number, FastifyInstance])[] = [
    ['metrics', config.metrics_port, buildMetricsApp(registry)],
    ['health', config.health_port, buildHealthApp()],
  ];
  for (const [name, port, app] of others) {
    if (port === -1) continue;
    undo.push(async () => app.close());
    addresses[name] = await listen(app, { host: config.host, port });
  }
  return addresses;
}

async function serveProvider(
  config: SecretsStoreConfig,
  mount: MountProvider,
  events: Events,
  undo: Undo,
): Promise<void> {
  // Only behind a CSI driver is gRPC spoken: nobody else loads it.
  const { buildProviderServer, listenProvider } = await import('./grpc/provider-server.ts');
  const mountTimeoutMs = config.mount_timeout_seconds * 1000;
  const server = buildProviderServer({ mount, version: VERSION, mountTimeoutMs, events });
  undo.push(
    async () =>
      new Promise<void>((resolve) => {
        server.tryShutdown(() => resolve());
      }),
  );
  await listenProvider(server, config.socket);
}

interface NodeWork {
  readonly host: ServiceHost;
  readonly config: SecretsStoreConfig;
  readonly provider: MountProvider;
  readonly events: Events;
  readonly undo: Undo;
}

/** Follows the pods of a node and keeps their volumes filled, until it is undone. */
function lookAfterNode({ host, config, provider, events, undo }: NodeWork, cluster: KubernetesPort): void {
  const nodeName = config.node_name ?? '';
  const store = createSecretsStore({
    cluster,
    provider,
    nodeName,
    targetPath: { folder: config.mounts_folder },
    issueToken: tokensOf(cluster),
    rotationMs: () => (config.rotation ? config.rotation_poll_seconds * 1000 : undefined),
    mountTimeoutMs: config.mount_timeout_seconds * 1000,
    compatible: config.compatible,
    events,
    clock: Date.now,
  });
  const stop = new AbortController();
  const watching = (async (): Promise<void> => {
    for await (const { type, object } of cluster.watch('v1', 'Pod', { signal: stop.signal })) {
      const pod = object as PodObject;
      if (pod.spec?.nodeName !== nodeName) continue;
      if (type === 'DELETED') await store.unmountFor(pod);
      else await store.follow(pod);
    }
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) host.fail(error);
  });
  let ticking: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    ticking ??= store
      .tick()
      .catch((error: unknown) => host.logger.error({ reason: errorMessage(error) }, 'looking after volumes failed'))
      .finally(() => {
        ticking = undefined;
      });
  }, TICK_MS);
  undo.push(async () => {
    clearInterval(timer);
    stop.abort();
    await watching;
    await ticking;
  });
}

/** Tokens by TokenRequest, where the cluster's port offers it. */
function tokensOf(cluster: KubernetesPort): IssueToken | undefined {
  const { serviceAccountToken } = cluster;
  if (serviceAccountToken === undefined) return undefined;
  return async ({ namespace, serviceAccount, audience, pod }) =>
    serviceAccountToken({
      namespace,
      name: serviceAccount,
      audiences: [audience],
      expirationSeconds: TOKEN_SECONDS,
      pod,
    });
}
