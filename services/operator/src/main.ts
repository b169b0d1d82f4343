import type { ServiceHost, StartService } from '@holdfast/process';

import { loadOperatorConfig } from './config.ts';
import type { OperatorConfig } from './config.ts';
import { growHeapGenerously } from './heap-growth.ts';
import type { LifecycleParts } from './lifecycle/operator-lifecycle.ts';
import type { RunningOperator } from './run-operator.ts';
import { ServingThreads } from './serving-threads/serving-threads.ts';

export type { RunningOperator } from './run-operator.ts';

/** Starts the operator with the machine's clock and randomness. */
export const startOperator: StartService = (host) => startOperatorWith(host);

/**
 * Starts an operator. It resolves once the metrics listener is open; attestation and loading go on behind it, and their
 * failures go to `host.fail`. While the operator is not ready its service port is closed, and the metrics listener answers
 * `/ops/healthcheck` and `/ops/status` beside `/metrics`.
 *
 * Nothing but the configuration is loaded before the serving threads begin: they load their programs while this thread loads the
 * rest of its own.
 * @throws ConfigError CONFIG_INVALID, CONFIG_UNREADABLE, LAUNCH_SETTING_MISSING, LAUNCH_SETTING_INVALID
 * @throws DependencyError LISTEN_FAILED when the metrics port cannot be opened
 */
export async function startOperatorWith(host: ServiceHost, parts?: LifecycleParts): Promise<RunningOperator> {
  const config = loadOperatorConfig({
    env: host.env,
    ...(host.configFile === undefined ? {} : { file: host.configFile }),
  });
  growHeapGenerously();
  const threads = startServingThreads(config, host);
  try {
    const { runOperator } = await import('./run-operator.ts');
    return await runOperator({ host, config, threads, parts });
  } catch (error) {
    await threads?.stop(); // whoever fails must leave nothing running
    throw error;
  }
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
