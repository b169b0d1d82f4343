import { DependencyError, RequestError } from '@holdfast/base';

import { objectAt, textAt } from '../bundle/shape.ts';
import type { CallOptions, KubernetesPort } from '../engine/ports.ts';
import type { ContainerLogs, PodEvent, PodFacts } from './facts.ts';
import { containersOfPod, isReady, timeOf } from './read-pod.ts';

const TAIL_LINES = 2000;

/**
 * Reads what `diagnosePod` looks at. Logs and nodes that cannot be read are left out: a container that never started has none.
 * @throws RequestError POD_NOT_FOUND
 */
export async function gatherPodFacts(
  cluster: KubernetesPort,
  namespace: string,
  name: string,
  now: number,
  options: CallOptions = {},
): Promise<PodFacts> {
  const pod = await cluster.read({ apiVersion: 'v1', kind: 'Pod', name, namespace }, options);
  if (pod === undefined) {
    throw new RequestError('POD_NOT_FOUND', `there is no pod ${name} in the namespace ${namespace}`, {
      action: 'Leave the name out to look at all pods of the operator.',
    });
  }
  const fieldSelector = `involvedObject.name=${name}`;
  const [events, virtualNodes, logs] = await Promise.all([
    orUndefined(cluster.list('v1', 'Event', { ...options, namespace, fieldSelector })),
    orUndefined(cluster.list('v1', 'Node', { ...options, labelSelector: 'virtualization=virtualnode2' })),
    logsOf(cluster, namespace, pod, options),
  ]);
  return {
    pod,
    events: (events ?? [])
      .filter((event) => textAt(event, 'involvedObject', 'name') === name)
      .map(podEvent)
      .toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0)),
    logs,
    virtualNodes: virtualNodes?.map((node) => ({ name: node.metadata.name, ready: isReady(node) })),
    now,
  };
}

function podEvent(event: unknown): PodEvent {
  const plain = objectAt(event);
  const series = objectAt(plain, 'series');
  const at = plain['lastTimestamp'] ?? series['lastObservedTime'] ?? plain['eventTime'] ?? plain['firstTimestamp'];
  return {
    type: textAt(plain, 'type') ?? 'Normal',
    reason: textAt(plain, 'reason') ?? '',
    message: textAt(plain, 'message') ?? '',
    at: timeOf(at),
    count: typeof plain['count'] === 'number' ? plain['count'] : 1,
  };
}

async function logsOf(
  cluster: KubernetesPort,
  namespace: string,
  pod: PodFacts['pod'],
  options: CallOptions,
): Promise<PodFacts['logs']> {
  const entries = await Promise.all(
    containersOfPod(pod).map(async ({ name, restarts, runningSince, ended }): Promise<[string, ContainerLogs]> => {
      const read = (previous: boolean): Promise<string | undefined> =>
        orUndefined(
          cluster.logs(namespace, pod.metadata.name, { ...options, container: name, previous, tailLines: TAIL_LINES }),
        );
      const started = runningSince !== undefined || ended !== undefined;
      return [
        name,
        {
          current: started ? await read(false) : undefined,
          previous: restarts > 0 ? await read(true) : undefined,
        },
      ];
    }),
  );
  return Object.fromEntries(entries);
}

/** What the cluster does not give out, or not yet, is missing from the facts; everything else that goes wrong is not hidden. */
async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof DependencyError) return undefined;
    throw error;
  }
}
