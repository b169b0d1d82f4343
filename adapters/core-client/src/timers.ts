import type { Clock } from '@holdfast/base';

/** Time and the waiting for it, as a parameter: the rules of this package speak of hours, its tests do not last that long. */
export interface Timers {
  /** Milliseconds since the Unix epoch. */
  readonly now: Clock;
  /** Runs `action` once after `delayMs`; the answer cancels it. */
  after(delayMs: number, action: () => void): () => void;
}

/** The machine's own time. Whoever plans an action cancels it when closing. */
export const systemTimers: Timers = {
  now: () => Date.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};
