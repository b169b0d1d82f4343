import type { FastifyInstance } from 'fastify';

import type { RouteReply } from './route-messages.ts';
import { sendUntyped } from './untyped-reply.ts';

// Not imported: that would ask the module for all it has, and so load Node's own HTTP client and web streams in every thread.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

const NOT_FOUND = '<html><body><h1>Resource not found</h1></body></html>';

/**
 * Answers what no handler answered the way the UID2 reference services do: 404 as HTML, 405 with `Allow` and no body,
 * and every other failure as the bare reason phrase without a content type (413 is `Request Too Long`).
 * Call it before routes are added: it learns the methods of each path from the routes that follow.
 * `onFailure` sees every failure that no handler dealt with, for the log.
 */
export function useReferenceFallbacks(app: FastifyInstance, onFailure: (error: unknown, path: string) => void): void {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', (route) => {
    const known = methods.get(route.url) ?? new Set<string>();
    for (const method of [route.method].flat()) known.add(method);
    methods.set(route.url, known);
  });
  app.setNotFoundHandler(async (request, reply) => {
    const path = (request.url.split('?', 1)[0] ?? '').replaceAll(/\/{2,}/g, '/');
    const allowed = methods.get(path) ?? methods.get(path.replace(/\/$/, ''));
    if (allowed !== undefined)
      return reply
        .code(405)
        .header('Allow', [...allowed].join(','))
        .send();
    return reply.code(404).header('Content-Type', 'text/html; charset=utf-8').send(NOT_FOUND);
  });
  app.setErrorHandler(async (error, request, reply) =>
    sendFailure(reply, error, (cause) => onFailure(cause, request.routeOptions.url ?? request.url)),
  );
}

/** Answers what a handler threw; `onFailure` sees it if it is a failure of the service. */
export function sendFailure<Reply extends RouteReply>(
  reply: Reply,
  error: unknown,
  onFailure: (error: unknown) => void,
): Reply {
  const status = statusOf(error);
  if (status >= 500) onFailure(error);
  return sendReason(reply, status);
}

/** Ends a request with the bare reason phrase of `status`, without a content type. */
export function sendReason<Reply extends RouteReply>(reply: Reply, status: number): Reply {
  const reason = status === 413 ? 'Request Too Long' : (STATUS_CODES[status] ?? '');
  reply.code(status);
  return sendUntyped(reply, reason);
}

function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown }).statusCode;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : 500;
}
