import { errorMessage, fromUtf8, PlatformError } from '@holdfast/base';
import { sendUntyped } from '@holdfast/http';
import type { FastifyInstance } from 'fastify';

import { requireAccess } from '../authentication/authenticate.ts';
import type { CoreContext } from '../context.ts';

/** `GET /operator/config`: the runtime configuration of operators, `{"version":n,"runtime_config":{…}}`. */
export function addOperatorConfigRoute(app: FastifyInstance, context: CoreContext): void {
  app.get(
    '/operator/config',
    requireAccess(context, { roles: ['OPERATOR'], attested: true }, async (request, reply) => {
      const fail = (problem: string, error: unknown) => {
        context.events.requestFailed(request.routeOptions.url ?? '', error);
        return sendUntyped(reply.code(500), `${problem}: ${reasonOf(error)}`);
      };
      let text: string;
      try {
        text = fromUtf8(await context.objects.read(context.config.operator_config_path));
      } catch (error) {
        return fail('Failed to retrieve configuration', error);
      }
      try {
        const pretty = JSON.stringify(JSON.parse(text), undefined, 2);
        return await reply.header('Content-Type', 'application/json').send(Buffer.from(pretty));
      } catch (error) {
        return fail('Failed to parse configuration', error);
      }
    }),
  );
}

/** Our errors name the object, not the folder it lies in; those of the file system would. */
function reasonOf(error: unknown): string {
  if (error instanceof PlatformError) return error.code;
  return error instanceof SyntaxError ? errorMessage(error) : 'internal error';
}
