import type { RouteReply } from '@holdfast/http/serving';

import type { OperatorContext } from './context.ts';
import { sendJson } from './responses.ts';

const RETRY_AFTER_SECONDS = 60;

/**
 * Answers 503 while the operator must not serve, for instance because its opt-out list is older than its limit: without a
 * fresh list an opted-out user would get identifiers. Says whether it did.
 */
export function refuseWhileGated(context: OperatorContext, reply: RouteReply): boolean {
  const gate = context.gate();
  if (gate === undefined) return false;
  reply.header('Retry-After', String(RETRY_AFTER_SECONDS));
  sendJson(reply, 503, JSON.stringify({ status: 'error', message: gate.reason }));
  return true;
}
