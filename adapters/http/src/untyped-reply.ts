import type { FastifyInstance, FastifyReply } from 'fastify';

/** Stands for "no content type" until just before the headers are written; Fastify would fill an empty place. */
const UNTYPED = 'x-holdfast/untyped';

/** Sends `text` without a `Content-Type` header, as some UID2 replies require. */
export function sendUntyped(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('content-type', UNTYPED).send(Buffer.from(text));
}

/** Makes `sendUntyped` work on every route of `app`. */
export function useUntypedReplies(app: FastifyInstance): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (reply.getHeader('content-type') === UNTYPED) reply.removeHeader('content-type');
    done(null, payload);
  });
}
