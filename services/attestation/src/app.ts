import { randomUUID } from 'node:crypto';

import { createApp } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import type { AttestationContext } from './context.ts';
import { sendRefusal } from './maa-refusal.ts';
import { registerAttestRoute } from './routes/attest.ts';
import { registerManagementRoutes } from './routes/management.ts';
import { registerMetadataRoutes } from './routes/metadata.ts';

/** Largest attestation request, in bytes. */
const BODY_LIMIT = 1024 * 1024;
const SERVICE_VERSION = 'holdfast';

/** The attestation service with the interface of Microsoft Azure Attestation. No side effects: `inject` works at once. */
export function buildApp(context: AttestationContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT, ...(context.tls === undefined ? {} : { tls: context.tls }) });
  app.setGenReqId(() => randomUUID());
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-ms-request-id', request.id).header('x-ms-maa-service-version', SERVICE_VERSION);
  });
  app.setNotFoundHandler(async (_request, reply) => sendRefusal(reply, 404, 'NotFound', 'No such operation.'));
  app.setErrorHandler(async (error, request, reply) => {
    const status = (error as { statusCode?: unknown }).statusCode;
    if (status === 413) {
      return sendRefusal(reply, 413, 'InvalidParameter', `The request is longer than ${BODY_LIMIT} bytes.`);
    }
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return sendRefusal(reply, status, 'InvalidParameter', 'The request cannot be read.');
    }
    context.events.requestFailed(request.id, error);
    return sendRefusal(reply, 500, 'InternalServerError', `Internal error. Request id: ${request.id}`);
  });
  registerAttestRoute(app, context);
  registerMetadataRoutes(app, context);
  registerManagementRoutes(app, context);
  return app;
}
