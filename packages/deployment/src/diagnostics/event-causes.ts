import { cause } from './cause.ts';
import type { CauseId, DiagnosedCause } from './cause.ts';
import { denialCause, holdsDenial } from './denial-cause.ts';
import type { ContainerFacts, PodEvent, PodFacts } from './facts.ts';
import { conditionOf, containersOfPod, oneLine } from './read-pod.ts';

/** Messages of Azure that a virtual node passes on, the more special ones first. */
const azureMessages: readonly { readonly id: CauseId; readonly pattern: RegExp }[] = [
  { id: 'identity-not-assignable', pattern: /LinkedAuthorizationFailed/ },
  { id: 'roles-missing', pattern: /AuthorizationFailed/ },
  { id: 'image-pull', pattern: /InaccessibleImage|RegistryErrorResponse|ErrImagePull|ImagePullBackOff/ },
  {
    id: 'no-capacity',
    pattern:
      /QuotaReached|QuotaExceeded|InsufficientVCPUQuota|SkuNotAvailable|AllocationFailed|OverconstrainedAllocationRequest|ServiceUnavailable|no capacity|capacity .*not available/i,
  },
];

const PULL_REASONS: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'RegistryUnavailable',
]);

/** Causes in events and in what containers wait for, newest first. What lies before the last start of a container is over. */
export function eventCauses(facts: PodFacts): readonly DiagnosedCause[] {
  const containers = containersOfPod(facts.pod);
  const startedAt = lastStart(containers);
  const causes: DiagnosedCause[] = [];
  for (const container of containers) {
    const found = waitingCause(container, facts);
    if (found !== undefined) causes.push(found);
  }
  const events = facts.events
    .filter(({ at }) => at === undefined || startedAt === undefined || at >= startedAt)
    .toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0));
  for (const event of events) {
    const found = eventCause(event, facts);
    if (found !== undefined) causes.push(found);
  }
  const pending = unscheduled(facts);
  return pending === undefined ? causes : [...causes, pending];
}

function lastStart(containers: readonly ContainerFacts[]): number | undefined {
  const times = containers.flatMap(({ runningSince }) => runningSince ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

function waitingCause(container: ContainerFacts, facts: PodFacts): DiagnosedCause | undefined {
  const { waiting } = container;
  if (waiting === undefined) return undefined;
  const source = `state of ${container.name}`;
  if (holdsDenial(waiting.message)) return denialCause(waiting.message, facts.pod, source);
  const evidence = [{ source, text: oneLine(`${waiting.reason}: ${waiting.message}`) }];
  if (PULL_REASONS.has(waiting.reason)) return cause('image-pull', evidence);
  if (waiting.reason === 'PolicyDenied') return cause('policy-denied', evidence, { title: oneLine(waiting.message) });
  const known = azureMessages.find(({ pattern }) => pattern.test(waiting.message));
  return known === undefined ? undefined : cause(known.id, evidence);
}

function eventCause(event: PodEvent, facts: PodFacts): DiagnosedCause | undefined {
  const source = `event ${event.reason}`;
  if (holdsDenial(event.message)) return denialCause(event.message, facts.pod, source);
  if (event.type === 'Normal') return undefined;
  const evidence = [{ source, text: oneLine(event.message) }];
  if (event.reason === 'PolicyDenied') return cause('policy-denied', evidence, { title: oneLine(event.message) });
  const text = `${event.reason} ${event.message}`;
  const known = azureMessages.find(({ pattern }) => pattern.test(text));
  if (known !== undefined) return cause(known.id, evidence);
  if (PULL_REASONS.has(event.reason) || event.message.startsWith('Failed to pull image'))
    return cause('image-pull', evidence);
  return undefined;
}

/** A pod without a node: either nothing can take it, or nothing that can is ready. */
function unscheduled(facts: PodFacts): DiagnosedCause | undefined {
  const scheduled = conditionOf(facts.pod, 'PodScheduled');
  const event = facts.events.findLast(({ reason }) => reason === 'FailedScheduling');
  if (scheduled.status !== 'False' && (event === undefined || scheduled.status === 'True')) return undefined;
  const message = event?.message ?? scheduled.message;
  const evidence = [
    { source: event === undefined ? 'condition PodScheduled' : 'event FailedScheduling', text: oneLine(message) },
  ];
  const { virtualNodes } = facts;
  if (virtualNodes === undefined || virtualNodes.some(({ ready }) => ready)) return cause('unschedulable', evidence);
  const names = virtualNodes.map(({ name }) => name).join(', ');
  const nodes = virtualNodes.length === 0 ? 'there is no virtual node' : `not ready: ${names}`;
  return cause('virtual-node-missing', [...evidence, { source: 'nodes', text: nodes }]);
}
