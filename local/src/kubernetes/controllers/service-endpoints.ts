import { machinePort } from '../../process/machine-port.ts';
import type { ContainerPort, PodObject, ServiceObject, ServicePort } from './objects.ts';
import { isReady } from './pods.ts';
import { hasLabels } from './selectors.ts';

/** A place where a service's port is served. */
export interface Backend {
  readonly address: string;
  /** As it is on this machine. */
  readonly port: number;
}

/** Pods that a service selects and that have an address, whether they are ready or not. */
export function selectedPods(service: ServiceObject, pods: readonly PodObject[]): readonly PodObject[] {
  const { selector } = service.spec;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  return pods.filter(
    ({ metadata, status }) =>
      hasLabels(metadata.labels ?? {}, selector) &&
      status?.podIP !== undefined &&
      status.phase !== 'Failed' &&
      status.phase !== 'Succeeded',
  );
}

export function isServing(pod: PodObject): boolean {
  return isReady(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** The port of a pod that a service's port leads to; undefined when the pod has no port of that name. */
export function targetPort(port: ServicePort, pod: PodObject): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target;
  const ports: readonly ContainerPort[] = pod.spec.containers.flatMap((container) => container.ports ?? []);
  return ports.find(({ name }) => name === target)?.containerPort;
}

/** Where connections to a service's port may go now. */
export function backendsOf(service: ServiceObject, port: ServicePort, pods: readonly PodObject[]): readonly Backend[] {
  return selectedPods(service, pods)
    .filter(isServing)
    .flatMap((pod) => {
      const target = targetPort(port, pod);
      const address = pod.status?.podIP;
      return target === undefined || address === undefined ? [] : [{ address, port: machinePort(target) }];
    });
}
