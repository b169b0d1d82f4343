import { sendUntyped } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

const ALLOWED_METHODS = 'GET,POST,OPTIONS';
const ALLOWED_HEADERS = [
  'Access-Control-Request-Method',
  'Access-Control-Allow-Credentials',
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Headers',
  'Content-Type',
].join(',');

/**
 * The cross-origin rules of UID2 Core: any origin, no credentials; a preflight is answered on any path, and refusals carry
 * the headers too.
 */
export function useCors(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    reply.header('Vary', 'origin');
    if (origin === undefined || origin === '') return done();
    reply.header('Access-Control-Allow-Origin', origin);
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return done();
    reply
      .code(204)
      .header('Access-Control-Allow-Methods', ALLOWED_METHODS)
      .header('Access-Control-Allow-Headers', ALLOWED_HEADERS)
      .send();
  });
}

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
