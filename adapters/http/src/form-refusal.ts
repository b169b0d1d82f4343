import type { FastifyInstance } from 'fastify';

import { sendUntyped } from './untyped-reply.ts';

const FORM = /^\s*(?:multipart\/form-data|application\/x-www-form-urlencoded)/i;

/** Refuses a GET that announces a form as its body with 400 and `text`, as the UID2 reference services do. */
export function refuseFormsOnGet(app: FastifyInstance, text: string): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { headers } = request;
    const announced = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    if (request.method !== 'GET' || !announced || !FORM.test(headers['content-type'] ?? '')) return done();
    sendUntyped(reply.code(400), text);
  });
}
