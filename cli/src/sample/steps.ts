import type { ProgressEvent } from '@holdfast/local';

/** Says of each step of a sample when it begins and how it ends. */
export class Steps {
  readonly #print: (event: ProgressEvent) => void;
  readonly #signal: AbortSignal;

  constructor(print: (event: ProgressEvent) => void, signal: AbortSignal) {
    this.#print = print;
    this.#signal = signal;
  }

  /** @param detail What came of it, in a few words. */
  async run<T>(step: string, work: () => Promise<T>, detail: (result: T) => string): Promise<T> {
    this.#signal.throwIfAborted();
    const begun = performance.now();
    this.#print({ kind: 'begin', step });
    try {
      const result = await work();
      this.#print({ kind: 'done', step, detail: detail(result), ms: performance.now() - begun });
      return result;
    } catch (error) {
      this.#print({ kind: 'failed', step, ms: performance.now() - begun });
      throw error;
    }
  }
}
