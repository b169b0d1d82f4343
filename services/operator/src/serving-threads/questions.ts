import { DependencyError } from '@holdfast/base';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/** Questions that one thread asked another and that are not answered yet. */
export class Questions {
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /**
   * Asks by calling `post` with the number of the question; resolves with what `answer` brings for that number.
   * @throws DependencyError THREAD_SILENT after `deadlineMs`
   */
  ask<T>(post: (id: number) => void, deadlineMs: number): Promise<T> {
    const id = (this.#last += 1);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      this.#waiting.delete(id);
      reject(
        new DependencyError('THREAD_SILENT', `another thread of the operator did not answer in ${deadlineMs} ms`, {
          retryable: true,
        }),
      );
    }, deadlineMs);
    timer.unref();
    this.#waiting.set(id, { resolve, reject, timer });
    post(id);
    return promise as Promise<T>;
  }

  /** Settles a question; one that nobody waits for any more is passed over. */
  answer(id: number, outcome: { readonly value: unknown } | { readonly error: unknown }): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if ('error' in outcome) waiting.reject(outcome.error);
    else waiting.resolve(outcome.value);
  }

  /** Settles all questions with `error`: who was asked is gone. */
  fail(error: unknown): void {
    for (const id of this.#waiting.keys()) this.answer(id, { error });
  }
}
