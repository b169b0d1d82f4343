import { randomBytes } from 'node:crypto';

import { POD_IDENTITY_API, podIdentityKinds } from '@holdfast/admission';
import type { AzureAssignedIdentity } from '@holdfast/admission';
import type { Clock } from '@holdfast/base';
import type { KubernetesPort } from '@holdfast/deployment';

/** What happened to one assignment, in the words of the reference. */
export type AssignmentEvent =
  | { readonly reason: 'binding applied' | 'binding removed' }
  | {
      readonly reason: 'binding apply error' | 'binding remove error' | 'status update error';
      readonly problem: string;
    };

export type TellAssignment = (assigned: AzureAssignedIdentity, event: AssignmentEvent) => Promise<void>;

export interface BindingEventsOptions {
  readonly cluster: Pick<KubernetesPort, 'create'>;
  readonly clock: Clock;
  /** The event itself could not be written. */
  readonly onProblem: (error: unknown) => void;
}

const COMPONENT = 'aad-pod-identity-mic';
const MAX_MESSAGE = 1024;
/** Longest name of an object, without the point and the sixteen characters that make it one event's own. */
const MAX_NAME = 236;

/**
 * Puts events on bindings and assigned identities, where `kubectl describe` shows them. What is the same as the last time is told
 * once: rounds repeat what fails.
 */
export function createBindingEvents(options: BindingEventsOptions): TellAssignment {
  const last = new Map<string, string>();
  return async (assigned, event) => {
    const message = messageOf(assigned, event).slice(0, MAX_MESSAGE);
    const key = `${assigned.namespace}/${assigned.name}`;
    if (last.get(key) === message) return;
    if (event.reason === 'binding removed') last.delete(key);
    else last.set(key, message);
    try {
      await options.cluster.create(eventObject(assigned, event, message, options.clock()));
    } catch (error) {
      last.delete(key);
      options.onProblem(error);
    }
  };
}

function messageOf({ binding, nodeName, name }: AzureAssignedIdentity, event: AssignmentEvent): string {
  switch (event.reason) {
    case 'binding applied':
      return `Binding ${binding.name} applied on node ${nodeName} for pod ${name}`;
    case 'binding removed':
      return `Binding ${binding.name} removed from node ${nodeName} for pod ${name}`;
    case 'binding apply error':
      return `Applying binding ${binding.name} node ${nodeName} for pod ${name} resulted in error ${event.problem}`;
    case 'binding remove error':
      return `Removing binding ${binding.name} node ${nodeName} for pod ${name} resulted in error ${event.problem}`;
    default:
      return `Updating assigned identity ${name} status for pod resulted in error ${event.problem}`;
  }
}

/** An error of the status is about the assigned identity, all others about the binding. */
function eventObject(
  assigned: AzureAssignedIdentity,
  { reason, ...event }: AssignmentEvent,
  message: string,
  nowMs: number,
): Parameters<KubernetesPort['create']>[0] {
  const isStatus = reason === 'status update error';
  const { name, namespace } = isStatus ? assigned : assigned.binding;
  const at = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, MAX_NAME)}.${randomBytes(8).toString('hex')}`, namespace },
    involvedObject: {
      apiVersion: POD_IDENTITY_API,
      kind: isStatus ? podIdentityKinds.assigned : podIdentityKinds.binding,
      name,
      namespace,
    },
    type: 'problem' in event ? 'Warning' : 'Normal',
    reason,
    message,
    source: { component: COMPONENT },
    reportingComponent: COMPONENT,
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
}
