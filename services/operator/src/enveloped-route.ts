import { Buffer } from 'node:buffer';

import { RequestError } from '@holdfast/base';
import { encodeResponseEnvelope, readRequestBody, refusalOf } from '@holdfast/uid2';
import type { ClientRecord, JsonObject, ReceivedRequest, Role } from '@holdfast/uid2';
import type { FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';

import type { OperatorApi } from './api.ts';
import { identifyClient } from './authentication.ts';
import { refuseWhileGated } from './gate.ts';
import { clientError, sendRefusal, sendUnauthorized, unbuildable } from './responses.ts';
import type { Answer } from './responses.ts';

/** One authenticated call whose envelope was opened. */
export interface EnvelopedCall {
  readonly client: ClientRecord;
  /** Null when the caller sent none. */
  readonly payload: JsonObject | null;
  /** The one clock reading of this request, milliseconds since the epoch. */
  readonly nowMs: number;
  readonly request: FastifyRequest;
}

/** What an endpoint does with a call. What it throws becomes the bare 500 of the reference. */
export type Endpoint = (call: EnvelopedCall) => Answer | Promise<Answer>;

/**
 * A route of the version 2 protocol: key, then envelope, then endpoint; a 200 is encrypted in the mode in which the request
 * came, an error never.
 */
export function envelopedRoute(api: OperatorApi, roles: readonly Role[], endpoint: Endpoint): RouteHandlerMethod {
  const { context } = api;
  const scope = context.settings.identityScope;
  return async (request, reply) => {
    if (refuseWhileGated(context, reply)) return reply;
    const client = identifyClient(context, request, reply);
    if (client === undefined || refusalOf(client, roles) !== undefined) return sendUnauthorized(reply);
    const nowMs = context.clock();
    let received: ReceivedRequest;
    try {
      received = readRequestBody(request.headers['content-type'], request.body as Buffer | undefined, {
        key: client.secret,
        nowMs,
        scope,
      });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return sendRefusal(context, request, reply, clientError(error.message));
    }
    const answer = await endpoint({ client, payload: received.payload, nowMs, request });
    if (!answer.ok) return sendRefusal(context, request, reply, answer);
    let sealed: Uint8Array;
    try {
      sealed = encodeResponseEnvelope(answer.json, received.nonce, client.secret, nowMs, context.random);
    } catch (cause) {
      return sendRefusal(context, request, reply, unbuildable(cause));
    }
    return sendSealed(reply, sealed, received.mode === 'binary');
  };
}

/** Encrypted bytes as they are, or as Base64 text. SDKs compare the content types as a whole. */
export function sendSealed(reply: FastifyReply, sealed: Uint8Array, binary: boolean): FastifyReply {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (binary) return reply.header('content-type', 'application/octet-stream').send(bytes);
  return reply.header('content-type', 'text/plain').send(Buffer.from(bytes.toString('base64'), 'latin1'));
}
