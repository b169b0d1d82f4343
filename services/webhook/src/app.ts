import { admissionAnswer, parseAdmissionReview } from '@holdfast/admission';
import type { Mutation } from '@holdfast/admission';
import { errorMessage, fromUtf8, MalformedError, PlatformError } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { MutationName } from './config.ts';
import type { WebhookContext } from './context.ts';
import { mutationPath } from './registration.ts';

/** Objects of a cluster have 1.5 MiB at most; a review may hold two of them. */
const BODY_LIMIT = 4 * 1024 * 1024;
/** Path of the reference webhooks, for a service with one mutation. */
const ONLY_PATH = '/mutate-v1-pod';

/** The webhook as API servers call it. No side effects: `inject` works at once. */
export function buildApp(context: WebhookContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT, ...(context.tls === undefined ? {} : { tls: context.tls }) });
  app.setErrorHandler(async (error, _request, reply) => {
    if (error instanceof MalformedError) {
      context.events.unreadable(error.message);
      return reply.code(400).type('text/plain').send(error.message);
    }
    const status = (error as { statusCode?: unknown }).statusCode;
    if (typeof status === 'number' && status < 500)
      return reply.code(status).type('text/plain').send(errorMessage(error));
    context.events.failed(error);
    const reason = error instanceof PlatformError ? error.message : 'internal error';
    return reply.code(500).type('text/plain').send(reason);
  });
  for (const [name, mutation] of context.mutations) {
    const route = admissionRoute(context, name, mutation);
    app.post(mutationPath(name), route);
    if (context.mutations.size === 1) app.post(ONLY_PATH, route);
  }
  return app;
}

function admissionRoute(context: WebhookContext, name: MutationName, mutation: Mutation) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const begun = context.monotonic();
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
    const review = parseAdmissionReview(fromUtf8(body));
    const decision = await mutation(review);
    if (decision.allowed) context.events.answered(name, review.namespace, (context.monotonic() - begun) / 1000);
    else context.events.denied(name, review.namespace, decision.message);
    return reply.type('application/json').send(JSON.stringify(admissionAnswer(review, decision)));
  };
}
