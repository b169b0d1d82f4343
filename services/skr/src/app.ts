import { InternalError, PlatformError } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import type { SkrContext } from './context.ts';
import { registerAttestRoutes } from './routes/attest.ts';
import { registerKeyReleaseRoute } from './routes/key-release.ts';

/** Largest request body, in bytes. */
const BODY_LIMIT = 1024 * 1024;

/**
 * The HTTP interface of the sidecar that containers of a confidential pod call. Every error is `{"error": text}`: 400 for a
 * request that is wrong, 403 for evidence or a token that is not to be had.
 */
export function buildApp(context: SkrContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT, requestTimeoutMs: 60_000 });
  app.setNotFoundHandler(async (request, reply) =>
    reply.code(404).send({ error: `no operation ${request.method} ${request.url.split('?', 1)[0] ?? ''}` }),
  );
  app.setErrorHandler(async (error, request, reply) => {
    const status = statusOf(error);
    context.events.refused(request.routeOptions.url ?? 'unknown', status, error);
    return reply.code(status).send({ error: textOf(error, status) });
  });
  app.get('/status', async () => ({ message: context.ready() ? 'Status OK' : 'Status NOT OK' }));
  registerAttestRoutes(app, context);
  registerKeyReleaseRoute(app, context);
  return app;
}

function statusOf(error: unknown): number {
  if (error instanceof PlatformError) {
    if (error instanceof InternalError) return 500;
    return error.family === 'request' ? 400 : 403;
  }
  const status = (error as { statusCode?: unknown }).statusCode;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}

function textOf(error: unknown, status: number): string {
  if (status === 500) return 'internal error; the log of the sidecar says more';
  if (status === 413) return `the request is longer than ${BODY_LIMIT} bytes`;
  if (!(error instanceof PlatformError)) return 'the request cannot be read';
  return `${error.code}: ${error.message}${error.action === undefined ? '' : ` (${error.action})`}`;
}
