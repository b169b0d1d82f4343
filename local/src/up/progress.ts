/** One step of bringing the cloud up, told when it begins and when it ends. */
export type ProgressEvent =
  | { readonly kind: 'begin'; readonly step: string }
  | { readonly kind: 'done'; readonly step: string; readonly detail: string; readonly ms: number }
  | { readonly kind: 'failed'; readonly step: string; readonly ms: number }
  /** Something worth knowing that is no step: a container that ended, a service that is gone. */
  | { readonly kind: 'notice'; readonly text: string };

/** Tells whoever watches a start how it goes. */
export class Progress {
  readonly #signal: AbortSignal;
  readonly #tell: (event: ProgressEvent) => void;

  /** @param signal Once it is aborted, no further step begins. */
  constructor(signal: AbortSignal, tell: (event: ProgressEvent) => void = () => undefined) {
    this.#signal = signal;
    this.#tell = tell;
  }

  /**
   * Does the work of one step; `detail` says in a few words what came out of it.
   * @throws the signal's reason, and what `work` throws
   */
  async step<T>(step: string, work: () => Promise<T>, detail: (result: T) => string): Promise<T> {
    this.#signal.throwIfAborted();
    const begun = performance.now();
    this.#tell({ kind: 'begin', step });
    try {
      const result = await work();
      this.#tell({ kind: 'done', step, detail: detail(result), ms: performance.now() - begun });
      return result;
    } catch (error) {
      this.#tell({ kind: 'failed', step, ms: performance.now() - begun });
      throw error;
    }
  }

  /** Tells about something that is no step of this kind. */
  tell(event: ProgressEvent): void {
    this.#tell(event);
  }

  notice(text: string): void {
    this.tell({ kind: 'notice', text });
  }
}
