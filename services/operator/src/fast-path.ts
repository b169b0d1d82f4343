import { allowOrigin, dropMalformedContentType, FastPath, sendFailure } from '@holdfast/http/serving';
import type { ConnectionBalance, PlainHandler } from '@holdfast/http/serving';
import type { FastifyInstance } from 'fastify';

import { PlainOperatorRequest } from './operator-request.ts';
import type { OperatorHandler, ResponseObserver } from './operator-request.ts';

/** Bun's servers have no connections of their own to take. */
const HAS_CONNECTIONS = process.versions['bun'] === undefined;

/**
 * Puts the fast path before the server of `app`, with what the hooks of `app` do for every request. Answers what takes the routes that
 * it is to serve.
 */
export function useFastPath(
  app: FastifyInstance,
  {
    onResponse,
    onFailure,
    connections,
  }: {
    readonly onResponse: ResponseObserver;
    readonly onFailure: (error: unknown, path: string) => void;
    /** When other threads share the port. */
    readonly connections: ConnectionBalance | undefined;
  },
): { readonly post: (path: string, handler: OperatorHandler) => void } {
  const fastPath = new FastPath<PlainOperatorRequest>({
    createRequest: (received, socket) => new PlainOperatorRequest(received, socket),
    onResponse,
    onFailure: (error, request, reply) =>
      sendFailure(reply, error, (cause) => onFailure(cause, request.routeOptions.url)),
    keepAliveMs: app.server.keepAliveTimeout,
    ...(connections === undefined ? {} : { connections }),
  });
  if (HAS_CONNECTIONS) fastPath.attach(app.server);
  app.addHook('preClose', (done) => {
    fastPath.close();
    done();
  });
  return { post: (path, handler) => fastPath.post(path, withHeaders(handler)) };
}

function withHeaders(handler: OperatorHandler): PlainHandler<PlainOperatorRequest> {
  return (request, reply) => {
    dropMalformedContentType(request.headers);
    allowOrigin(request.headers, reply);
    return handler(request, reply);
  };
}
