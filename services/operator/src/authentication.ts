import { bearerKey } from '@holdfast/http/serving';
import type { RouteReply } from '@holdfast/http/serving';
import type { ClientRecord } from '@holdfast/uid2';

import type { OperatorContext } from './context.ts';
import type { OperatorRequest } from './operator-request.ts';

const TRACE_HEADER = 'x-amzn-trace-id';

/**
 * The client whose API key came in the `Authorization` header, disabled or not; undefined when there is none. Also copies
 * a load balancer's trace id to the reply.
 */
export function identifyClient(
  context: OperatorContext,
  request: OperatorRequest,
  reply: RouteReply,
): ClientRecord | undefined {
  const trace = request.headers[TRACE_HEADER];
  if (typeof trace === 'string' && trace !== '') reply.header('X-Amzn-Trace-Id', trace);
  const client = context.stores.clients().find(bearerKey(request.headers.authorization));
  request.operatorClient = client ?? null;
  return client;
}

/** The site of a client; 0, which no participant has, for records of old forms that name none. */
export function siteOf(client: ClientRecord): number {
  return client.siteId ?? 0;
}
