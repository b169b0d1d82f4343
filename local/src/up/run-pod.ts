import { DependencyError, errorMessage } from '@holdfast/base';

import type { LocalImage } from '../images/build-local-image.ts';
import type { NodeTermination, VirtualNode } from '../virtual-node/virtual-node.ts';
import { lastLogLine } from '../process/log-file.ts';
import { describeExit } from '../process/managed-process.ts';

export interface RunPodOptions {
  /** Manifest stream with one Pod or Deployment. */
  readonly manifest: string;
  /** The images that can be pulled. */
  readonly images: readonly LocalImage[];
  /** Told about each container that ended although nobody stopped the pod, in one sentence. */
  readonly onEnd: (sentence: string) => void;
  /** Told why a policy denied something, in several lines. */
  readonly onDenial: (explanation: string) => void;
}

export interface RunningPod {
  readonly name: string;
  /** HOST_DATA of its guest in lower-case hex; undefined for an ordinary pod. */
  readonly hostData: string | undefined;
}

/**
 * Starts the pod of a node and answers once its containers are being started.
 * @throws DependencyError POD_NOT_STARTED
 */
export async function startPod(node: VirtualNode, options: RunPodOptions): Promise<RunningPod> {
  node.subscribe((change) => {
    if (change.kind === 'event' && change.event.reason === 'PolicyDenied') options.onDenial(change.event.message);
    if (change.kind !== 'terminated') return;
    const { pod } = change.termination;
    void describeTermination(node, change.termination).then(
      (sentence) => options.onEnd(`${pod}/${sentence}`),
      (error: unknown) => options.onEnd(`${pod}: ${errorMessage(error)}`),
    );
  });
  await node.start();
  const [pod] = node.pods;
  if (pod === undefined) throw notStarted('the manifest asks for no pod');
  if (pod.failure !== undefined) throw notStarted(`${pod.failure.reason}: ${pod.failure.message}`);
  return { name: pod.name, hostData: pod.hostData };
}

async function describeTermination(node: VirtualNode, termination: NodeTermination): Promise<string> {
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

function notStarted(reason: string): DependencyError {
  return new DependencyError('POD_NOT_STARTED', `the pod was not started: ${reason}`, {
    retryable: false,
    action: 'Correct the manifest, or generate its policy anew.',
  });
}
