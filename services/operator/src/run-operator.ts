import { systemTimers } from '@holdfast/core-client';
import { buildMetricsApp, createMetricsRegistry, listen } from '@holdfast/http';
import type { RunningService, ServiceHost } from '@holdfast/process';
import type { FastifyInstance } from 'fastify';

import type { OperatorConfig } from './config.ts';
import type { OperatorContext } from './context.ts';
import { OperatorLifecycle } from './lifecycle/operator-lifecycle.ts';
import type { LifecycleParts } from './lifecycle/operator-lifecycle.ts';
import type { GateState } from './lifecycle/service-gate.ts';
import { opsRoutes } from './routes/ops.ts';
import { pooledRandomBytes } from './pooled-random.ts';
import type { ServingThreads } from './serving-threads/serving-threads.ts';
import type { WorldSource } from './serving-threads/world-parts.ts';

/** A started operator. `addresses.http` appears when the service port opens, which is when it is ready. */
export interface RunningOperator extends RunningService {
  /** Resolves once start-up has ended: serving, failed or stopped. */
  readonly started: Promise<void>;
}

export interface OperatorRun {
  readonly host: ServiceHost;
  readonly config: OperatorConfig;
  /** Serve the API; without them it is served on this thread. */
  readonly threads: ServingThreads | undefined;
  /** The machine's when missing. */
  readonly parts: LifecycleParts | undefined;
}

/**
 * Opens the metrics listener and begins the lifecycle.
 * @throws DependencyError LISTEN_FAILED when the metrics port cannot be opened
 */
export async function runOperator({ host, config, threads, parts }: OperatorRun): Promise<RunningOperator> {
  const metrics = createMetricsRegistry('uid2-operator');
  const addresses: { http?: string; metrics?: string } = {};
  // Threads that serve the API load it themselves.
  const api = threads === undefined ? await import('./app.ts') : undefined;
  let app: FastifyInstance | undefined;
  const lifecycle: OperatorLifecycle = new OperatorLifecycle({
    ...(parts ?? machineParts()),
    config,
    metrics,
    logger: host.logger,
    fail: (error) => host.fail(error),
    prepare(context) {
      app = api?.buildApp(context);
    },
    async listen(context, world) {
      addresses.http = await openPort(context, world);
      return addresses.http;
    },
    onChange: () => threads?.changed(),
  });
  async function openPort(context: OperatorContext, world: WorldSource): Promise<string> {
    const gateState = (): GateState => lifecycle.gateState();
    if (threads !== undefined) return threads.open(config.http, { context, world, gateState });
    app ??= (await import('./app.ts')).buildApp(context);
    return listen(app, config.http);
  }
  const metricsApp =
    config.metricsPort < 0 ? undefined : buildMetricsApp(metrics, async () => (await threads?.metrics()) ?? '');
  if (metricsApp !== undefined) {
    opsRoutes(metricsApp, lifecycle); // they answer while the service port is still closed
    addresses.metrics = await listen(metricsApp, { host: config.http.host, port: config.metricsPort });
  }
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

/** The start begins with the process: before anything of the operator runs, its program is loaded, which takes a while. */
function machineParts(): LifecycleParts {
  const startedAtMs = Math.round(systemTimers.now() - process.uptime() * 1000);
  return { timers: systemTimers, random: pooledRandomBytes(), startedAtMs };
}
