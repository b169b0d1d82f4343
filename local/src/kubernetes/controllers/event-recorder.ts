import { createHash } from 'node:crypto';

import type { Cluster } from './cluster.ts';
import type { ApiObject } from './objects.ts';
import { timestamp } from './timers.ts';
import type { Timers } from './timers.ts';

export interface RecordedEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** What of the object it is about, such as `spec.containers{app}`. */
  readonly fieldPath?: string;
}

const KEPT_EVENTS = 1000;

/** Writes Event objects about other objects. The same thing once more counts up instead of filling the list. */
export class EventRecorder {
  readonly #cluster: Cluster;
  readonly #timers: Timers;
  readonly #component: string;
  readonly #host: string | undefined;
  readonly #names: { readonly name: string; readonly namespace: string }[] = [];

  /** @param host Node that the component runs on, if it belongs to one. */
  constructor(cluster: Cluster, timers: Timers, component: string, host?: string) {
    this.#cluster = cluster;
    this.#timers = timers;
    this.#component = component;
    this.#host = host;
  }

  normal(object: ApiObject, reason: string, message: string, fieldPath?: string): void {
    this.record(object, { type: 'Normal', reason, message, ...(fieldPath === undefined ? {} : { fieldPath }) });
  }

  warning(object: ApiObject, reason: string, message: string, fieldPath?: string): void {
    this.record(object, { type: 'Warning', reason, message, ...(fieldPath === undefined ? {} : { fieldPath }) });
  }

  record(object: ApiObject, { type, reason, message, fieldPath }: RecordedEvent): void {
    const namespace = object.metadata.namespace ?? 'default';
    // Nothing can be written into a namespace that goes away, and nobody would read it.
    const home = this.#cluster.find('Namespace', namespace);
    if (home === undefined || home.metadata.deletionTimestamp !== undefined) return;
    const name = this.#nameOf(object, [type, reason, message, fieldPath ?? '']);
    const now = timestamp(this.#timers.clock());
    const existing = this.#cluster.find('Event', name, namespace);
    if (existing !== undefined) {
      this.#cluster.merge(existing, { count: (existing.count ?? 1) + 1, lastTimestamp: now });
      return;
    }
    this.#cluster.create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name: object.metadata.name,
        ...(object.metadata.namespace === undefined ? {} : { namespace }),
        uid: object.metadata.uid,
        ...(fieldPath === undefined ? {} : { fieldPath }),
      },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component: this.#component, ...(this.#host === undefined ? {} : { host: this.#host }) },
      reportingComponent: this.#component,
      reportingInstance: this.#host ?? '',
    });
    this.#keep({ name, namespace });
  }

  #nameOf(object: ApiObject, parts: readonly string[]): string {
    const text = [object.metadata.uid ?? '', this.#component, ...parts].join('\0');
    return `${object.metadata.name}.${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  }

  #keep(written: { readonly name: string; readonly namespace: string }): void {
    this.#names.push(written);
    if (this.#names.length <= KEPT_EVENTS) return;
    const oldest = this.#names.shift();
    const event = oldest === undefined ? undefined : this.#cluster.find('Event', oldest.name, oldest.namespace);
    if (event !== undefined) this.#cluster.remove(event);
  }
}
