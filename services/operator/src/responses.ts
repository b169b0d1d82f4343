import { Buffer } from 'node:buffer';

import { errorMessage, PlatformError } from '@holdfast/base';
import type { RouteReply } from '@holdfast/http/serving';

import type { OperatorContext } from './context.ts';
import { JsonBytes, jsonPiece } from './json-bytes.ts';
import type { OperatorRequest } from './operator-request.ts';

/** The status words of the UID2 operator API. */
export type StatusWord =
  | 'success'
  | 'optout'
  | 'client_error'
  | 'invalid_token'
  | 'expired_token'
  | 'error'
  | 'unauthorized'
  | 'invalid_client'
  | 'invalid_http_origin'
  | 'invalid_app_name'
  | 'unknown';

/** A reply with HTTP status 200; enveloped endpoints encrypt its text. */
export interface Success {
  readonly ok: true;
  /** The whole JSON document. */
  readonly json: string;
}

/** An error reply: never encrypted, always `{"status":…,"message":…}`. */
export interface Refusal {
  readonly ok: false;
  readonly httpStatus: 400 | 401 | 403 | 500;
  readonly status: StatusWord;
  readonly message: string;
  /** Overrides the level that goes with the status. */
  readonly level?: 'error';
  /** What went wrong inside, for the log only. */
  readonly cause?: unknown;
}

export type Answer = Success | Refusal;

export const OPTED_OUT: Success = { ok: true, json: '{"status":"optout"}' };
export const INSUFFICIENT_CONSENT: Success = { ok: true, json: '{"status":"insufficient_user_consent"}' };

/** `{"status":"success","body":…}` around a body that is JSON text already. */
export function success(bodyJson: string): Success {
  return { ok: true, json: `{"status":"success","body":${bodyJson}}` };
}

const BEGIN_SUCCESS = jsonPiece('{"status":"success","body":');

/** The same for large bodies: the beginning of the document as UTF-8 bytes; the body and a closing brace are still to be written. */
export function beginSuccess(sizeHint: number): JsonBytes {
  return new JsonBytes(sizeHint).bytes(BEGIN_SUCCESS);
}

export function clientError(message: string, options: { readonly level?: 'error' } = {}): Refusal {
  return { ok: false, httpStatus: 400, status: 'client_error', message, ...options };
}

export function refusal(httpStatus: Refusal['httpStatus'], status: StatusWord, message: string): Refusal {
  return { ok: false, httpStatus, status, message };
}

/** 500 `unknown`: something unforeseen happened while doing `what`. */
export function unknownError(what: string, cause: unknown): Refusal {
  return { ok: false, httpStatus: 500, status: 'unknown', message: `Unknown error while ${what}`, cause };
}

/** The 500 of a reply that could not be encrypted. */
export function unbuildable(cause: unknown): Refusal {
  return { ok: false, httpStatus: 500, status: 'error', message: '', cause };
}

export function sendJson(reply: RouteReply, httpStatus: number, json: string | Uint8Array): RouteReply {
  // A Buffer keeps Fastify from adding a charset to the content type, which clients compare as a whole.
  const bytes = typeof json === 'string' ? Buffer.from(json, 'utf8') : json;
  return reply.code(httpStatus).header('content-type', 'application/json').send(bytes);
}

/** The 401 of a missing, unknown or disabled key, or one without the route's role: they look all the same. */
export function sendUnauthorized(reply: RouteReply): RouteReply {
  return sendJson(reply, 401, '{"status":"unauthorized"}');
}

/** Sends an error reply and writes its log line. */
export function sendRefusal(
  context: OperatorContext,
  request: OperatorRequest,
  reply: RouteReply,
  refused: Refusal,
): RouteReply {
  const { httpStatus, status, message } = refused;
  const { operatorClient: client, serviceTags } = request;
  const { referer, origin } = request.headers;
  context.logger[refused.level ?? levelOf(refused)](
    {
      errorStatus: status,
      contact: client?.contact,
      siteId: client?.siteId ?? request.operatorSiteId ?? undefined,
      path: request.routeOptions.url,
      statusCode: httpStatus,
      clientAddress: clientAddress(request),
      message,
      ...(httpStatus < 500 && referer !== undefined ? { referer } : {}),
      ...(httpStatus < 500 && origin !== undefined ? { origin } : {}),
      ...(serviceTags === null
        ? {}
        : { service_link_name: serviceTags.linkName, service_name: serviceTags.serviceName }),
      ...(refused.cause === undefined ? {} : describeCause(refused.cause)),
    },
    'Response to http request.',
  );
  return sendJson(reply, httpStatus, JSON.stringify({ status, message }));
}

/** Code and text of a failure for the log; a stack only for what this program did not foresee. */
export function describeCause(cause: unknown): Readonly<Record<string, unknown>> {
  if (cause instanceof PlatformError) return { code: cause.code, reason: cause.message };
  return { code: 'INTERNAL', reason: errorMessage(cause), stack: cause instanceof Error ? cause.stack : undefined };
}

function levelOf(refused: Refusal): 'info' | 'warn' | 'error' {
  if (refused.httpStatus >= 500) return 'error';
  return refused.status === 'client_error' || refused.httpStatus === 403 ? 'info' : 'warn';
}

/** For the log only, so an untruthful header harms nobody. */
function clientAddress(request: OperatorRequest): string {
  const forwarded = request.headers['x-forwarded-for'];
  const first = (Array.isArray(forwarded) ? forwarded[0] : forwarded)?.split(',', 1)[0]?.trim();
  return first === undefined || first === '' ? request.ip : first;
}
