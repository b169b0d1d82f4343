import { createApp, refuseFormsOnGet, useReferenceCors, useReferenceFallbacks } from '@holdfast/http';
import { useSignedLinks } from '@holdfast/storage';
import type { FastifyInstance } from 'fastify';

import type { CoreContext } from './context.ts';
import { addAttestRoute } from './routes/attest.ts';
import { addCloudEncryptionKeyRoute } from './routes/cloud-encryption-keys.ts';
import { addHealthRoute } from './routes/health.ts';
import { addMetadataRoutes } from './routes/metadata.ts';
import { addOperatorConfigRoute } from './routes/operator-config.ts';

const BODY_LIMIT_BYTES = 10 * 1024 * 1024;

/** The text of the reference, stray quotation mark included. */
const FORM_REFUSED = 'Content-Type "multipart/*" Not Allowed"';

/** The whole API of Core. No side effects; serve it only after `context.loadSeeds()`. */
export function buildApp(context: CoreContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT_BYTES });
  useReferenceFallbacks(app, (error, path) => context.events.requestFailed(path, error));
  useReferenceCors(app);
  refuseFormsOnGet(app, FORM_REFUSED);
  addHealthRoute(app, context);
  addAttestRoute(app, context);
  addMetadataRoutes(app, context);
  addCloudEncryptionKeyRoute(app, context);
  addOperatorConfigRoute(app, context);
  useSignedLinks(app, context.objects);
  return app;
}
