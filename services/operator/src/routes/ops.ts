import { sendUntyped } from '@holdfast/http/serving';
import type { FastifyInstance } from 'fastify';

import type { OperatorContext } from '../context.ts';
import { sendJson } from '../responses.ts';

/**
 * `GET /ops/healthcheck` with the reference's contract (200 `OK`, or 503 and one line per unhealthy component, both
 * without a content type), and beside it `GET /ops/status`, which tells everything as JSON.
 */
export function opsRoutes(app: FastifyInstance, context: Pick<OperatorContext, 'health' | 'status'>): void {
  app.get('/ops/healthcheck', async (_request, reply) => {
    const unhealthy = await context.health();
    if (unhealthy.length === 0) return sendUntyped(reply, 'OK');
    const lines = unhealthy.map(({ component, reason }) => `${component}: ${reason}`);
    return sendUntyped(reply.code(503), lines.join('\n'));
  });
  app.get('/ops/status', async (_request, reply) => sendJson(reply, 200, JSON.stringify(await context.status())));
}
