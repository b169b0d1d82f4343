import { machinePort } from '../../process/machine-port.ts';
import type { PodBackend, PodLogOptions, ProxyAnswer, ProxyRequest } from '../api/backend.ts';
import { StatusError } from '../api/cluster-store.ts';
import type { ClusterObject } from '../api/cluster-store.ts';
import { kindReference } from '../controllers/cluster.ts';
import type { Cluster } from '../controllers/cluster.ts';
import type { PodObject } from '../controllers/objects.ts';
import { readLog } from './pod-log.ts';
import { proxyTo } from './pod-proxy.ts';
import type { PodRunner } from './pod-runner.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * Answers what the API server asks nodes for. Programs write their logs themselves, so the times of lines are not known:
 * `timestamps` and `sinceMs` change nothing.
 */
export class LocalPodBackend implements PodBackend {
  readonly #cluster: Cluster;
  readonly #runnerOf: (pod: PodObject) => PodRunner | undefined;

  constructor(cluster: Cluster, runnerOf: (pod: PodObject) => PodRunner | undefined) {
    this.#cluster = cluster;
    this.#runnerOf = runnerOf;
  }

  async *logs(asked: ClusterObject, options: PodLogOptions): AsyncGenerator<Uint8Array> {
    const { name, namespace } = asked.metadata;
    const pod = this.#cluster.find('Pod', name, namespace);
    if (pod === undefined) throw new StatusError('NotFound', `pods "${name}" not found`);
    const file = this.#logFile(pod, options);
    if (file === undefined) return;
    const { tailLines, limitBytes, follow, signal } = options;
    yield* readLog(file, {
      tailLines,
      limitBytes,
      follow: follow && !options.previous ? { ...this.#following(pod, options.container), signal } : undefined,
    });
  }

  async proxy(asked: ClusterObject, port: number, request: ProxyRequest): Promise<ProxyAnswer> {
    const { name, namespace } = asked.metadata;
    const address = this.#cluster.find('Pod', name, namespace)?.status?.podIP;
    if (address === undefined) throw new StatusError('ServiceUnavailable', `pod ${name} has no address yet`);
    return proxyTo(address, machinePort(port), request);
  }

  /** Undefined when there is nothing to show although nothing is wrong. */
  #logFile(pod: PodObject, { container, previous }: PodLogOptions): string | undefined {
    const { name } = pod.metadata;
    if (!pod.spec.containers.some((one) => one.name === container)) {
      throw new StatusError('BadRequest', `container ${container} is not valid for pod ${name}`);
    }
    const status = containerStatus(pod, container);
    const isRunning = status?.['running'] !== undefined;
    if (previous && status?.['ended'] !== true) {
      throw new StatusError('BadRequest', `previous terminated container "${container}" in pod "${name}" not found`);
    }
    const log = this.#runnerOf(pod)?.log(container);
    if (log === undefined) {
      if (isRunning) return undefined;
      const waiting = status?.['waiting'] as { readonly reason?: string } | undefined;
      const why = waiting?.reason ?? 'ContainerCreating';
      throw new StatusError('BadRequest', `container "${container}" in pod "${name}" is waiting to start: ${why}`);
    }
    // Until the container is started again, the life that ended last has the newest file.
    return previous && isRunning ? log.previous : log.current;
  }

  /** The log of one life grows as long as that life runs. */
  #following(
    pod: PodObject,
    container: string,
  ): { readonly isOpen: () => boolean; readonly onChange: (listener: () => void) => () => void } {
    const { name, namespace, uid } = pod.metadata;
    const lives = (): unknown => {
      const live = this.#cluster.find('Pod', name, namespace);
      return live?.metadata.uid === uid && live !== undefined
        ? containerStatus(live, container)?.['running']
        : undefined;
    };
    const started = JSON.stringify(lives());
    return {
      isOpen: () => lives() !== undefined && JSON.stringify(lives()) === started,
      onChange: (listener) =>
        this.#cluster.store.subscribe(kindReference('Pod'), ({ object }) => {
          if (object.metadata.uid === uid) listener();
        }),
    };
  }
}

/** Members of the state of a container, and whether it has ended before. */
function containerStatus(pod: PodObject, container: string): Json | undefined {
  const status = pod.status?.containerStatuses?.find((one) => one.name === container) as
    | { readonly state?: Json; readonly lastState?: Json; readonly restartCount?: number }
    | undefined;
  if (status === undefined) return undefined;
  const ended = status.lastState?.['terminated'] !== undefined;
  const running = status.state?.['running'];
  const life = running === undefined ? undefined : { ...(running as Json), restarts: status.restartCount };
  return { ...status.state, running: life, ended };
}
