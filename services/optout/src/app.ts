import { createApp, useReferenceCors, useReferenceFallbacks } from '@holdfast/http';
import { useSignedLinks } from '@holdfast/storage';
import type { FastifyInstance } from 'fastify';

import type { OptOutContext } from './context.ts';
import { addHealthRoute } from './routes/health.ts';
import { addRefreshRoute } from './routes/refresh.ts';
import { addReplicateRoute } from './routes/replicate.ts';

const BODY_LIMIT_BYTES = 10 * 1024 * 1024;

/** The whole API of the opt-out service, and the files behind its signed links. No side effects. */
export function buildApp(context: OptOutContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT_BYTES });
  useReferenceFallbacks(app, (error, path) => context.events.requestFailed(path, error));
  useReferenceCors(app);
  addHealthRoute(app, context);
  addRefreshRoute(app, context);
  addReplicateRoute(app, context);
  useSignedLinks(app, context.objects);
  return app;
}
