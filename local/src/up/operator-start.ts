import { DependencyError, errorMessage } from '@holdfast/base';

import { pause } from '../virtual-node/readiness-probe.ts';
import type { LocalClusters } from './local-clusters.ts';
import { describeTermination, operatorExited, operatorNotStarted, OperatorWatch } from './operator-watch.ts';
import type { OperatorPod } from './operator-watch.ts';

/** What a deployment tells while it goes on. */
export type DeployEvent =
  | { readonly kind: 'stage-begun'; readonly stage: string; readonly title: string }
  | { readonly kind: 'stage-done'; readonly stage: string; readonly detail: string }
  | { readonly kind: 'notice'; readonly text: string };

export interface DeployRequest {
  /** The home folder, whose cloud is reached through its `cloud.json`. */
  readonly home: string;
  /** Configuration of the deployment. */
  readonly configFile: string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: DeployEvent) => void;
}

/** Brings a deployment to what its configuration says, as `holdfast apply --target local` does. */
export type Deploy = (request: DeployRequest) => Promise<void>;

export interface OperatorStartOptions {
  readonly clusters: LocalClusters;
  readonly deploy: (signal: AbortSignal) => Promise<void>;
  /** Whether the first end of a container is the answer; otherwise it is told and waiting goes on through back-off. */
  readonly failFast: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Told about each container that ended, in one sentence. */
  readonly onNotice: (text: string) => void;
}

const POLL_MS = 50;

/** An operator that is up. */
export interface StartedOperator {
  readonly pod: OperatorPod;
  stop(): void;
}

/**
 * Deploys the operator, and watches its pods meanwhile and afterwards. The time limit counts while nothing has ended; a container
 * that ended and waits for its restart may be waited for without limit.
 * @throws DependencyError OPERATOR_NOT_STARTED when a pod cannot be started at all
 * @throws DependencyError OPERATOR_EXITED when a container ended and `failFast` is set
 * @throws DependencyError OPERATOR_NOT_READY when the time is over
 */
export async function startOperator(options: OperatorStartOptions): Promise<StartedOperator> {
  const { clusters, signal, onNotice } = options;
  const problem = Promise.withResolvers<never>();
  problem.promise.catch(() => undefined); // nobody waits any more once it is up
  const giveUp = new AbortController();
  let up = false;
  const told = (sentence: Promise<string>): void => {
    sentence.then(onNotice, (error: unknown) => onNotice(errorMessage(error)));
  };
  const timer = setTimeout(() => void notReady(watch, options.timeoutMs).then(problem.reject), options.timeoutMs);
  const watch = new OperatorWatch(clusters, {
    onTerminated: (termination) => {
      clearTimeout(timer);
      if (signal.aborted) return;
      if (up || !options.failFast) told(describeTermination(termination));
      else void operatorExited(termination).then(problem.reject, problem.reject);
    },
    onNotStarted: (failure) => {
      if (signal.aborted) return;
      if (failure.explanation !== undefined) onNotice(failure.explanation);
      else if (up) onNotice(`${failure.reason}: ${failure.message}`);
      if (!up) problem.reject(operatorNotStarted(failure));
    },
  });
  try {
    const deployed = options.deploy(AbortSignal.any([signal, giveUp.signal]));
    const running = deployed.then(async () => await readyPod(watch, AbortSignal.any([signal, giveUp.signal])));
    const pod = await Promise.race([running, problem.promise]).catch(async (error: unknown) => {
      giveUp.abort();
      await running.catch(() => undefined); // what stopped it is thrown instead
      throw signal.aborted ? signal.reason : error;
    });
    up = true;
    return { pod, stop: () => watch.close() };
  } catch (error) {
    watch.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A version that the deployment left alone may still be starting. */
async function readyPod(watch: OperatorWatch, signal: AbortSignal): Promise<OperatorPod> {
  for (;;) {
    signal.throwIfAborted();
    const pod = watch.pods().find(({ ready }) => ready);
    if (pod !== undefined) return pod;
    await pause(POLL_MS, signal);
  }
}

async function notReady(watch: OperatorWatch, timeoutMs: number): Promise<DependencyError> {
  const reason = (await watch.lastWords()) ?? 'it does not answer';
  return new DependencyError(
    'OPERATOR_NOT_READY',
    `the operator was not ready within ${timeoutMs / 1000} s: ${reason}`,
    { retryable: true, action: 'Read the logs in the home folder.' },
  );
}
