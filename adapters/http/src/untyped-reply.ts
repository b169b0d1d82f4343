import type { FastifyInstance } from 'fastify';

import type { RouteReply } from './route-messages.ts';

/** Stands for "no content type" until just before the headers are written; Fastify would fill an empty place. */
export const UNTYPED = 'x-holdfast/untyped';

/** Sends `text` without a `Content-Type` header, as some UID2 replies require. */
export function sendUntyped<Reply extends RouteReply>(reply: Reply, text: string): Reply {
  reply.header('content-type', UNTYPED).send(Buffer.from(text));
  return reply;
}

/** Makes `sendUntyped` work on every route of `app`. */
export function useUntypedReplies(app: FastifyInstance): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (reply.getHeader('content-type') === UNTYPED) reply.removeHeader('content-type');
    done(null, payload);
  });
}
