import type { Timers } from '../src/timers.ts';

interface Waiting {
  readonly dueMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** Time that moves only when a test says so. Real sockets keep working beside it. */
export class VirtualTime implements Timers {
  #nowMs: number;
  #order = 0;
  #waiting: Waiting[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs;

  after(delayMs: number, action: () => void): () => void {
    const waiting: Waiting = { dueMs: this.#nowMs + delayMs, order: this.#order++, action };
    this.#waiting.push(waiting);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
    };
  }

  /** How many actions are pending. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Moves the clock without running anything: a suspended machine. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  /**
   * Moves the clock by `ms`, running what falls due in order. After each action `settle` is awaited, so that work it
   * began (also over a socket) can finish and plan the next one.
   */
  async advance(ms: number, settle: () => Promise<void> = settleTicks): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#waiting
        .filter(({ dueMs }) => dueMs <= untilMs)
        .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#waiting = this.#waiting.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.action();
      await settle();
    }
    this.#nowMs = untilMs;
    await settle();
  }
}

/** Lets promise chains without input or output run to their end. */
export async function settleTicks(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
