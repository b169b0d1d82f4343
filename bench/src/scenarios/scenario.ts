import { DependencyError, errorMessage, RequestError, VerificationError } from '@holdfast/base';

import { isTimeout } from '../connection.ts';
import type { Exchange, Reply } from '../connection.ts';

export const SCENARIOS = ['token-generate', 'token-refresh', 'identity-map', 'identity-map-v2', 'health'] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** Sends one request of a connection and keeps the reply's body. */
export type Send = (exchange: Exchange) => Promise<Reply>;

/** What all connections of a process do. */
export interface Scenario {
  /** Identities in one request; 1 where there are no batches, 0 for health. */
  readonly entriesPerRequest: number;
  openSession(): Session;
}

/** What one connection does: requests, one after the other. */
export interface Session {
  /** Whether every reply has to be read before the next request can be made. */
  readonly readsReplies: boolean;
  /**
   * Sends the first request and makes sure that its reply is genuine. Answers the length of a good reply's body: a 200 with
   * less than half of it is some other outcome, such as an opted-out user.
   * @throws RequestError BENCH_OPERATOR_REFUSED
   * @throws DependencyError BENCH_OPERATOR_UNREACHABLE
   * @throws VerificationError BENCH_REPLY_INVALID
   */
  prepare(send: Send): Promise<number>;
  next(): Exchange;
  /**
   * Takes in the reply to the exchange that `next` gave last. Called when `readsReplies`.
   * @throws VerificationError BENCH_REPLY_INVALID
   */
  accept(body: Uint8Array): void;
}

/**
 * Sends the first request of a connection; only a 200 comes back.
 * @throws RequestError BENCH_OPERATOR_REFUSED
 * @throws DependencyError BENCH_OPERATOR_UNREACHABLE
 */
export async function sendFirst(send: Send, exchange: Exchange): Promise<Reply> {
  let reply: Reply;
  try {
    reply = await send(exchange);
  } catch (cause) {
    const what = isTimeout(cause) ? 'did not answer in time' : `cannot be reached (${errorMessage(cause)})`;
    throw new DependencyError('BENCH_OPERATOR_UNREACHABLE', `${exchange.path}: the operator ${what}`, {
      retryable: true,
      cause,
      action: 'Check that the operator runs at this address, and that --timeout is long enough for one batch.',
    });
  }
  if (reply.status === 200) return reply;
  const said = reply.body.subarray(0, 200).toString('utf8').trim();
  throw new RequestError(
    'BENCH_OPERATOR_REFUSED',
    `${exchange.path}: the operator answered ${reply.status} ${said === '' ? '' : `(${said})`}`.trim(),
    {
      details: { httpStatus: reply.status },
      action: reply.status === 401 ? 'Check the API key and its roles.' : 'Correct what the answer complains about.',
    },
  );
}

export function replyInvalid(path: string, problem: string, cause?: unknown): VerificationError {
  return new VerificationError('BENCH_REPLY_INVALID', `${path}: ${problem}`, {
    cause,
    action: 'Check that the client secret belongs to the API key and that the address is that of a UID2 operator.',
  });
}
