import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { TrusteeContext } from './context.ts';
import { KbsRefusal } from './kbs/kbs-refusal.ts';
import {
  deleteReferenceValue,
  listResourcePolicies,
  readReferenceValue,
  registerReferenceValues,
  setAttestationPolicy,
  setResourcePolicy,
} from './routes/admin-routes.ts';
import { handleAttest, handleAuth } from './routes/handshake-routes.ts';
import type { KbsReply } from './routes/reply.ts';
import { handleResource } from './routes/resource-routes.ts';
import { answerSample } from './routes/sample-route.ts';
import { parseTarget } from './routes/target.ts';

/** Tokens with the claims of an evidence and certificates travel in headers. */
const MAX_HEADER_BYTES = 128 * 1024;
const KBS = '/kbs/v0/';

/** Whom an address serves. Guests and administrators may be kept apart, so that a network rule can be. */
export type Audience = 'everyone' | 'guests' | 'administrators';

/** The key broker (KBS protocol 0.4.0). No side effects: `inject` works at once. */
export function buildApp(context: TrusteeContext, audience: Audience = 'everyone'): FastifyInstance {
  const app = createApp({
    bodyLimitBytes: context.bodyLimitBytes,
    maxHeaderBytes: MAX_HEADER_BYTES,
    ...(context.tls === undefined ? {} : { tls: context.tls }),
  });
  app.setErrorHandler(async (error, request, reply) => sendError(context, error, request, reply));
  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send());
  app.addHook('onResponse', (request, reply, done) => {
    const path = request.originalUrl;
    if (path.startsWith(KBS)) {
      const [endpoint = ''] = path.slice(KBS.length).split(/[/?]/, 1);
      context.events.answered(endpoint, reply.statusCode, reply.elapsedTime / 1000);
    }
    done();
  });
  app.route({
    method: ['GET', 'POST', 'PUT', 'DELETE'],
    url: '/kbs/v0/*',
    handler: async (request, reply) => send(reply, await dispatch(context, request, audience)),
  });
  app.route({
    method: ['PATCH', 'OPTIONS', 'HEAD'],
    url: '/kbs/v0/*',
    handler: async (_request, reply) => reply.code(405).send(),
  });
  app.get('/healthz', async (_request, reply) => reply.code(200).send());
  app.get('/metrics', async (_request, reply) =>
    reply.header('Content-Type', context.metrics.contentType).send(await context.metrics.metrics()),
  );
  app.post('/metrics', async (_request, reply) => reply.code(405).send());
  return app;
}

async function dispatch(context: TrusteeContext, request: FastifyRequest, audience: Audience): Promise<KbsReply> {
  const target = parseTarget(request.originalUrl);
  checkAudience(audience, request.method, target.plugin);
  const body = Buffer.isBuffer(request.body) ? new Uint8Array(request.body) : new Uint8Array();
  const { authorization, cookie } = request.headers;
  const admin = { authorization, target, body };
  switch (`${request.method} ${target.plugin}`) {
    case 'POST auth':
      return handleAuth(context, body);
    case 'POST attest':
      return handleAttest(context, { id: request.id, cookies: cookie, body });
    case 'POST attestation-policy':
      return setAttestationPolicy(context, admin);
    case 'POST resource-policy':
      return setResourcePolicy(context, admin);
    case 'GET resource-policy':
      return listResourcePolicies(context, admin);
    case 'POST reference-value':
      return registerReferenceValues(context, admin);
    case 'GET reference-value':
      return readReferenceValue(context, admin);
    case 'DELETE reference-value':
      return deleteReferenceValue(context, admin);
    default:
  }
  if (target.plugin === 'sample' && context.samplePlugin) return answerSample(context, admin);
  if (target.plugin !== 'resource' || context.resources === undefined) {
    throw new KbsRefusal('PluginNotFound', `Plugin ${target.plugin.slice(0, 100)} not found`);
  }
  const { id, method } = request;
  return handleResource(context, context.resources, { id, method, cookies: cookie, ...admin });
}

const GUEST_REQUESTS: ReadonlySet<string> = new Set(['POST auth', 'POST attest', 'GET resource']);

/** @throws KbsRefusal for what this address does not serve, before anybody is asked who he is */
function checkAudience(audience: Audience, method: string, plugin: string): void {
  const isForGuests = GUEST_REQUESTS.has(`${method} ${plugin}`);
  if (audience === 'administrators' && isForGuests) {
    throw new KbsRefusal('PluginNotFound', `Plugin ${plugin} not found`);
  }
  if (audience !== 'guests' || isForGuests) return;
  const reason = 'Admin access denied: administrators are served at another address';
  throw new KbsRefusal('AdminAuthAccess', `admin access denied for endpoint ${plugin.slice(0, 100)}: ${reason}`);
}

function send(reply: FastifyReply, { body, contentType, cookie }: KbsReply): FastifyReply {
  if (contentType !== undefined) reply.header('Content-Type', contentType);
  if (cookie !== undefined) reply.header('Set-Cookie', cookie);
  return reply.code(200).send(typeof body === 'string' ? Buffer.from(body, 'utf8') : Buffer.from(body));
}

/** Every refusal has the form clients parse; only the framework's own have none. */
async function sendError(
  context: TrusteeContext,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) return reply.code(status).send();
  const refusal =
    error instanceof KbsRefusal ? error : new KbsRefusal('PluginInternalError', 'Plugin internal error', error);
  context.events.requestRefused(request.id, request.originalUrl, refusal.variant, refusal);
  return reply
    .code(refusal.status)
    .header('Content-Type', 'application/json')
    .send(Buffer.from(refusal.body(), 'utf8'));
}
