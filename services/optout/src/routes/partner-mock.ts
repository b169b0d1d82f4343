import { sendReason, sendUntyped } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

/** `/optout/partner_mock`: stands for a partner that takes every opt-out, for callers on this machine only. */
export function addPartnerMockRoute(app: FastifyInstance): void {
  app.all('/optout/partner_mock', async (request, reply) => {
    if (request.headers.host?.startsWith('127.0.0.1') !== true) return sendReason(reply, 404);
    return sendUntyped(reply, '');
  });
}
