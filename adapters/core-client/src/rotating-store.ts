import { errorMessage, InternalError } from '@holdfast/base';

import { systemTimers } from './timers.ts';
import type { Timers } from './timers.ts';

/** Where a store's snapshots come from. */
export interface StoreSource<T, M> {
  /** Asks which version is published now. `metadata` is what `load` needs to find it. */
  fetchMetadata(): Promise<{ readonly version: number; readonly metadata: M }>;
  /** Downloads and parses the whole snapshot. The old one stays in use until this resolves. */
  load(metadata: M): Promise<T>;
}

export type RefreshEvent =
  /** `changed` says whether a new snapshot was taken or the published version was already loaded. */
  | { readonly store: string; readonly result: 'refreshed'; readonly changed: boolean; readonly durationMs: number }
  /** `first` says whether the store never had a snapshot. */
  | {
      readonly store: string;
      readonly result: 'failed';
      readonly first: boolean;
      readonly durationMs: number;
      readonly error: unknown;
    };

export interface RotatingStoreOptions<T, M> {
  /** For logs, metrics and status. */
  readonly name: string;
  readonly intervalMs: number;
  readonly source: StoreSource<T, M>;
  readonly timers?: Timers;
  readonly onRefresh?: (event: RefreshEvent) => void;
}

/** Times in milliseconds since the epoch. */
export interface StoreState {
  readonly name: string;
  readonly loaded: boolean;
  /** −1 until the first load. */
  readonly version: number;
  /** When the last refresh succeeded, with or without a new snapshot. */
  readonly refreshedAtMs: number | undefined;
  /** When the snapshot in use was taken. */
  readonly changedAtMs: number | undefined;
  readonly consecutiveFailures: number;
  readonly lastError: string | undefined;
}

/**
 * A snapshot that follows what Core publishes. Each round asks for the metadata, loads the content only if the version
 * grew, and swaps it in whole. The first load is tried forever; a later failure keeps the old snapshot. Rounds of one store
 * never overlap: the next is planned when one ends.
 */
export class RotatingStore<T, M = unknown> {
  readonly name: string;
  readonly #options: RotatingStoreOptions<T, M>;
  readonly #timers: Timers;
  readonly #firstLoad = Promise.withResolvers<void>();
  #snapshot: { readonly value: T } | undefined;
  #version = -1;
  #refreshedAtMs: number | undefined;
  #changedAtMs: number | undefined;
  #consecutiveFailures = 0;
  #lastError: string | undefined;
  #started = false;
  #stopped = false;
  #cancelNext: (() => void) | undefined;
  #round: Promise<void> | undefined;

  constructor(options: RotatingStoreOptions<T, M>) {
    this.name = options.name;
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Begins the rounds, the first at once. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#runRound();
  }

  /** Ends the rounds; one under way finishes but plans no other and reports nothing. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext?.();
    await this.#round;
  }

  /** Resolves with the first snapshot. Never rejects. */
  async loaded(): Promise<void> {
    return this.#firstLoad.promise;
  }

  /**
   * The snapshot in use.
   * @throws InternalError STORE_NOT_LOADED before the first load
   */
  current(): T {
    if (this.#snapshot === undefined) throw new InternalError('STORE_NOT_LOADED', `store ${this.name} is not loaded`);
    return this.#snapshot.value;
  }

  /** The snapshot in use, or undefined before the first load. */
  peek(): T | undefined {
    return this.#snapshot?.value;
  }

  get state(): StoreState {
    return {
      name: this.name,
      loaded: this.#snapshot !== undefined,
      version: this.#version,
      refreshedAtMs: this.#refreshedAtMs,
      changedAtMs: this.#changedAtMs,
      consecutiveFailures: this.#consecutiveFailures,
      lastError: this.#lastError,
    };
  }

  /** Asks for the metadata once, without loading anything; start-up does this to learn early that Core cannot be used. */
  async probe(): Promise<void> {
    await this.#options.source.fetchMetadata();
  }

  #runRound(): void {
    const round = this.#refresh().catch((error: unknown) => error);
    this.#round = round.then(() => {
      this.#round = undefined;
      if (this.#stopped) return;
      this.#cancelNext = this.#timers.after(this.#options.intervalMs, () => this.#runRound());
    });
  }

  /** Records and reports the outcome, then throws it if it is a failure. */
  async #refresh(): Promise<void> {
    const startMs = this.#timers.now();
    let changed: boolean;
    try {
      changed = await this.#loadIfNewer();
    } catch (error) {
      this.#consecutiveFailures++;
      this.#lastError = errorMessage(error);
      this.#report({
        store: this.name,
        result: 'failed',
        first: this.#snapshot === undefined,
        durationMs: this.#timers.now() - startMs,
        error,
      });
      throw error;
    }
    this.#refreshedAtMs = this.#timers.now();
    this.#consecutiveFailures = 0;
    this.#lastError = undefined;
    this.#report({ store: this.name, result: 'refreshed', changed, durationMs: this.#refreshedAtMs - startMs });
    this.#firstLoad.resolve();
  }

  async #loadIfNewer(): Promise<boolean> {
    const { version, metadata } = await this.#options.source.fetchMetadata();
    if (version <= this.#version) return false;
    const value = await this.#options.source.load(metadata);
    this.#snapshot = { value };
    this.#version = version;
    this.#changedAtMs = this.#timers.now();
    return true;
  }

  #report(event: RefreshEvent): void {
    if (!this.#stopped) this.#options.onRefresh?.(event);
  }
}
