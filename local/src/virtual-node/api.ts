import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';

import { readLogTail } from '../process/log-file.ts';
import type { NodeEvent } from './events.ts';
import type { Pod } from './pod.ts';

const MAX_LOG_BYTES = 1024 * 1024;
const MAX_BODY_BYTES = 256 * 1024;

const execSchema = z.object({
  command: z
    .array(z.string().max(64 * 1024))
    .min(1)
    .max(1024),
  timeoutSeconds: z.number().positive().max(600).default(30),
});

/** What can be looked into: the pods of a virtual node, wherever they come from. */
export interface NodeView {
  readonly pods: readonly Pod[];
  pod(name: string): Pod | undefined;
  /** Oldest first. */
  events(): readonly NodeEvent[];
}

/**
 * Looks into a virtual node: `GET /pods`, `GET /pods/:name`, `GET /pods/:name/containers/:container/logs`, `GET /events`.
 * `POST /pods/:name/containers/:container/exec` with `{"command":[…]}` runs a command in a container, if its policy has it.
 */
export function buildVirtualNodeApp(node: NodeView): FastifyInstance {
  const app = createApp({ bodyLimitBytes: MAX_BODY_BYTES });
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
  app.post<{ Params: { name: string; container: string }; Body: Buffer }>(
    '/pods/:name/containers/:container/exec',
    async (request, reply) => {
      const { name, container } = request.params;
      const found = node.pod(name)?.container(container);
      if (found === undefined) return notFound(reply, `container ${container} in pod ${name}`);
      const asked = execSchema.safeParse(parseJson(request.body));
      if (!asked.success) {
        return refuse(reply, 400, 'EXEC_REQUEST_INVALID', 'expected {"command":["program","argument"]}');
      }
      const answer = await found.exec(asked.data.command, asked.data.timeoutSeconds * 1000);
      if ('refused' in answer) return refuse(reply, 403, 'EXEC_DENIED', answer.refused.explanation);
      return reply.send(answer.admitted);
    },
  );
  return app;
}

function notFound(reply: FastifyReply, what: string): FastifyReply {
  return refuse(reply, 404, 'NOT_FOUND', `there is no ${what}`);
}

function refuse(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  return reply.code(status).send({ error: { code, message } });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined; // the schema says what was expected
  }
}
