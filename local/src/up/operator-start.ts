import { DependencyError } from '@holdfast/base';

import { lastLogLine, lastLogWords } from '../process/log-file.ts';
import { describeExit } from '../process/managed-process.ts';
import type { NodeTermination, VirtualNode } from '../virtual-node/virtual-node.ts';

export interface OperatorStartOptions {
  readonly node: VirtualNode;
  /** Whether the first end of a container is the answer; otherwise it is told and waiting goes on through back-off. */
  readonly failFast: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Told about each container that ended, in one sentence. */
  readonly onNotice: (text: string) => void;
}

/**
 * Starts the node's pods and waits until they are ready. The time limit counts while nothing has ended; a container that
 * ended and waits for its restart may be waited for without limit.
 * @throws DependencyError OPERATOR_NOT_STARTED when a pod cannot be started at all
 * @throws DependencyError OPERATOR_EXITED when a container ended and `failFast` is set
 * @throws DependencyError OPERATOR_NOT_READY when the time is over
 */
export async function startOperator(options: OperatorStartOptions): Promise<void> {
  const { node, signal } = options;
  const done = Promise.withResolvers<void>();
  const timer = setTimeout(() => void notReady(options).then(done.reject, done.reject), options.timeoutMs);
  const abort = (): void => done.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const unsubscribe = node.subscribe((change) => {
    if (change.kind === 'ready') done.resolve();
    if (change.kind !== 'terminated' || signal.aborted) return;
    clearTimeout(timer);
    const { termination } = change;
    const told = options.failFast
      ? exited(node, termination).then(done.reject)
      : describeTermination(node, termination).then(options.onNotice);
    told.catch(done.reject);
  });
  try {
    signal.throwIfAborted();
    await node.start();
    const failure = node.pods.find((pod) => pod.failure !== undefined)?.failure;
    if (failure !== undefined) {
      if (failure.explanation !== undefined) options.onNotice(failure.explanation);
      throw new DependencyError('OPERATOR_NOT_STARTED', `${failure.reason}: ${failure.message}`, {
        retryable: false,
        ...(failure.explanation === undefined ? {} : { details: { explanation: failure.explanation } }),
        action: 'Correct the operator manifest in the home folder.',
      });
    }
    if (node.pods.every((pod) => pod.ready)) return;
    await done.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    unsubscribe();
    done.promise.catch(() => undefined); // nobody waits any more
  }
}

/** `operator ended with exit code 3: Core refused …; started again in 10 s` */
export async function describeTermination(node: VirtualNode, termination: NodeTermination): Promise<string> {
  const container = node.pod(termination.pod)?.container(termination.container);
  const line = container === undefined ? undefined : await lastLogLine(container.logFile);
  const how =
    termination.code === undefined && termination.signal === undefined
      ? 'could not start'
      : `ended with ${describeExit(termination)}`;
  const ended = `${termination.container} ${how}${line === undefined ? '' : `: ${line}`}`;
  const { restartInMs } = termination;
  return restartInMs === undefined ? ended : `${ended}; started again in ${restartInMs / 1000} s`;
}

async function exited(node: VirtualNode, termination: NodeTermination): Promise<DependencyError> {
  const logFile = node.pod(termination.pod)?.container(termination.container)?.logFile;
  const words = logFile === undefined ? undefined : await lastLogWords(logFile);
  const sentence = await describeTermination(node, { ...termination, restartInMs: undefined });
  return new DependencyError('OPERATOR_EXITED', sentence, {
    retryable: false,
    details: {
      container: termination.container,
      exitCode: termination.code ?? null,
      signal: termination.signal ?? null,
    },
    action: words?.action ?? `Read the log ${logFile ?? 'in the home folder'}.`,
  });
}

async function notReady(options: OperatorStartOptions): Promise<DependencyError> {
  const unready = options.node.events().findLast(({ reason }) => reason === 'Unhealthy');
  const lines = [];
  for (const pod of options.node.pods) {
    const container = pod.container('uid2-operator');
    if (container !== undefined) lines.push(await lastLogLine(container.logFile));
  }
  const reason = lines.find((line) => line !== undefined) ?? unready?.message ?? 'it does not answer';
  return new DependencyError(
    'OPERATOR_NOT_READY',
    `the operator was not ready within ${options.timeoutMs / 1000} s: ${reason}`,
    { retryable: true, action: 'Read the logs in the home folder.' },
  );
}
