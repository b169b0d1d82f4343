import { access } from 'node:fs/promises';

import { sendUntyped } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

/** A container's stop hook creates this file so that no new calls are sent while the old ones finish. */
const POD_TERMINATING = '/app/pod_terminating/pod_terminating';

/** `GET /ops/healthcheck`: `OK`, or 503 with one line per reason. The port opens only once the seeds are loaded. */
export function addHealthRoute(app: FastifyInstance): void {
  app.get('/ops/healthcheck', async (_request, reply) => {
    if (await exists(POD_TERMINATING)) {
      return sendUntyped(reply.code(503), 'PodTerminationMonitor: pod is terminating');
    }
    return sendUntyped(reply, 'OK');
  });
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
