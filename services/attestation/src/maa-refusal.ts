import type { FastifyReply } from 'fastify';

/** Error codes of the attestation service on the wire. */
export type MaaErrorCode =
  | 'InvalidParameter'
  | 'InvalidOperation'
  | 'Unauthorized'
  | 'NotFound'
  | 'ServiceUnavailable'
  | 'InternalServerError';

/** Answers with the error body of Microsoft Azure Attestation. */
export async function sendRefusal(
  reply: FastifyReply,
  status: number,
  code: MaaErrorCode,
  message: string,
): Promise<FastifyReply> {
  return reply
    .code(status)
    .header('Content-Type', 'application/json; charset=utf-8')
    .send({ error: { code, message } });
}
