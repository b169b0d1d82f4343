import { randomBytes } from 'node:crypto';

import { buildMetricsApp, createMetricsRegistry, HttpClient, listen } from '@holdfast/http';
import type { StartService } from '@holdfast/process';

import { buildApp } from './app.ts';
import { loadCoreConfig } from './config.ts';
import { createContext } from './context.ts';

/**
 * Starts Core. Its port opens only after operators and enclaves have been read: before that every key would be unknown,
 * and an operator that is told so ends itself.
 */
export const startCore: StartService = async (host) => {
  const config = loadCoreConfig(host);
  const metrics = createMetricsRegistry('uid2-core');
  const http = new HttpClient();
  const context = createContext({
    config,
    logger: host.logger,
    metrics,
    http,
    clock: Date.now,
    randomBytes: (length) => randomBytes(length),
  });
  await context.loadSeeds();

  const app = buildApp(context);
  const metricsApp = config.metrics_port < 0 ? undefined : buildMetricsApp(metrics);
  const addresses: Record<string, string> = {};
  try {
    addresses['http'] = await listen(app, { host: config.host, port: config.port });
    if (metricsApp !== undefined) {
      addresses['metrics'] = await listen(metricsApp, { host: config.host, port: config.metrics_port });
    }
  } catch (error) {
    await app.close();
    await http.close();
    throw error;
  }

  const polling = poll(() => context.refreshSeeds(), config.allow_list_poll_seconds * 1000);
  return {
    addresses,
    async stop() {
      polling.stop();
      await app.close();
      await metricsApp?.close();
      await http.close();
    },
  };
};

/** Runs `task` again and again, `pauseMs` after it last ended. `task` must not reject. */
function poll(task: () => Promise<void>, pauseMs: number): { stop(): void } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    timer = setTimeout(() => {
      void task().finally(() => {
        if (!stopped) next();
      });
    }, pauseMs);
  };
  next();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
