import { createApp } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import { readLogTail } from '../process/log-file.ts';
import type { VirtualNode } from './virtual-node.ts';

const MAX_LOG_BYTES = 1024 * 1024;

/** Looks into a virtual node: `GET /pods`, `GET /pods/:name`, `GET /pods/:name/containers/:container/logs`, `GET /events`. */
export function buildVirtualNodeApp(node: VirtualNode): FastifyInstance {
  const app = createApp({ bodyLimitBytes: 1024 });
  app.get('/pods', (_request, reply) => reply.send({ pods: node.pods.map((pod) => pod.status()) }));
  app.get('/events', (_request, reply) => reply.send({ events: node.events() }));
  app.get<{ Params: { name: string } }>('/pods/:name', (request, reply) => {
    const pod = node.pod(request.params.name);
    return pod === undefined ? notFound(reply, `pod ${request.params.name}`) : reply.send(pod.status());
  });
  app.get<{ Params: { name: string; container: string } }>(
    '/pods/:name/containers/:container/logs',
    async (request, reply) => {
      const { name, container } = request.params;
      const found = node.pod(name)?.container(container);
      if (found === undefined) return notFound(reply, `container ${container} in pod ${name}`);
      return reply.type('text/plain; charset=utf-8').send(await readLogTail(found.logFile, MAX_LOG_BYTES));
    },
  );
  return app;
}

function notFound<T extends { code(status: number): T; send(body: unknown): T }>(reply: T, what: string): T {
  return reply.code(404).send({ error: { code: 'NOT_FOUND', message: `there is no ${what}` } });
}
