import { sendUntyped } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import type { OptOutContext } from '../context.ts';

/** `GET /ops/healthcheck`: 200 without a body, or 503 with one line for each component that is not ready. */
export function addHealthRoute(app: FastifyInstance, context: OptOutContext): void {
  app.get('/ops/healthcheck', async (_request, reply) => {
    const problems: string[] = [];
    if (!context.operatorsLoaded()) problems.push('operators-rotator: operators have not been loaded yet');
    if (!context.log.listed) problems.push('cloudsync-optout: the bucket has not been listed yet');
    if (await context.isTerminating()) problems.push('PodTerminationMonitor: pod is terminating');
    return sendUntyped(reply.code(problems.length === 0 ? 200 : 503), problems.join('\n'));
  });
}
