import { randomBytes } from 'node:crypto';

import { buildMetricsApp, createMetricsRegistry, HttpClient, listen } from '@holdfast/http';
import type { StartService } from '@holdfast/process';

import { buildApp, buildProducerApp } from './app.ts';
import { loadOptOutConfig } from './config.ts';
import { createContext } from './context.ts';
import type { OptOutContext } from './context.ts';
import { createOperatorsFeed } from './operators.ts';
import { startPeriodically } from './periodic.ts';
import { followLog, produceDeltas, tellPartners } from './production.ts';
import packageJson from '../package.json' with { type: 'json' };

/**
 * Starts the opt-out service. Its port opens at once; calls get 503 until Core has named the operators. What an earlier run
 * accepted but did not publish is published first. The next port opens for whoever schedules the production of deltas, if
 * there is a token for it and the traffic settings can be read.
 */
export const startOptOut: StartService = async (host) => {
  const config = loadOptOutConfig(host);
  const metrics = createMetricsRegistry('uid2-optout');
  const random = (length: number): Uint8Array => randomBytes(length);
  const http = new HttpClient();
  const context = await createContext({
    config,
    logger: host.logger,
    metrics,
    clock: Date.now,
    randomBytes: random,
    http,
  });
  const app = buildApp(context);
  const producerApp = (await hasProducerPort(context)) ? buildProducerApp(context) : undefined;
  const metricsApp = config.metrics_port < 0 ? undefined : buildMetricsApp(metrics);
  const operators = createOperatorsFeed(context, packageJson.version, random);
  const addresses: Record<string, string> = {};
  try {
    addresses['http'] = await listen(app, { host: config.host, port: config.port });
    if (producerApp !== undefined) {
      const port = config.port === 0 ? 0 : config.port + 1;
      addresses['producer'] = await listen(producerApp, { host: config.host, port });
    }
    if (metricsApp !== undefined) {
      addresses['metrics'] = await listen(metricsApp, { host: config.host, port: config.metrics_port });
    }
  } catch (error) {
    await app.close();
    await producerApp?.close();
    await context.queue.close();
    await http.close();
    throw error;
  }

  operators.start();
  const production = config.optout_observe_only
    ? undefined
    : startPeriodically(() => produceDeltas(context), config.optout_delta_rotate_interval * 1000);
  const listing = startPeriodically(() => followLog(context), config.cloud_refresh_interval * 1000);
  const telling = startPeriodically(() => tellPartners(context), config.cloud_refresh_interval * 1000);
  return {
    addresses,
    async stop() {
      context.forwarding?.stop();
      await http.close(); // ends a call to a partner
      await Promise.all([production?.stop(), listing.stop(), telling.stop(), operators.stop()]);
      await app.close();
      await producerApp?.close();
      await metricsApp?.close();
      await context.queue.close();
    },
  };
};

async function hasProducerPort(context: OptOutContext): Promise<boolean> {
  const { config, events, traffic } = context;
  if (config.optout_observe_only) return false;
  try {
    await traffic.load();
  } catch (error) {
    events.productionSettingsUnusable(error);
    return false;
  }
  return config.optout_internal_api_token !== undefined;
}
