import { randomBytes } from 'node:crypto';

import { PlatformError } from '@holdfast/base';
import { buildMetricsApp, createMetricsRegistry, HttpClient, listen } from '@holdfast/http';
import type { StartService } from '@holdfast/process';

import { buildApp } from './app.ts';
import { loadCoreConfig } from './config.ts';
import { createContext } from './context.ts';
import type { CoreContext } from './context.ts';
import { addHealthRoute } from './routes/health.ts';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/**
 * Starts Core. Its port opens only after operators and enclaves have been read: before that every key would be unknown, and
 * an operator that is told so ends itself. Until then the metrics port tells why, under the same `/ops/healthcheck`.
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
  const app = buildApp(context);
  const metricsApp = config.metrics_port < 0 ? undefined : buildMetricsApp(metrics);
  if (metricsApp !== undefined) addHealthRoute(metricsApp, context);
  const addresses: Record<string, string> = {};
  const close = async (): Promise<void> => {
    await app.close();
    await metricsApp?.close();
    await http.close();
  };

  let polling: Repetition | undefined;
  const open = async (): Promise<void> => {
    const url = await listen(app, { host: config.host, port: config.port });
    addresses['http'] = url;
    context.events.serving(url);
    polling = repeat(
      () => context.refreshSeeds(),
      () => config.allow_list_poll_seconds * 1000,
    );
  };

  let waiting: Repetition | undefined;
  try {
    if (metricsApp !== undefined) {
      addresses['metrics'] = await listen(metricsApp, { host: config.host, port: config.metrics_port });
    }
    if (await hasSeeds(context, FIRST_RETRY_MS)) await open();
    else waiting = openOnceLoaded(context, open, (error) => host.fail(error));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses,
    async stop() {
      await waiting?.stop();
      await polling?.stop();
      await close();
    },
  };
};

/** Tries to load the seeds until it works, ever less often, and opens the port then. */
function openOnceLoaded(
  context: CoreContext,
  open: () => Promise<void>,
  onFailure: (error: unknown) => void,
): Repetition {
  let pauseMs = FIRST_RETRY_MS;
  const repetition: Repetition = repeat(
    async () => {
      pauseMs = Math.min(pauseMs * 2, LONGEST_RETRY_MS);
      try {
        if (!(await hasSeeds(context, pauseMs))) return;
        void repetition.stop(); // this run is the last one; stopping waits for it
        await open();
      } catch (error) {
        onFailure(error);
      }
    },
    () => pauseMs,
  );
  return repetition;
}

/** Whether operators and enclaves are there now. A defect is no reason to try again. */
async function hasSeeds(context: CoreContext, retryAfterMs: number): Promise<boolean> {
  try {
    await context.loadSeeds();
    return true;
  } catch (error) {
    if (!(error instanceof PlatformError) || error.family === 'internal') throw error;
    context.events.seedsMissing(error, retryAfterMs);
    return false;
  }
}

interface Repetition {
  /** Ends it and waits for a run under way. */
  stop(): Promise<void>;
}

/** Runs `task` again and again, a pause after it last ended. `task` must not reject. */
function repeat(task: () => Promise<void>, pauseMs: () => number): Repetition {
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    timer = setTimeout(() => {
      running = task().finally(() => {
        if (!stopped) next();
      });
    }, pauseMs());
  };
  next();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
