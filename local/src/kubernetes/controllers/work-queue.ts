import type { Timers } from './timers.ts';

/**
 * Brings the world to what one object asks for, from whatever state it finds. `key` names the object. Answers after how many
 * milliseconds it wants to look again; undefined when only a change makes that necessary.
 */
export type Reconcile = (key: string) => Promise<number | undefined>;

const RETRY_MS = 1000;
/** Conflicts are the rule when two controllers write one object; the next attempt sees the newer version. */
const MAX_IMMEDIATE_RETRIES = 5;

/**
 * Runs reconciliations one after the other, each key once however often it is asked for meanwhile. So controllers never see
 * each other half way, and a test knows when everything has settled.
 */
export class WorkQueue {
  readonly #timers: Timers;
  readonly #onError: (error: unknown) => void;
  readonly #waiting = new Map<string, () => Promise<number | undefined>>();
  readonly #later = new Map<string, () => void>();
  readonly #failures = new Map<string, number>();
  #draining: Promise<void> | undefined;
  #closed = false;

  /** @param onError Told about what a reconciliation threw after it was tried several times; it is tried again later. */
  constructor(timers: Timers, onError: (error: unknown) => void) {
    this.#timers = timers;
    this.#onError = onError;
  }

  add(controller: string, key: string, reconcile: Reconcile): void {
    if (this.#closed) return;
    const name = `${controller} ${key}`;
    this.#later.get(name)?.();
    this.#later.delete(name);
    this.#waiting.set(name, () => reconcile(key));
    this.#draining ??= this.#drain();
  }

  /** Resolves once nothing is waiting but what wants to look again later. */
  async settled(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  /** Ends everything; what runs is finished first. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    for (const cancel of this.#later.values()) cancel();
    this.#later.clear();
    await this.settled();
  }

  async #drain(): Promise<void> {
    // Whoever added this has more to say in the same turn.
    await Promise.resolve();
    for (const [name, task] of this.#waiting) {
      this.#waiting.delete(name);
      await this.#run(name, task);
    }
    this.#draining = undefined;
  }

  async #run(name: string, task: () => Promise<number | undefined>): Promise<void> {
    try {
      const againMs = await task();
      this.#failures.delete(name);
      if (againMs !== undefined) this.#addLater(name, task, againMs);
    } catch (error) {
      if (this.#closed) return;
      const failures = (this.#failures.get(name) ?? 0) + 1;
      this.#failures.set(name, failures);
      if (failures <= MAX_IMMEDIATE_RETRIES) {
        this.#waiting.set(name, task);
        return;
      }
      this.#failures.delete(name);
      this.#onError(error);
      this.#addLater(name, task, RETRY_MS);
    }
  }

  #addLater(name: string, task: () => Promise<number | undefined>, ms: number): void {
    if (this.#closed || this.#waiting.has(name)) return;
    this.#later.get(name)?.();
    const cancel = this.#timers.after(ms, () => {
      this.#later.delete(name);
      if (this.#closed) return;
      this.#waiting.set(name, task);
      this.#draining ??= this.#drain();
    });
    this.#later.set(name, cancel);
  }
}
