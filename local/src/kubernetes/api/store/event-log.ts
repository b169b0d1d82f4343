import type { ClusterEvent } from '../objects.ts';
import { StatusError } from '../status.ts';

/** So many changes are remembered for watches that come back. */
const KEPT_EVENTS = 4000;

/** Listeners of one store, and the changes they may have missed. */
export class EventLog {
  readonly #events: { readonly resourceVersion: number; readonly event: ClusterEvent }[] = [];
  readonly #listeners = new Set<(event: ClusterEvent) => void>();
  readonly #waiting: ClusterEvent[] = [];
  readonly #onError: (error: unknown) => void;
  #delivering = false;
  /** Changes up to this one are forgotten. */
  #forgotten = 0;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Forgets everything up to a version, as after a restart. */
  reset(resourceVersion: number): void {
    this.#events.length = 0;
    this.#forgotten = resourceVersion;
  }

  listen(listener: (event: ClusterEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Remembers and delivers. Changes made by listeners are delivered after the one at hand, in order. */
  add(resourceVersion: number, event: ClusterEvent): void {
    this.#events.push({ resourceVersion, event });
    if (this.#events.length > KEPT_EVENTS) this.#forgotten = this.#events.shift()?.resourceVersion ?? this.#forgotten;
    this.#waiting.push(event);
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#deliver(next);
    } finally {
      this.#delivering = false;
    }
  }

  since(resourceVersion: number): readonly ClusterEvent[] {
    if (resourceVersion < this.#forgotten) {
      throw new StatusError('Expired', `too old resource version: ${resourceVersion} (${this.#forgotten + 1})`);
    }
    return this.#events.filter((one) => one.resourceVersion > resourceVersion).map((one) => one.event);
  }

  #deliver(event: ClusterEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#onError(error); // one listener's fault must not keep the others in the dark
      }
    }
  }
}
