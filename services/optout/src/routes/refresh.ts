import { sendUntyped } from '@holdfast/http';
import { formatOptOutList } from '@holdfast/uid2';
import type { FastifyInstance } from 'fastify';

import { requireAccess } from '../authenticate.ts';
import type { OptOutContext } from '../context.ts';

/** `/optout/refresh`: the files of the opt-out log with signed links, for operators that attested. */
export function addRefreshRoute(app: FastifyInstance, context: OptOutContext): void {
  app.all(
    '/optout/refresh',
    requireAccess(context, { role: 'OPERATOR', attested: true }, async (_request, reply) => {
      const list = await context.log.list();
      if (list === undefined) return sendUntyped(reply.code(404), '');
      return reply.header('Content-Type', 'application/json').send(Buffer.from(formatOptOutList(list)));
    }),
  );
}
