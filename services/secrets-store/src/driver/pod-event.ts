import { randomBytes } from 'node:crypto';

import type { KubernetesPort } from '@holdfast/deployment';

import type { PodObject } from './objects.ts';

const COMPONENT = 'secrets-store';
const MAX_MESSAGE = 1024;

/** What `kubectl describe pod` is to show. */
export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Puts an event on a pod. */
export type RecordPodEvent = (pod: PodObject, event: PodEvent) => Promise<void>;

/** Puts an event on a pod by making an Event object. */
export async function podEvent(
  cluster: Pick<KubernetesPort, 'create'>,
  pod: PodObject,
  event: PodEvent,
): Promise<void> {
  const { name, namespace = 'default', uid, resourceVersion } = pod.metadata;
  const at = `${new Date(event.now).toISOString().slice(0, 19)}Z`;
  await cluster.create({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${randomBytes(8).toString('hex')}`, namespace },
    involvedObject: {
      apiVersion: 'v1',
      kind: 'Pod',
      name,
      namespace,
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    type: event.type,
    reason: event.reason,
    message: event.message.slice(0, MAX_MESSAGE),
    source: { component: COMPONENT },
    reportingComponent: COMPONENT,
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  });
}
