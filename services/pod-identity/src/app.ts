import { errorMessage } from '@holdfast/base';
import { createApp } from '@holdfast/http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import type { NmiContext } from './context.ts';
import { textAnswer } from './nmi/http-values.ts';
import type { NmiAnswer } from './nmi/http-values.ts';

/** Bodies go on to the metadata service, which takes none of its own. */
const BODY_LIMIT = 64 * 1024;
const ONLY_ROUTE = '/';

/**
 * The listener that pods reach in place of the metadata service. Every request has one route here: which handler it belongs to is
 * decided by the path as it was sent, before anything has tidied it.
 */
export function buildApp(context: NmiContext): FastifyInstance {
  const app = createApp({ bodyLimitBytes: BODY_LIMIT, rewriteUrl: () => ONLY_ROUTE });
  app.setErrorHandler(async (error, _request, reply) => {
    const status = (error as { statusCode?: unknown }).statusCode;
    const known = typeof status === 'number' && status < 500 ? status : 500;
    if (known === 500) context.events.failed(errorMessage(error));
    return send(reply, textAnswer(known, known === 500 ? 'internal error' : errorMessage(error)), context);
  });
  const waiting = new Map<string, number>();
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const address = request.socket.remoteAddress ?? '';
    const others = waiting.get(address) ?? 0;
    if (others >= context.maxWaitingPerPod) {
      return send(reply.header('retry-after', '5'), textAnswer(503, 'too many requests of this address wait'), context);
    }
    waiting.set(address, others + 1);
    const gone = new AbortController();
    const onClose = (): void => gone.abort();
    reply.raw.once('close', onClose);
    try {
      const { socket } = request;
      return await send(
        reply,
        await context.server({
          method: request.method,
          target: request.originalUrl,
          rawHeaders: request.raw.rawHeaders,
          remote: address === '' ? '' : `${address}:${socket.remotePort ?? 0}`,
          body: request.body instanceof Uint8Array ? request.body : undefined,
          signal: gone.signal,
        }),
        context,
      );
    } finally {
      reply.raw.off('close', onClose);
      const rest = (waiting.get(address) ?? 1) - 1;
      if (rest === 0) waiting.delete(address);
      else waiting.set(address, rest);
    }
  };
  // Every method that Node reads is taken: none is checked.
  app.all(ONLY_ROUTE, answer);
  app.setNotFoundHandler(answer);
  return app;
}

function send(reply: FastifyReply, answer: NmiAnswer, { jsonErrors }: Pick<NmiContext, 'jsonErrors'>): FastifyReply {
  const { status, headers, body } = jsonErrors ? asJson(answer) : answer;
  reply.code(status);
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  return reply.send(Buffer.from(body as Uint8Array));
}

const ERROR_NAMES: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  403: 'access_denied',
  404: 'identity_not_found',
  500: 'server_error',
  503: 'temporarily_unavailable',
};

/** An error text as the envelope that the Azure SDKs read. */
function asJson(answer: NmiAnswer): NmiAnswer {
  const { status, headers, body } = answer;
  if (typeof body !== 'string' || headers['content-type'] !== 'text/plain; charset=utf-8') return answer;
  const error = ERROR_NAMES[status] ?? 'server_error';
  return {
    status,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
    body: `${JSON.stringify({ error, error_description: body.trimEnd() })}\n`,
  };
}
