import type { Timers } from '../../../../src/kubernetes/controllers/timers.ts';

/** Time that only passes when a test says so. */
export class VirtualTimers implements Timers {
  #now: number;
  readonly #tasks = new Set<{ readonly at: number; readonly task: () => void }>();

  constructor(now = Date.now()) {
    this.#now = now;
  }

  /** Waits for what the last task began. */
  settled: () => Promise<unknown> = () => Promise.resolve();

  readonly clock = (): number => this.#now;

  /** Whether something is to be done in so many milliseconds from now. */
  has(ms: number): boolean {
    return [...this.#tasks].some(({ at }) => at === this.#now + ms);
  }

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.#now + ms, task };
    this.#tasks.add(entry);
    return () => this.#tasks.delete(entry);
  }

  /** Lets time pass, task by task, with what the tasks begin given room to go on. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#tasks].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#tasks.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.task();
      await turn();
      await this.settled();
    }
    this.#now = end;
    await turn();
  }
}

/** Until what has been begun has had its turn. */
async function turn(): Promise<void> {
  for (let count = 0; count < 3; count += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
