export interface BackOffSettings {
  /** Pause before the first restart, milliseconds. */
  readonly initialMs: number;
  readonly maxMs: number;
  /** A container that ran this long starts over with the first pause. */
  readonly resetAfterMs: number;
}

/** Ten seconds, doubling to five minutes, forgotten after ten minutes of running: the rule of Kubernetes. */
export const KUBERNETES_BACK_OFF: BackOffSettings = { initialMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 };

/** How long a container waits before it is started again. */
export class BackOff {
  readonly #settings: BackOffSettings;
  #nextMs: number;

  constructor(settings: BackOffSettings) {
    this.#settings = settings;
    this.#nextMs = settings.initialMs;
  }

  /** The pause, in milliseconds, after a run that lasted `ranMs`. */
  next(ranMs: number): number {
    const { initialMs, maxMs, resetAfterMs } = this.#settings;
    const pause = ranMs >= resetAfterMs ? initialMs : this.#nextMs;
    this.#nextMs = Math.min(pause * 2, maxMs);
    return pause;
  }
}
