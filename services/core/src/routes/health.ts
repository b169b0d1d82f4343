import { sendUntyped } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import type { CoreContext } from '../context.ts';

/** `GET /ops/healthcheck`: `OK`, or 503 with one line for each component that is not ready. */
export function addHealthRoute(app: FastifyInstance, context: CoreContext): void {
  app.get('/ops/healthcheck', async (_request, reply) => {
    const problems = await context.healthProblems();
    return problems.length === 0 ? sendUntyped(reply, 'OK') : sendUntyped(reply.code(503), problems.join('\n'));
  });
}
