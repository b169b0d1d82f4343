import type { IncomingHttpHeaders } from 'node:http';

import type { FastifyInstance } from 'fastify';

import type { RouteReply } from './route-messages.ts';

const ALLOWED_METHODS = 'GET,POST,OPTIONS';
/** What browsers may send to any UID2 service, in the order in which the reference names them. */
const ALLOWED_HEADERS = [
  'Access-Control-Request-Method',
  'Access-Control-Allow-Credentials',
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Headers',
  'Content-Type',
];

/** Request headers that a service allows beyond the common ones, before and after them. */
export interface CorsHeaders {
  readonly before?: readonly string[];
  readonly after?: readonly string[];
}

/**
 * The cross-origin rules of the UID2 reference services: every origin may read, none may send credentials, preflight
 * requests are answered with 204 on any path, and refusals carry the headers too.
 * @param headersFor - what the path of a request (no query, no trailing slash) allows in addition
 */
export function useReferenceCors(app: FastifyInstance, headersFor: (path: string) => CorsHeaders = () => ({})): void {
  app.addHook('onRequest', (request, reply, done) => {
    const asked = request.headers['access-control-request-method'];
    if (!isFromPage(request.headers) || request.method !== 'OPTIONS' || asked === undefined) {
      allowOrigin(request.headers, reply);
      return done();
    }
    reply.header('Access-Control-Allow-Origin', request.headers.origin);
    const { before = [], after = [] } = headersFor(pathOf(request.url));
    reply
      .code(204)
      .header('Access-Control-Allow-Methods', ALLOWED_METHODS)
      .header('Access-Control-Allow-Headers', [...before, ...ALLOWED_HEADERS, ...after].join(','))
      .send();
  });
}

/** The headers of a reply that is none to a preflight request: whoever asks may read it. */
export function allowOrigin(headers: IncomingHttpHeaders, reply: RouteReply): void {
  if (isFromPage(headers)) reply.header('Access-Control-Allow-Origin', headers.origin ?? '');
  reply.header('Vary', 'origin');
}

function isFromPage({ origin }: IncomingHttpHeaders): boolean {
  return origin !== undefined && origin !== '';
}

function pathOf(url: string): string {
  const path = url.split('?', 1)[0] ?? '';
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
