import type { FastifyReply } from 'fastify';

/** Ends a request with compact JSON. */
export function sendJson(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply
    .code(status)
    .header('Content-Type', 'application/json')
    .send(Buffer.from(JSON.stringify(body)));
}
