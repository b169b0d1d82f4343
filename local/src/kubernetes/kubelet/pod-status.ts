import { constants } from 'node:os';

import type { ContainerSnapshot, EndedLife } from '../../virtual-node/container.ts';
import type { PodFailure } from '../../virtual-node/pod.ts';
import type { Condition, PodObject } from '../controllers/objects.ts';
import { withCondition } from '../controllers/pods.ts';
import { timestamp } from '../controllers/timers.ts';

type Json = Readonly<Record<string, unknown>>;

/** What a pod is like on its node. */
export interface PodFacts {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  readonly podIp: string | undefined;
  readonly hostIp: string;
  /** Milliseconds since the epoch when the node took the pod. */
  readonly startedMs: number;
  readonly containers: readonly Json[];
  readonly nowMs: number;
}

/** Exit code that a runtime reports for a container that could not be started. */
const START_ERROR = 128;
/** Added to the number of a signal. */
const BY_SIGNAL = 128;

export function podStatus(pod: PodObject, facts: PodFacts): Json {
  const { podIp, hostIp, containers } = facts;
  const ready = containers.length > 0 && containers.every((container) => container['ready'] === true);
  const ended = facts.phase === 'Succeeded' || facts.phase === 'Failed';
  const unready = containers.filter((container) => container['ready'] !== true).map(({ name }) => String(name));
  const readiness: Omit<Condition, 'type'> = ready
    ? { status: 'True' }
    : {
        status: 'False',
        reason: ended ? 'PodCompleted' : 'ContainersNotReady',
        message: `containers with unready status: [${unready.join(' ')}]`,
      };
  const now = timestamp(facts.nowMs);
  const conditions = [
    { type: 'PodReadyToStartContainers', status: podIp === undefined ? ('False' as const) : ('True' as const) },
    { type: 'Initialized', status: 'True' as const },
    { type: 'Ready', ...readiness },
    { type: 'ContainersReady', ...readiness },
    { type: 'PodScheduled', status: 'True' as const },
  ].reduce<readonly Condition[]>(
    (list, condition) => withCondition(list, condition, now),
    pod.status?.conditions ?? [],
  );
  return {
    phase: facts.phase,
    conditions,
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime: timestamp(facts.startedMs),
    containerStatuses: containers,
    qosClass: qosClass(pod),
  };
}

/** The status of a container that runs, ran, or waits to run again. */
export function containerStatus(snapshot: ContainerSnapshot, id: string): Json {
  const { name, image, ready, restarts, state, ended } = snapshot;
  const over = ended === undefined ? {} : { terminated: terminated(ended, id) };
  return {
    name,
    image,
    imageID: image,
    containerID: id,
    ready,
    started: state.state === 'running',
    restartCount: restarts,
    state: stateOf(snapshot, over),
    lastState: state.state === 'terminated' ? {} : over,
  };
}

function stateOf({ state, problem }: ContainerSnapshot, over: Json): Json {
  switch (state.state) {
    case 'running':
      return { running: { startedAt: wholeSeconds(state.startedAt) } };
    case 'waiting':
      return { waiting: { reason: state.reason, message: problem ?? state.message } };
    default:
      return 'terminated' in over
        ? over
        : { terminated: { exitCode: START_ERROR, reason: 'StartError', message: problem ?? '' } };
  }
}

function terminated({ code, signal, startedAt, finishedAt }: EndedLife, id: string): Json {
  const number = signal === undefined ? 0 : (constants.signals[signal as NodeJS.Signals] ?? 0);
  const exitCode = code ?? BY_SIGNAL + number;
  return {
    exitCode,
    ...(signal === undefined ? {} : { signal: number }),
    reason: exitCode === 0 ? 'Completed' : 'Error',
    startedAt: wholeSeconds(startedAt),
    finishedAt: wholeSeconds(finishedAt),
    containerID: id,
  };
}

const WAITING_REASONS: Readonly<Record<string, string>> = {
  ErrImagePull: 'ErrImagePull',
  PolicyDenied: 'RunContainerError',
  RunContainerError: 'RunContainerError',
  CreateContainerConfigError: 'CreateContainerConfigError',
};

export interface FailedAttempt extends Pick<PodFailure, 'reason' | 'message' | 'container' | 'told'> {
  /** Attempts that failed before this one. */
  readonly before: number;
  /** Whether the next attempt is being waited for. */
  readonly backingOff: boolean;
  readonly atMs: number;
}

/** The status of containers of which none was started, because something stands against one or all of them. */
export function failedContainers(pod: PodObject, failure: FailedAttempt): readonly Json[] {
  return pod.spec.containers.map(({ name, image }) => {
    const concerned = failure.container === undefined || failure.container === name;
    const reason = concerned ? WAITING_REASONS[failure.reason] : undefined;
    const message = failure.told ?? failure.message;
    return {
      name,
      image,
      imageID: '',
      ready: false,
      started: false,
      restartCount: reason === 'RunContainerError' ? failure.before : 0,
      state: { waiting: waitingState(reason, { image, message, concerned, backingOff: failure.backingOff }) },
      lastState: reason === 'RunContainerError' ? startError(message, failure.atMs) : {},
    };
  });
}

function waitingState(
  reason: string | undefined,
  why: { readonly image: string; readonly message: string; readonly concerned: boolean; readonly backingOff: boolean },
): Json {
  if (reason === 'ErrImagePull' && why.backingOff) {
    return { reason: 'ImagePullBackOff', message: `Back-off pulling image "${why.image}": ${why.message}` };
  }
  if (reason !== undefined) return { reason, message: why.message };
  return { reason: 'ContainerCreating', ...(why.concerned ? { message: why.message } : {}) };
}

function startError(message: string, atMs: number): Json {
  const at = timestamp(atMs);
  return { terminated: { exitCode: START_ERROR, reason: 'StartError', message, startedAt: at, finishedAt: at } };
}

/** Containers that nobody has begun with. */
export function creatingContainers(pod: PodObject): readonly Json[] {
  return pod.spec.containers.map(({ name, image }) => ({
    name,
    image,
    imageID: '',
    ready: false,
    started: false,
    restartCount: 0,
    state: { waiting: { reason: 'ContainerCreating' } },
    lastState: {},
  }));
}

function wholeSeconds(iso: string): string {
  return timestamp(Date.parse(iso));
}

/** @see Kubernetes, "Pod Quality of Service Classes" */
function qosClass({ spec }: PodObject): string {
  const all = spec.containers.map(
    ({ resources }) => resources as Readonly<Record<string, Json | undefined>> | undefined,
  );
  const declared = all.some((one) => Object.keys({ ...one?.['requests'], ...one?.['limits'] }).length > 0);
  if (!declared) return 'BestEffort';
  const fixed = all.every((one) =>
    ['cpu', 'memory'].every((name) => {
      const limit = one?.['limits']?.[name];
      return limit !== undefined && (one?.['requests']?.[name] ?? limit) === limit;
    }),
  );
  return fixed ? 'Guaranteed' : 'Burstable';
}
