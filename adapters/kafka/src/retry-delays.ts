/** How long to wait before the next try. */
export interface RetryDelays {
  /** Milliseconds before the next try: doubling, with up to a quarter of jitter, at most the longest. */
  next(): number;
  /** To be called after a success: waits begin from the shortest again. */
  reset(): void;
}

export interface RetryDelayOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number;
}

/** Exponential back-off, so that many clients do not meet a broker at the moment it comes back. */
export function createRetryDelays(options: RetryDelayOptions): RetryDelays {
  let delayMs = options.firstMs;
  return {
    next() {
      const waitMs = Math.min(delayMs * (1 + options.random() / 4), options.longestMs);
      delayMs = Math.min(delayMs * 2, options.longestMs);
      return Math.round(waitMs);
    },
    reset() {
      delayMs = options.firstMs;
    },
  };
}
