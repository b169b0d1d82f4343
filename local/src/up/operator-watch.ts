import { DependencyError } from '@holdfast/base';

import type { PodObject } from '../kubernetes/controllers/objects.ts';
import type { PodRunner } from '../kubernetes/kubelet/pod-runner.ts';
import { lastLogLine, lastLogWords } from '../process/log-file.ts';
import type { LastWords } from '../process/log-file.ts';
import { describeExit } from '../process/managed-process.ts';
import type { ContainerSnapshot } from '../virtual-node/container.ts';
import type { PodFailure } from '../virtual-node/pod.ts';
import type { LocalClusters, RunningCluster } from './local-clusters.ts';

const OPERATOR = 'uid2-operator';
/** Pods of operators, of all versions. */
export const OPERATOR_LABEL: string = `app.kubernetes.io/name=${OPERATOR}`;
const POD = { apiVersion: 'v1', kind: 'Pod' } as const;
const POLL_MS = 50;

/** A container of an operator's pod that ended although nobody stopped the pod. */
export interface OperatorTermination {
  readonly pod: string;
  readonly container: string;
  readonly logFile: string;
  /** Where that output is once the container is started again. */
  readonly previousLogFile: string;
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** When it is started again, in the words of the node. */
  readonly restart: string | undefined;
}

export interface OperatorWatchListener {
  readonly onTerminated: (termination: OperatorTermination) => void;
  readonly onNotStarted: (failure: PodFailure) => void;
}

/** An operator's pod that runs. */
export interface OperatorPod {
  readonly name: string;
  readonly pid: number;
  /** HOST_DATA of its guest in lower-case hex. */
  readonly hostData: string;
  readonly ready: boolean;
}

/** Sees what happens to the operators' pods in all clusters. */
export class OperatorWatch {
  readonly #clusters: LocalClusters;
  readonly #listener: OperatorWatchListener;
  /** What was told, by pod and container. */
  readonly #told = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;

  constructor(clusters: LocalClusters, listener: OperatorWatchListener) {
    this.#clusters = clusters;
    this.#listener = listener;
    this.#timer = setInterval(() => this.#look(), POLL_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** The operators' pods that have programs. */
  pods(): readonly OperatorPod[] {
    return this.#runners().flatMap(({ object, runner }) => {
      const pod = runner.pod;
      const pid = pod?.container(OPERATOR)?.pid;
      if (pod === undefined || pid === undefined) return [];
      return [{ name: object.metadata.name, pid, hostData: pod.hostData ?? '', ready: pod.ready }];
    });
  }

  /** The newest line of an operator's log, or what its node said last. */
  async lastWords(): Promise<string | undefined> {
    for (const { runner } of this.#runners()) {
      const log = runner.log(OPERATOR);
      const line = log === undefined ? undefined : await lastLogLine(log.current);
      if (line !== undefined) return line;
    }
    return undefined;
  }

  #runners(): readonly { readonly object: PodObject; readonly runner: PodRunner }[] {
    return this.#clusters.running.flatMap(({ store, cluster }: RunningCluster) =>
      store.list(POD, { labelSelector: OPERATOR_LABEL }).flatMap((object) => {
        const pod = object as unknown as PodObject;
        const runner = cluster.runner(pod);
        return runner === undefined || object.metadata.deletionTimestamp !== undefined ? [] : [{ object: pod, runner }];
      }),
    );
  }

  #look(): void {
    for (const { object, runner } of this.#runners()) {
      const { pod } = runner;
      if (pod === undefined) continue;
      const name = object.metadata.name;
      if (pod.failure !== undefined && this.#isNews(name, pod.failure.message)) {
        this.#listener.onNotStarted(pod.failure);
      }
      for (const container of pod.containers) {
        const snapshot = container.snapshot();
        const { ended, state } = snapshot;
        const over = state.state === 'waiting' && state.reason === 'CrashLoopBackOff';
        if (!over && !snapshot.finished) continue;
        const life = ended === undefined ? `${snapshot.restarts}` : `${ended.startedAt} ${ended.finishedAt}`;
        if (!this.#isNews(`${name}/${container.name}`, life)) continue;
        this.#listener.onTerminated({
          pod: name,
          container: container.name,
          logFile: container.logFile,
          previousLogFile: container.previousLogFile,
          code: ended?.code,
          signal: ended?.signal,
          restart: restartOf(snapshot),
        });
      }
    }
  }

  #isNews(what: string, text: string): boolean {
    if (this.#told.get(what) === text) return false;
    this.#told.set(what, text);
    return true;
  }
}

/** `started again in 10 s` */
function restartOf({ state }: ContainerSnapshot): string | undefined {
  return state.state === 'waiting' ? /started again in [\d.]+ s$/.exec(state.message)?.[0] : undefined;
}

/** `uid2-operator ended with exit code 40: Core refused …; started again in 10 s` */
export async function describeTermination(termination: OperatorTermination): Promise<string> {
  const { container, code, signal, restart } = termination;
  const line = (await lastWordsOf(termination))?.sentence;
  const how =
    code === undefined && signal === undefined ? 'could not start' : `ended with ${describeExit({ code, signal })}`;
  const ended = `${container} ${how}${line === undefined ? '' : `: ${line}`}`;
  return restart === undefined ? ended : `${ended}; ${restart}`;
}

/** A container that is started again at once may have a new log already. */
async function lastWordsOf({ logFile, previousLogFile }: OperatorTermination): Promise<LastWords | undefined> {
  return (await lastLogWords(logFile)) ?? (await lastLogWords(previousLogFile));
}

/** The error for an operator that ended when nobody wants to wait for its restart. */
export async function operatorExited(termination: OperatorTermination): Promise<DependencyError> {
  const { container, code, signal, logFile } = termination;
  const words = await lastWordsOf(termination);
  const sentence = await describeTermination({ ...termination, restart: undefined });
  return new DependencyError('OPERATOR_EXITED', sentence, {
    retryable: false,
    details: { container, exitCode: code ?? null, signal: signal ?? null },
    action: words?.action ?? `Read the log ${logFile}.`,
  });
}

/** The error for a pod that cannot be started at all. */
export function operatorNotStarted({ reason, message, explanation }: PodFailure): DependencyError {
  return new DependencyError('OPERATOR_NOT_STARTED', `${reason}: ${message}`, {
    retryable: false,
    ...(explanation === undefined ? {} : { details: { explanation } }),
    action: 'Correct the operator manifest in the home folder.',
  });
}
