import type { Clock } from '@holdfast/base';

import type { Sleep } from '../src/engine/ports.ts';

interface Timer {
  readonly at: number;
  readonly wake: () => void;
}

/** Virtual time: it moves on to the next sleeper whenever nobody has anything else to do. */
export class FakeClock {
  #now = Date.UTC(2026, 10, 22, 6);
  readonly #timers = new Set<Timer>();

  readonly now: Clock = () => this.#now;

  readonly sleep: Sleep = (ms, signal) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const stop = (): void => {
        this.#timers.delete(timer);
        reject(signal?.reason as Error);
      };
      const timer: Timer = {
        at: this.#now + ms,
        wake: () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        },
      };
      signal?.addEventListener('abort', stop, { once: true });
      this.#timers.add(timer);
      setImmediate(() => this.#advance(timer));
    });

  /** Time passes without anybody waiting for it. */
  pass(ms: number): void {
    this.#now += ms;
  }

  /** Called for each sleeper when all else is done, until it is awake: wakes the one whose time comes first. */
  #advance(asked: Timer): void {
    if (!this.#timers.has(asked)) return;
    let next = asked;
    for (const timer of this.#timers) if (timer.at < next.at) next = timer;
    this.#timers.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.wake();
    if (next !== asked) setImmediate(() => this.#advance(asked));
  }
}
