import { createApp } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

/** Probes of kubelet; opened last, so whoever reaches it finds the service working. */
export function buildHealthApp(): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 1024 });
  for (const path of ['/healthz', '/readyz'])
    app.get(path, async (_request, reply) => reply.type('text/plain').send('ok'));
  return app;
}
