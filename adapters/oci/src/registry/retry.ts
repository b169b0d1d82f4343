import { DependencyError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

/** How failures that may pass are repeated. Everything that takes or tells time is a parameter. */
export interface RetryPolicy {
  /** Tries in total, at least 1. */
  readonly attempts: number;
  /** Upper bound of the first wait; it doubles with each further one. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Longest wait that a registry may ask for; a longer one is a failure at once. */
  readonly maxRetryAfterMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly clock: Clock;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  attempts: 5,
  baseDelayMs: 500,
  maxDelayMs: 15_000,
  maxRetryAfterMs: 120_000,
  random: Math.random,
  sleep: (ms) => new Promise((resolve) => void setTimeout(resolve, ms)),
  clock: Date.now,
};

/** Detail of an error that says how long the other side wants to be left alone. */
export const RETRY_AFTER_DETAIL = 'retryAfterMs';

/** Runs `operation` until it succeeds, fails for good, or has been tried `attempts` times; the last error is thrown. */
export async function retrying<T>(policy: RetryPolicy, operation: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation();
    } catch (error) {
      await waitBeforeRetry(policy, attempt, error);
    }
  }
}

/** Waits as long as `error` and the number of failures so far demand; throws `error` when it should not be tried again. */
export async function waitBeforeRetry(policy: RetryPolicy, failures: number, error: unknown): Promise<void> {
  if (!(error instanceof DependencyError) || !error.retryable || failures >= policy.attempts) throw error;
  const asked = error.details[RETRY_AFTER_DETAIL];
  const retryAfterMs = typeof asked === 'number' ? asked : 0;
  if (retryAfterMs > policy.maxRetryAfterMs) throw error;
  // Full jitter: many clients that failed together do not come back together.
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (failures - 1));
  await policy.sleep(Math.max(retryAfterMs, Math.round(policy.random() * ceiling)));
}

/** A `Retry-After` header in milliseconds from now: seconds or an HTTP date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
