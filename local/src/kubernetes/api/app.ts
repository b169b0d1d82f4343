import { randomBytes } from 'node:crypto';

import { errorMessage } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { createWebhookAdmission } from './admission.ts';
import type { WebhookAdmissionOptions } from './admission.ts';
import type {
  PodBackend,
  RequestAttributes,
  ServiceAccountToken,
  ServiceAccountTokenRequest,
  User,
} from './backend.ts';
import { createWebhookCaller } from './call-webhook.ts';
import type { ClusterStore } from './cluster-store.ts';
import { serveApi } from './http/serve.ts';
import { StatusError } from './status.ts';

export interface KubernetesAppOptions {
  readonly store: ClusterStore;
  /** Who a bearer token belongs to; undefined refuses it with 401. */
  readonly authenticate: (token: string) => Promise<User | undefined>;
  /** Everything is allowed when not given. */
  readonly authorize?: (user: User, attributes: RequestAttributes) => boolean;
  readonly backend: PodBackend;
  readonly clock: Clock;
  /** Version that the server says it has; `v1.34.2` when not given. */
  readonly version?: string;
  /**
   * Documents for everybody, by path: those of the issuer of service account tokens, which whoever trusts it reads without being
   * a user here. Undefined for all other paths.
   * @see Kubernetes, service account issuer discovery
   */
  readonly publicDocument?: (path: string) => unknown;
  /** Makes tokens for service accounts; without it such requests are refused with 503. */
  readonly issueToken?: (request: ServiceAccountTokenRequest) => Promise<ServiceAccountToken>;
  /** Where services answer, for webhooks that name one. Without it only webhooks with a URL are reached. */
  readonly serviceUrl?: WebhookAdmissionOptions['serviceUrl'];
  /** Calls webhooks; over the network when not given. */
  readonly callWebhook?: WebhookAdmissionOptions['call'];
  /** PEM. kubectl sends no credentials over plain http. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Hears of failures that are nobody's request: our bugs and the backend's. */
  readonly onError?: (error: unknown) => void;
}

const MAX_BODY_BYTES = 3 * 1024 * 1024;

/**
 * The Kubernetes API of a cluster store: discovery, the verbs with tables and watches, server-side apply, logs and proxies. Turns on
 * the store's admission by webhooks.
 */
export function buildKubernetesApp(options: KubernetesAppOptions): FastifyInstance {
  const { store } = options;
  const app = createApp({
    bodyLimitBytes: MAX_BODY_BYTES,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  const caller = options.callWebhook === undefined ? createWebhookCaller() : undefined;
  const call = options.callWebhook ?? caller?.call;
  if (call !== undefined) {
    const serviceUrl = options.serviceUrl ?? ((): undefined => undefined);
    store.setAdmission(createWebhookAdmission({ store, call, randomBytes, serviceUrl }));
  }
  /** Ends what would keep the server from closing: watches and logs that are followed. */
  const open = new Set<() => void>();
  app.addHook('preClose', async () => {
    for (const end of open) end();
  });
  app.addHook('onClose', async () => {
    store.setAdmission(undefined);
    await caller?.close();
  });
  app.setErrorHandler(async (error, _request, reply) => sendStatus(reply, refusalOf(error, options.onError)));
  app.setNotFoundHandler(async (_request, reply) =>
    sendStatus(reply, new StatusError('NotFound', 'the server could not find the requested resource')),
  );
  const handle = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const closed = new AbortController();
    const end = (): void => closed.abort();
    open.add(end);
    reply.raw.once('close', () => {
      open.delete(end);
      closed.abort();
    });
    return serveApi(options, open, request, reply, closed.signal);
  };
  app.route({ method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'], url: '/*', handler: handle });
  return app;
}

function sendStatus(reply: FastifyReply, refusal: StatusError): FastifyReply {
  if (refusal.reason === 'Unauthorized') void reply.header('www-authenticate', 'Bearer');
  return reply
    .code(refusal.status.code)
    .header('content-type', 'application/json')
    .send(JSON.stringify(refusal.status));
}

function refusalOf(error: unknown, onError: KubernetesAppOptions['onError']): StatusError {
  if (error instanceof StatusError) return error;
  const status = (error as { readonly statusCode?: unknown }).statusCode;
  if (status === 413) return new StatusError('RequestEntityTooLarge', 'Request entity too large: limit is 3145728');
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new StatusError('BadRequest', errorMessage(error));
  onError?.(error);
  return new StatusError('InternalError', 'Internal error occurred');
}
