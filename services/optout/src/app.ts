import { createApp, refuseFormsOnGet, useReferenceCors, useReferenceFallbacks } from '@holdfast/http';
import { useSignedLinks } from '@holdfast/storage';
import type { FastifyInstance } from 'fastify';

import type { OptOutContext } from './context.ts';
import { addDeltaProduceRoutes } from './routes/delta-produce.ts';
import { addHealthRoute } from './routes/health.ts';
import { addPartnerMockRoute } from './routes/partner-mock.ts';
import { addRefreshRoute } from './routes/refresh.ts';
import { addReplicateRoute } from './routes/replicate.ts';

const BODY_LIMIT_BYTES = 10 * 1024 * 1024;

/** The text of the framework that the reference is built on. */
const FORM_REFUSED = 'Request method must be one of POST, PUT, PATCH or DELETE to decode a multipart request';

/** The whole API of the opt-out service, and the files behind its signed links. No side effects. */
export function buildApp(context: OptOutContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT_BYTES });
  useReferenceFallbacks(app, (error, path) => context.events.requestFailed(path, error));
  useReferenceCors(app);
  refuseFormsOnGet(app, FORM_REFUSED);
  addHealthRoute(app, context);
  addRefreshRoute(app, context);
  addReplicateRoute(app, context);
  if (context.config.optout_partner_endpoint_mock) addPartnerMockRoute(app);
  useSignedLinks(app, context.objects);
  return app;
}

/** What is served at the next port, for whoever schedules the production of deltas. No side effects. */
export function buildProducerApp(context: OptOutContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT_BYTES });
  useReferenceFallbacks(app, (error, path) => context.events.requestFailed(path, error));
  addDeltaProduceRoutes(app, context);
  return app;
}
