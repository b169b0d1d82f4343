import type { KeyObject } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { errorMessage, PlatformError } from '@holdfast/base';

/** What is known about the private key, for people. */
export type KeyState =
  | { readonly kind: 'not-configured' }
  | { readonly kind: 'asking'; readonly kid: string }
  | { readonly kind: 'released'; readonly kid: string; readonly bits: number }
  | {
      readonly kind: 'refused';
      readonly kid: string;
      readonly code: string;
      readonly reason: string;
      readonly action: string | undefined;
      readonly retryInMs: number;
    };

export interface KeyKeeperOptions {
  /** Undefined when no key is named. */
  readonly kid: string | undefined;
  /** Asks once. */
  readonly request: () => Promise<KeyObject>;
  readonly onChange: (state: KeyState) => void;
  readonly wait?: (ms: number, stop: AbortSignal) => Promise<void>;
}

/** Waits after failures, as the published sample has them; the last one repeats. */
const WAITS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000] as const;

/** Gets the private key and keeps it in memory only. Until it is there, it is asked for again and again. */
export class KeyKeeper {
  readonly #options: KeyKeeperOptions;
  readonly #stop = new AbortController();
  #state: KeyState;
  #key: KeyObject | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: KeyKeeperOptions) {
    this.#options = options;
    this.#state = options.kid === undefined ? { kind: 'not-configured' } : { kind: 'asking', kid: options.kid };
  }

  get key(): KeyObject | undefined {
    return this.#key;
  }

  get state(): KeyState {
    return this.#state;
  }

  start(): void {
    const { kid } = this.#options;
    if (kid !== undefined) this.#loop ??= this.#ask(kid);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    this.#key = undefined;
  }

  async #ask(kid: string): Promise<void> {
    const wait = this.#options.wait ?? interruptiblePause;
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      try {
        const key = await this.#options.request();
        if (this.#stop.signal.aborted) return;
        this.#key = key;
        this.#change({ kind: 'released', kid, bits: key.asymmetricKeyDetails?.modulusLength ?? 0 });
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        const retryInMs = WAITS_MS[Math.min(attempt, WAITS_MS.length - 1)] ?? 0;
        const known = error instanceof PlatformError ? error : undefined;
        this.#change({
          kind: 'refused',
          kid,
          code: known?.code ?? 'INTERNAL',
          reason: errorMessage(error),
          action: known?.action,
          retryInMs,
        });
        await wait(retryInMs, this.#stop.signal);
      }
    }
  }

  #change(state: KeyState): void {
    this.#state = state;
    this.#options.onChange(state);
  }
}

async function interruptiblePause(ms: number, stop: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal: stop }).catch(() => undefined); // stopped meanwhile
}
