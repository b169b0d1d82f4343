import { listAt, mapAt, numberAt, stringAt, valueAt } from '../objects.ts';
import type { ClusterObject } from '../objects.ts';
import type { TableColumn } from './scheme.ts';

const NONE = '<none>';

/** The columns of a pod behind its name. */
export function podColumns(age: TableColumn): readonly TableColumn[] {
  const wide = { type: 'string', priority: 1 } as const;
  return [
    { name: 'Ready', type: 'string', priority: 0, cell: podReady },
    { name: 'Status', type: 'string', priority: 0, cell: podStatus },
    { name: 'Restarts', type: 'string', priority: 0, cell: (pod) => String(podRestarts(pod)) },
    age,
    { name: 'IP', ...wide, cell: (pod) => stringAt(pod, 'status', 'podIP') ?? NONE },
    { name: 'Node', ...wide, cell: (pod) => stringAt(pod, 'spec', 'nodeName') ?? NONE },
    { name: 'Nominated Node', ...wide, cell: (pod) => stringAt(pod, 'status', 'nominatedNodeName') ?? NONE },
    { name: 'Readiness Gates', ...wide, cell: () => NONE },
  ];
}

function containerStatuses(pod: ClusterObject): readonly unknown[] {
  return listAt(pod, 'status', 'containerStatuses');
}

function podReady(pod: ClusterObject): string {
  const ready = containerStatuses(pod).filter((one) => valueAt(one, 'ready') === true).length;
  return `${ready}/${listAt(pod, 'spec', 'containers').length}`;
}

function podRestarts(pod: ClusterObject): number {
  return containerStatuses(pod).reduce<number>((sum, one) => sum + (numberAt(one, 'restartCount') ?? 0), 0);
}

/** The word in column STATUS: the phase, or what keeps a container from running. */
export function podStatus(pod: ClusterObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const initial = initStatus(pod);
  if (initial !== undefined) return initial;
  let reason = stringAt(pod, 'status', 'reason') ?? stringAt(pod, 'status', 'phase') ?? 'Unknown';
  let hasRunning = false;
  for (const status of [...containerStatuses(pod)].reverse()) {
    const waiting = stringAt(status, 'state', 'waiting', 'reason');
    const terminated = valueAt(status, 'state', 'terminated');
    if (waiting !== undefined && waiting !== '') reason = waiting;
    else if (terminated !== undefined) reason = terminatedReason(terminated);
    else if (valueAt(status, 'ready') === true) hasRunning = true;
  }
  return reason === 'Completed' && hasRunning ? 'Running' : reason;
}

function terminatedReason(terminated: unknown): string {
  const reason = stringAt(terminated, 'reason');
  if (reason !== undefined && reason !== '') return reason;
  const signal = numberAt(terminated, 'signal') ?? 0;
  return signal === 0 ? `ExitCode:${numberAt(terminated, 'exitCode') ?? 0}` : `Signal:${signal}`;
}

function initStatus(pod: ClusterObject): string | undefined {
  const total = listAt(pod, 'spec', 'initContainers').length;
  for (const [index, status] of listAt(pod, 'status', 'initContainerStatuses').entries()) {
    const terminated = mapAt(status, 'state', 'terminated');
    if (terminated['exitCode'] === 0) continue;
    if (valueAt(status, 'state', 'terminated') !== undefined) return `Init:${terminatedReason(terminated)}`;
    const waiting = stringAt(status, 'state', 'waiting', 'reason');
    return waiting !== undefined && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${index}/${total}`;
  }
  return undefined;
}
