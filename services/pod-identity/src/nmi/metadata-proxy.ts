import { errorMessage } from '@holdfast/base';

import type { Send } from '../tokens/outbound.ts';
import { textAnswer } from './http-values.ts';
import type { NmiAnswer, NmiRequest } from './http-values.ts';

/** Headers of one connection, not of the request (RFC 9110 section 7.6.1), and those that the client sets itself. */
const NOT_COPIED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'expect',
]);

/** Sends a request on to the metadata service as it is, and its answer back. */
export async function proxyToMetadata(
  request: NmiRequest,
  metadata: { readonly origin: string; readonly send: Send },
): Promise<NmiAnswer> {
  const path = request.target.startsWith('/') ? request.target : `/${request.target}`;
  try {
    const answer = await metadata.send({
      method: request.method,
      origin: metadata.origin,
      path,
      headers: copied(request.rawHeaders),
      ...(request.body === undefined || request.body.length === 0 ? {} : { body: request.body }),
      signal: request.signal,
    });
    const headers = Object.entries(answer.headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined && !NOT_COPIED.has(entry[0].toLowerCase()),
    );
    return { status: answer.status, headers: Object.fromEntries(headers), body: answer.body };
  } catch (error) {
    return textAnswer(500, errorMessage(error));
  }
}

function copied(rawHeaders: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string[]> = {};
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!NOT_COPIED.has(name)) (headers[name] ??= []).push(rawHeaders[index + 1] ?? '');
  }
  return headers;
}
