import { cloudEncryptionKeyJson } from '@holdfast/uid2';
import type { FastifyInstance } from 'fastify';

import { requireAccess } from '../authentication/authenticate.ts';
import type { CoreContext } from '../context.ts';
import { sendJson } from '../responses.ts';

/** `GET /cloud_encryption_keys/retrieve`: all keys of the caller's site, old and future ones included. */
export function addCloudEncryptionKeyRoute(app: FastifyInstance, context: CoreContext): void {
  app.get(
    '/cloud_encryption_keys/retrieve',
    requireAccess(context, { roles: ['OPERATOR'], attested: true }, async (request, reply, { operator }) => {
      try {
        const { siteId } = operator;
        const keys = context.cloudEncryptionKeys().filter((key) => key.siteId === siteId);
        if (keys.length === 0) {
          return sendJson(reply, 500, {
            status: 'No Cloud Encryption keys found',
            message: `No Cloud Encryption keys found for siteId: ${siteId ?? null}`,
          });
        }
        return sendJson(reply, 200, { cloud_encryption_keys: keys.map(cloudEncryptionKeyJson) });
      } catch (error) {
        context.events.requestFailed(request.routeOptions.url ?? '', error);
        // The words are those of the reference, though no token is involved.
        return sendJson(reply, 500, { status: 'error', message: 'error generating attestation token' });
      }
    }),
  );
}
