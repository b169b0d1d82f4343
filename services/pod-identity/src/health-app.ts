import { createApp } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

/** The kubelet's probe: 200 always, and the body says whether pods are redirected here. */
export function buildHealthApp(isActive: () => boolean): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 1024 });
  app.get('/healthz', async (_request, reply) => reply.type('text/plain').send(isActive() ? 'Active' : 'Not Active'));
  return app;
}
