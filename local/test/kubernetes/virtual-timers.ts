import type { Cancel, Timers } from '../../src/kubernetes/controllers/timers.ts';

/** Time that moves only when it is told to. */
export class VirtualTimers implements Timers {
  #now = Date.parse('2026-01-01T00:00:00Z');
  readonly #tasks = new Set<{ readonly at: number; readonly run: () => void }>();

  /** Waits for what a task began. */
  settled: () => Promise<void> = () => Promise.resolve();

  readonly clock = (): number => this.#now;

  /** Whether something is to be done in so many milliseconds from now. */
  has(ms: number): boolean {
    return [...this.#tasks].some(({ at }) => at === this.#now + ms);
  }

  after(ms: number, run: () => void): Cancel {
    const task = { at: this.#now + ms, run };
    this.#tasks.add(task);
    return () => {
      this.#tasks.delete(task);
    };
  }

  /** Lets time pass, task by task; after each, `settled` is waited for. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const next = [...this.#tasks].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#tasks.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await this.settled();
    }
    this.#now = until;
  }
}
