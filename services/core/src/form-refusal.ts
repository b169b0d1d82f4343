import { sendUntyped } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

const FORM = /^\s*(?:multipart\/form-data|application\/x-www-form-urlencoded)/i;

/** The text of the reference, stray quotation mark included. */
const FORM_REFUSED = 'Content-Type "multipart/*" Not Allowed"';

/** Refuses a GET that announces a form as its body, as the reference does. */
export function refuseFormsOnGet(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { headers } = request;
    const announced = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    if (request.method !== 'GET' || !announced || !FORM.test(headers['content-type'] ?? '')) return done();
    sendUntyped(reply.code(400), FORM_REFUSED);
  });
}
