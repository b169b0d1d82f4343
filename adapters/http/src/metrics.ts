import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Registry } from 'prom-client';

import { createApp } from './app.ts';

/** A registry with the process's own metrics (memory, event loop, CPU) and a label naming the application. */
export function createMetricsRegistry(application: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ application });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/**
 * The metrics listener: `GET /metrics` in Prometheus text, on a port of its own.
 * @param others Prometheus text of other threads, with metrics that `registry` does not have
 */
export function buildMetricsApp(registry: Registry, others?: () => Promise<string>): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 1024 });
  app.get('/metrics', async (_request, reply) => {
    const [own, rest] = await Promise.all([registry.metrics(), others?.()]);
    return reply.header('Content-Type', registry.contentType).send(own + (rest ?? ''));
  });
  return app;
}
