import type { KubernetesObject, PodEvent, PodFacts } from '../../src/index.ts';

export const now = Date.parse('2026-11-22T12:00:00Z');
const minutesAgo = (minutes: number): string => new Date(now - minutes * 60_000).toISOString();

export interface PodInput {
  readonly ready?: boolean;
  /** Minutes since it was created. */
  readonly age?: number;
  readonly operator?: ContainerInput;
  readonly scheduled?: boolean;
  readonly events?: readonly Partial<PodEvent>[];
  readonly log?: string;
  readonly previousLog?: string;
  readonly skrLog?: string;
  readonly virtualNodes?: PodFacts['virtualNodes'];
  readonly policy?: string;
}

interface ContainerInput {
  readonly waiting?: readonly [reason: string, message: string];
  /** Minutes since it started. */
  readonly running?: number;
  readonly ended?: readonly [exitCode: number, reason: string];
  readonly restarts?: number;
}

/** Facts about an operator pod; without anything else one that is ready for an hour. */
export function podFacts(input: PodInput = {}): PodFacts {
  const { age = 60, ready = false, operator = { running: age }, scheduled = true } = input;
  return {
    pod: podOf({ ...input, age, ready, operator, scheduled }),
    events: (input.events ?? []).map((event) => ({
      type: 'Warning',
      reason: 'Failed',
      message: '',
      at: now,
      count: 1,
      ...event,
    })),
    logs: {
      'uid2-operator': { current: input.log, previous: input.previousLog },
      skr: { current: input.skrLog, previous: undefined },
    },
    virtualNodes: input.virtualNodes ?? [{ name: 'virtualnode-0', ready: true }],
    now,
  };
}

function podOf(
  input: Required<Pick<PodInput, 'age' | 'ready' | 'operator' | 'scheduled'>> & PodInput,
): KubernetesObject {
  const { operator } = input;
  const policy =
    input.policy === undefined ? {} : { 'microsoft.containerinstance.virtualnode.ccepolicy': input.policy };
  const metadata = {
    name: 'operator-5-58-0-abc',
    namespace: 'default',
    annotations: policy,
    creationTimestamp: minutesAgo(input.age),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    status: {
      conditions: [
        { type: 'Ready', status: input.ready ? 'True' : 'False' },
        { type: 'PodScheduled', status: input.scheduled ? 'True' : 'False' },
      ],
      containerStatuses: input.scheduled
        ? [
            { name: 'skr', ready: true, restartCount: 0, state: { running: { startedAt: minutesAgo(input.age) } } },
            {
              name: 'uid2-operator',
              ready: input.ready,
              restartCount: operator.restarts ?? 0,
              ...stateOf(operator),
            },
          ]
        : [],
    },
  };
}

function stateOf({ waiting, running, ended }: ContainerInput): Readonly<Record<string, unknown>> {
  const lastState =
    ended === undefined
      ? {}
      : { lastState: { terminated: { exitCode: ended[0], reason: ended[1], finishedAt: minutesAgo(1) } } };
  if (waiting !== undefined) return { state: { waiting: { reason: waiting[0], message: waiting[1] } }, ...lastState };
  return { state: { running: { startedAt: minutesAgo(running ?? 60) } }, ...lastState };
}

/** A container that ended as those of releases do, and is to be started again. */
export const restarting = {
  waiting: ['CrashLoopBackOff', 'back-off 5m0s restarting failed container'],
  ended: [0, 'Completed'],
  restarts: 4,
} as const;
