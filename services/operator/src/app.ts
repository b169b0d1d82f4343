import { createApp, useReferenceFallbacks } from '@holdfast/http/serving';
import type { ConnectionBalance } from '@holdfast/http/serving';
import type { FastifyInstance } from 'fastify';

import { createApi } from './api.ts';
import type { OperatorContext } from './context.ts';
import { useOperatorCors } from './cors.ts';
import { envelopedRoute } from './enveloped-route.ts';
import { useFastPath } from './fast-path.ts';
import type { OperatorHandler, ResponseObserver } from './operator-request.ts';
import { describeCause } from './responses.ts';
import { clientGenerate } from './routes/client-generate.ts';
import { identityBuckets } from './routes/identity-buckets.ts';
import { identityMap } from './routes/identity-map.ts';
import { keyBidstream, keyLatest, keySharing } from './routes/keys.ts';
import { opsRoutes } from './routes/ops.ts';
import { optOutStatus } from './routes/optout-status.ts';
import { tokenGenerate } from './routes/token-generate.ts';
import { tokenLogout } from './routes/token-logout.ts';
import { tokenRefresh } from './routes/token-refresh.ts';
import { tokenValidate } from './routes/token-validate.ts';
import { usageRecorder } from './usage-statistics.ts';

const BODY_LIMIT_BYTES = 1_048_576;

/**
 * The UID2 operator's API over `context`. Opens nothing: call it with `inject`, or give it to `listen`.
 * @param connections When it is to be given to a listener that shares its port with those of other threads.
 * @see UID2 documentation, "UID2 Endpoints"
 */
export function buildApp(context: OperatorContext, connections?: ConnectionBalance): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT_BYTES });
  const api = createApi(context);
  app.decorateRequest('operatorClient', null);
  app.decorateRequest('operatorSiteId', null);
  app.decorateRequest('serviceTags', null);
  const recordUsage = usageRecorder(context);
  const onResponse: ResponseObserver = (request, reply) => {
    api.metrics.request(request, reply);
    recordUsage(request, reply);
  };
  const onFailure = (error: unknown, path: string): void =>
    context.logger.error({ path, ...describeCause(error) }, 'request failed');
  app.addHook('onResponse', (request, reply, done) => {
    onResponse(request, reply);
    done();
  });
  useOperatorCors(app);
  useReferenceFallbacks(app, onFailure);
  const fastPath = useFastPath(app, { onResponse, onFailure, connections });
  const post = (path: string, handler: OperatorHandler): void => {
    app.post(path, handler);
    fastPath.post(path, handler);
  };

  post('/v2/token/generate', envelopedRoute(api, ['GENERATOR'], tokenGenerate(api)));
  const { clientSide, optOutStatusApiEnabled } = context.settings;
  if (clientSide !== undefined) post('/v2/token/client-generate', clientGenerate(api, clientSide));
  post('/v2/token/refresh', tokenRefresh(api));
  post('/v2/token/validate', envelopedRoute(api, ['GENERATOR'], tokenValidate(api)));
  post('/v2/token/logout', envelopedRoute(api, ['OPTOUT'], tokenLogout(api)));
  post('/v2/identity/map', identityMap(api, 'v2'));
  post('/v3/identity/map', identityMap(api, 'v3'));
  post('/v2/identity/buckets', envelopedRoute(api, ['MAPPER'], identityBuckets(api)));
  if (optOutStatusApiEnabled) {
    post('/v2/optout/status', envelopedRoute(api, ['MAPPER', 'SHARER', 'ID_READER'], optOutStatus(api)));
  }
  post('/v2/key/latest', envelopedRoute(api, ['ID_READER'], keyLatest(api)));
  post('/v2/key/sharing', envelopedRoute(api, ['SHARER', 'ID_READER'], keySharing(api)));
  post('/v2/key/bidstream', envelopedRoute(api, ['ID_READER'], keyBidstream(api)));
  opsRoutes(app, context);
  app.addHook('onListen', () => api.mapWorkers.warm());
  app.addHook('onClose', () => api.mapWorkers.stop());
  return app;
}
