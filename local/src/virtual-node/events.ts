import type { Clock } from '@holdfast/base';

/** What happened to a pod, in the words Kubernetes uses. */
export interface NodeEvent {
  /** ISO 8601. */
  readonly at: string;
  readonly type: 'Normal' | 'Warning';
  /** For example Pulled, Started, Unhealthy, BackOff, ErrImagePull. */
  readonly reason: string;
  /** `pod` or `pod/container`. */
  readonly object: string;
  readonly message: string;
}

const KEPT_EVENTS = 200;

/** Keeps the newest events and tells listeners about each. */
export class EventLog {
  readonly #clock: Clock;
  readonly #events: NodeEvent[] = [];
  readonly #listeners = new Set<(event: NodeEvent) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  normal(object: string, reason: string, message: string): void {
    this.#add({ at: this.#now(), type: 'Normal', reason, object, message });
  }

  warning(object: string, reason: string, message: string): void {
    this.#add({ at: this.#now(), type: 'Warning', reason, object, message });
  }

  /** Oldest first. */
  list(): readonly NodeEvent[] {
    return [...this.#events];
  }

  /** Calls `listener` for each later event until the returned function is called. */
  subscribe(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #now(): string {
    return new Date(this.#clock()).toISOString();
  }

  #add(event: NodeEvent): void {
    this.#events.push(event);
    if (this.#events.length > KEPT_EVENTS) this.#events.shift();
    for (const listener of this.#listeners) listener(event);
  }
}
