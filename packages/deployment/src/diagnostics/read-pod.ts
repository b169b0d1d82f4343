import { listAt, objectAt, textAt } from '../bundle/shape.ts';
import type { Json } from '../bundle/shape.ts';
import type { ContainerEnd, ContainerFacts } from './facts.ts';

/** A time as Kubernetes writes it, in milliseconds since the epoch. */
export function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const time = Date.parse(value);
  return Number.isNaN(time) ? undefined : time;
}

/** The state of the containers of a pod, those of its start included, in the order of the pod. */
export function containersOfPod(pod: unknown): readonly ContainerFacts[] {
  return [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')].map(
    containerFacts,
  );
}

function containerFacts(status: Json): ContainerFacts {
  const state = objectAt(status, 'state');
  const waiting = 'waiting' in state ? objectAt(state, 'waiting') : undefined;
  const ended = 'terminated' in state ? objectAt(state, 'terminated') : objectAt(status, 'lastState', 'terminated');
  return {
    name: textAt(status, 'name') ?? '',
    ready: status['ready'] === true,
    restarts: typeof status['restartCount'] === 'number' ? status['restartCount'] : 0,
    waiting:
      waiting === undefined
        ? undefined
        : { reason: textAt(waiting, 'reason') ?? '', message: textAt(waiting, 'message') ?? '' },
    runningSince: timeOf(objectAt(state, 'running')['startedAt']),
    ended: Object.keys(ended).length === 0 ? undefined : endOf(ended),
  };
}

function endOf(terminated: Json): ContainerEnd {
  return {
    exitCode: typeof terminated['exitCode'] === 'number' ? terminated['exitCode'] : -1,
    reason: textAt(terminated, 'reason') ?? '',
    message: textAt(terminated, 'message') ?? '',
    finishedAt: timeOf(terminated['finishedAt']),
  };
}

/** A condition of a pod or node, such as `Ready`. */
export function conditionOf(
  object: unknown,
  type: string,
): { readonly status: string; readonly reason: string; readonly message: string; readonly since: number | undefined } {
  const found = listAt(object, 'status', 'conditions').find((condition) => condition['type'] === type);
  return {
    status: textAt(found, 'status') ?? 'Unknown',
    reason: textAt(found, 'reason') ?? '',
    message: textAt(found, 'message') ?? '',
    since: timeOf(found?.['lastTransitionTime']),
  };
}

export function isReady(object: unknown): boolean {
  return conditionOf(object, 'Ready').status === 'True';
}

const MAX_LINE = 400;

/** A text for one line of a terminal: no control characters, and not longer than somebody reads. */
export function oneLine(text: string): string {
  // Logs and events come from elsewhere: what they hold must not move the cursor of whoever reads about them.
  const plain = text
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim();
  return plain.length > MAX_LINE ? `${plain.slice(0, MAX_LINE)}…` : plain;
}
