import { Buffer } from 'node:buffer';

import { MalformedError, releaseBytes, RequestError, toBase64 } from '@holdfast/base';
import {
  encodeResponseEnvelope,
  isJsonObject,
  openRequestBody,
  parseEnvelopePayload,
  parseLenientJson,
  refusalOf,
} from '@holdfast/uid2';
import type { ClientRecord, JsonObject, OpenedRequest, Role } from '@holdfast/uid2';
import type { RouteReply } from '@holdfast/http/serving';

import type { OperatorApi } from './api.ts';
import { identifyClient } from './authentication.ts';
import { refuseWhileGated } from './gate.ts';
import type { OperatorHandler, OperatorRequest } from './operator-request.ts';
import { clientError, sendJson, sendRefusal, sendUnauthorized, unbuildable } from './responses.ts';
import type { Answer, Success } from './responses.ts';

/** One authenticated call whose envelope was opened. */
export interface EnvelopedCall {
  readonly client: ClientRecord;
  /** Null when the caller sent none. */
  readonly payload: JsonObject | null;
  /** The one clock reading of this request, milliseconds since the epoch. */
  readonly nowMs: number;
  readonly request: OperatorRequest;
}

/** A call whose payload has not been parsed. */
export interface UnparsedCall extends Omit<EnvelopedCall, 'payload'> {
  /** UTF-8 text. */
  readonly payloadBytes: Uint8Array;
}

/** A successful answer as UTF-8 bytes: the whole JSON document. */
export interface BytesSuccess {
  readonly ok: true;
  readonly bytes: Uint8Array;
}

export type EndpointAnswer = Answer | BytesSuccess;

/** What an endpoint does with a call. What it throws becomes the bare 500 of the reference. */
export type Endpoint = (call: EnvelopedCall) => EndpointAnswer | Promise<EndpointAnswer>;

/** Takes over calls that it would rather not have parsed on this thread; undefined leaves the call to the endpoint. */
export type UnparsedEndpoint = (call: UnparsedCall) => Promise<EndpointAnswer> | undefined;

/**
 * A route of the version 2 protocol: key, then envelope, then endpoint; a 200 is encrypted in the mode in which the request
 * came, an error never. Where envelopes are off, the body is the payload and the reply its JSON.
 */
export function envelopedRoute(
  api: OperatorApi,
  roles: readonly Role[],
  endpoint: Endpoint,
  unparsedEndpoint?: UnparsedEndpoint,
): OperatorHandler {
  const { context } = api;
  const { identityScope: scope, envelopes } = context.settings;
  return async (request, reply) => {
    if (refuseWhileGated(context, reply)) return reply;
    const client = identifyClient(context, request, reply);
    if (client === undefined || refusalOf(client, roles) !== undefined) return sendUnauthorized(reply);
    const nowMs = context.clock();
    if (!envelopes) {
      const payload = readPlainPayload(request.body as Buffer | undefined);
      const answer = await endpoint({ client, payload, nowMs, request });
      return answer.ok ? sendJson(reply, 200, jsonOf(answer)) : sendRefusal(context, request, reply, answer);
    }
    let opened: OpenedRequest;
    let payload: JsonObject | null = null;
    let takenOver: Promise<EndpointAnswer> | undefined;
    try {
      opened = openRequestBody(request.headers['content-type'], request.body as Buffer | undefined, {
        key: client.secret,
        nowMs,
        scope,
      });
      const { payloadBytes } = opened;
      if (request.body !== undefined) releaseBytes(request.body as Buffer);
      if (payloadBytes !== null) takenOver = unparsedEndpoint?.({ client, payloadBytes, nowMs, request });
      if (takenOver === undefined) payload = parseEnvelopePayload(payloadBytes);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return sendRefusal(context, request, reply, clientError(error.message));
    }
    if (opened.mode === 'text' && isOctetStream(request)) {
      const { contact, siteId } = client;
      context.logger.info({ contact, siteId, path: request.routeOptions.url }, 'Base64 text came as octet-stream');
    }
    const answer = await (takenOver ?? endpoint({ client, payload, nowMs, request }));
    if (!answer.ok) return sendRefusal(context, request, reply, answer);
    let sealed: Uint8Array;
    try {
      sealed = encodeResponseEnvelope(jsonOf(answer), opened.nonce, client.secret, nowMs, context.random);
    } catch (cause) {
      return sendRefusal(context, request, reply, unbuildable(cause));
    }
    if ('bytes' in answer) releaseBytes(answer.bytes);
    return sendSealed(reply, sealed, opened.mode === 'binary');
  };
}

function isOctetStream(request: OperatorRequest): boolean {
  return request.headers['content-type']?.toLowerCase() === 'application/octet-stream';
}

/**
 * A body that is the payload itself; null when there is none.
 * @throws MalformedError JSON_INVALID, which becomes the bare 500
 */
function readPlainPayload(body: Buffer | undefined): JsonObject | null {
  if (body === undefined || body.length === 0) return null;
  const payload = parseLenientJson(body.toString('utf8'));
  if (payload !== null && !isJsonObject(payload))
    throw new MalformedError('JSON_INVALID', 'the body is no JSON object');
  return payload;
}

function jsonOf(answer: Success | BytesSuccess): string | Uint8Array {
  return 'bytes' in answer ? answer.bytes : answer.json;
}

/** Replies of this many letters go out as bytes: the runtime takes three times as much memory for writing text. */
const LARGE_REPLY = 64 * 1024;

/** Encrypted bytes as they are, or as Base64 text. SDKs compare the content types as a whole. */
export function sendSealed(reply: RouteReply, sealed: Uint8Array, binary: boolean): RouteReply {
  if (binary) return sendBytes(reply.header('content-type', 'application/octet-stream'), sealed);
  const text = toBase64(sealed);
  releaseBytes(sealed);
  reply.header('content-type', 'text/plain');
  return text.length < LARGE_REPLY ? reply.send(text) : sendBytes(reply, Buffer.from(text, 'latin1'));
}

function sendBytes(reply: RouteReply, bytes: Uint8Array): RouteReply {
  if (bytes.length >= LARGE_REPLY) reply.raw.once('finish', () => releaseBytes(bytes));
  return reply.send(bytes);
}
