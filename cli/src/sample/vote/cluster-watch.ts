import { setTimeout as pause } from 'node:timers/promises';

import { DependencyError } from '@holdfast/base';
import type { KubernetesObject, KubernetesPort, ObjectReference } from '@holdfast/deployment';

const LOOK_INTERVAL_MS = 200;
const DEADLINE_MS = 180_000;
const NAMESPACE = 'default';

interface PodParts {
  readonly metadata: { readonly name: string; readonly uid?: string; readonly deletionTimestamp?: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface EventParts {
  readonly involvedObject?: { readonly name?: string; readonly uid?: string };
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Looks at a cluster until it is as it should be. */
export class ClusterWatch {
  readonly #api: KubernetesPort;
  readonly #signal: AbortSignal;

  constructor(api: KubernetesPort, signal: AbortSignal) {
    this.#api = api;
    this.#signal = signal;
  }

  /** The one pod of a label that is ready and not about to go; never the one with the uid `not`. */
  async readyPod(app: string, not?: string): Promise<{ readonly name: string; readonly uid: string }> {
    return this.until(`no pod of ${app} is ready`, async () => {
      const pods = await this.#list<PodParts>('Pod', `app=${app}`);
      const [pod, ...others] = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const { name = '', uid = '' } = pod?.metadata ?? {};
      return others.length === 0 && pod !== undefined && isReady(pod) && uid !== not ? { name, uid } : undefined;
    });
  }

  /** Waits for an event of a pod whose message fits; answers the message. Events of earlier pods of that name do not count. */
  async event(pod: string, wanted: RegExp): Promise<string> {
    return this.until(`the pod ${pod} has no event like ${wanted.source}`, async () => {
      const live = await this.read({ apiVersion: 'v1', kind: 'Pod', name: pod, namespace: NAMESPACE });
      const { uid } = (live as PodParts | undefined)?.metadata ?? {};
      const events = await this.#list<EventParts>('Event');
      return events.find(
        ({ involvedObject, message = '' }) => uid !== undefined && involvedObject?.uid === uid && wanted.test(message),
      )?.message;
    });
  }

  async gone(reference: ObjectReference): Promise<void> {
    await this.until(`${reference.kind} ${reference.name} does not go`, async () =>
      (await this.read(reference)) === undefined ? true : undefined,
    );
  }

  async read(reference: ObjectReference): Promise<KubernetesObject | undefined> {
    return this.#api.read(reference, { signal: this.#signal });
  }

  /** `http://127.80.2.1`, once the load balancer answers there. */
  async address(service: string): Promise<string> {
    return this.until(`the Service ${service} has no address`, async () => {
      const found = await this.read({ apiVersion: 'v1', kind: 'Service', name: service, namespace: NAMESPACE });
      const { status } = (found ?? {}) as {
        readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly Ingress[] } };
      };
      const [ingress] = status?.loadBalancer?.ingress ?? [];
      if (ingress?.ip === undefined) return undefined;
      const port = ingress.ports?.[0]?.port ?? 80;
      return `http://${ingress.ip}${port === 80 ? '' : `:${port}`}`;
    });
  }

  /**
   * Looks again and again until there is an answer.
   * @param otherwise What is said when there is none in time, with the newest warnings of the cluster.
   * @throws DependencyError SAMPLE_NOT_AS_EXPECTED
   */
  async until<T>(otherwise: string, look: () => Promise<T | undefined>): Promise<T> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      this.#signal.throwIfAborted();
      const found = await look();
      if (found !== undefined) return found;
      if (performance.now() > deadline) {
        throw new DependencyError(
          'SAMPLE_NOT_AS_EXPECTED',
          `${otherwise} within ${DEADLINE_MS / 1000} s${await this.#warnings()}`,
          { retryable: false, action: 'Read the logs in the home folder of the sample.' },
        );
      }
      await pause(LOOK_INTERVAL_MS, undefined, { signal: this.#signal });
    }
  }

  async #warnings(): Promise<string> {
    const events = await this.#list<EventParts>('Event');
    const texts = events
      .filter(({ type }) => type === 'Warning')
      .map(({ involvedObject, reason, message }) => `${involvedObject?.name ?? ''}: ${reason ?? ''}: ${message ?? ''}`);
    return texts.length === 0 ? '' : ` (${texts.slice(-3).join('; ')})`;
  }

  async #list<T>(kind: string, labelSelector?: string): Promise<readonly T[]> {
    return (await this.#api.list('v1', kind, {
      namespace: NAMESPACE,
      signal: this.#signal,
      ...(labelSelector === undefined ? {} : { labelSelector }),
    })) as unknown as readonly T[];
  }
}

interface Ingress {
  readonly ip?: string;
  readonly ports?: readonly { readonly port: number }[];
}

function isReady({ status }: PodParts): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
}
