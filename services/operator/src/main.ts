import { systemTimers } from '@holdfast/core-client';
import { buildMetricsApp, createMetricsRegistry, listen } from '@holdfast/http';
import type { RunningService, ServiceHost, StartService } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';

import { buildApp } from './app.ts';
import { loadOperatorConfig } from './config.ts';
import type { OperatorConfig } from './config.ts';
import { growHeapGenerously } from './heap-growth.ts';
import { OperatorLifecycle } from './lifecycle/operator-lifecycle.ts';
import type { LifecycleParts } from './lifecycle/operator-lifecycle.ts';
import { opsRoutes } from './routes/ops.ts';
import { pooledRandomBytes } from './pooled-random.ts';
import { ServingThreads } from './serving-threads/serving-threads.ts';

/** A started operator. `addresses.http` appears when the service port opens, which is when it is ready. */
export interface RunningOperator extends RunningService {
  /** Resolves once start-up has ended: serving, failed or stopped. */
  readonly started: Promise<void>;
}

const systemParts: LifecycleParts = { timers: systemTimers, random: pooledRandomBytes() };

/** Starts the operator with the machine's clock and randomness. */
export const startOperator: StartService = (host) => startOperatorWith(host, systemParts);

/**
 * Starts an operator. It resolves once the metrics listener is open; attestation and loading go on behind it, and their
 * failures go to `host.fail`. While the operator is not ready its service port is closed, and the metrics listener answers
 * `/ops/healthcheck` and `/ops/status` beside `/metrics`.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE, LAUNCH_SETTING_MISSING, LAUNCH_SETTING_INVALID
 * @throws DependencyError LISTEN_FAILED when the metrics port cannot be opened
 */
export async function startOperatorWith(host: ServiceHost, parts: LifecycleParts): Promise<RunningOperator> {
  const config = loadOperatorConfig({
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  const metrics = createMetricsRegistry('uid2-operator');
  growHeapGenerously();
  const addresses: { http?: string; metrics?: string } = {};
  let threads: ServingThreads | undefined;
  let app: FastifyInstance | undefined;
  const lifecycle: OperatorLifecycle = new OperatorLifecycle({
    ...parts,
    config,
    metrics,
    logger: host.logger,
    fail: (error) => host.fail(error),
    prepare(context) {
      if (threads === undefined) app = buildApp(context);
    },
    async listen(context, world) {
      if (threads === undefined) {
        app ??= buildApp(context);
        addresses.http = await listen(app, config.http);
      } else {
        addresses.http = await threads.open(config.http, { context, world, gateState: () => lifecycle.gateState() });
      }
      return addresses.http;
    },
    onChange: () => threads?.changed(),
  });
  const metricsApp =
    config.metricsPort < 0 ? undefined : buildMetricsApp(metrics, async () => (await threads?.metrics()) ?? '');
  if (metricsApp !== undefined) {
    opsRoutes(metricsApp, lifecycle); // they answer while the service port is still closed
    addresses.metrics = await listen(metricsApp, { host: config.http.host, port: config.metricsPort });
  }
  threads = startServingThreads(config, host); // only now: whoever fails before must leave nothing running
  const started = lifecycle.run();
  return {
    addresses,
    started,
    async stop() {
      lifecycle.beginStop();
      await Promise.all([app?.close(), threads?.stop()]); // finishes the requests under way
      await lifecycle.stop();
      await started;
      await app?.close(); // it may have opened while stopping
      await metricsApp?.close();
    },
  };
}

/** Threads for the API, when there is to be more than one and the system lets listeners share a port. */
function startServingThreads(config: OperatorConfig, host: ServiceHost): ServingThreads | undefined {
  const { serviceInstances: count, settings } = config;
  // Bun cannot share a port among the listeners of one process.
  if (count === 1 || process.platform !== 'linux' || process.versions['bun'] !== undefined) return undefined;
  return new ServingThreads({
    count,
    // Each serving thread has map workers of its own.
    settings: { ...settings, mapWorkers: Math.ceil(settings.mapWorkers / count) },
    onLost: (error) => host.fail(error),
  });
}
