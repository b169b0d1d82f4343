import type { JsonValue } from '../src/arm/template.ts';
import type { KubernetesPort, ObjectReference } from '../src/engine/ports.ts';
import type { KubernetesObject } from '../src/manifests/object.ts';
import type { FakeClock } from './fake-clock.ts';
import type { FakeRollouts } from './fake-rollouts.ts';
import { FakeKubernetesError } from './fake-requests.ts';
import type { FakeRequests } from './fake-requests.ts';

type Json = Record<string, unknown>;

/** Virtual times until what is made is ready. */
const readyAfterMs: Readonly<Record<string, number>> = {
  Deployment: 40_000,
  StatefulSet: 45_000,
  Pod: 30_000,
  Kafka: 60_000,
  Service: 20_000,
};

const clusterWide: ReadonlySet<string> = new Set([
  'Namespace',
  'Node',
  'ClusterRoleBinding',
  'MutatingWebhookConfiguration',
]);

interface Stored {
  readonly object: Json;
  /** When its content last changed. */
  readonly changedAt: number;
}

/**
 * A cluster in memory: server-side apply with a simple merge, namespaces that must exist, and controllers that make things
 * ready after some virtual time. A StatefulSet whose name holds `virtualnode` becomes a node.
 */
export class FakeCluster {
  readonly objects = new Map<string, Stored>();
  /** Workloads that never become ready, by name. */
  readonly stuck = new Set<string>();
  /** Custom kinds that the cluster does not know. */
  readonly unknownKinds = new Set<string>();
  /** Makes the pods of Deployments one by one, with times of their own; without it all are ready together. */
  rollouts: FakeRollouts | undefined;
  /** What containers have written. */
  logText: (pod: string, container: string | undefined, previous: boolean) => string = () => '';
  /** What a pod answers through the API server. */
  proxyAnswer: (pod: string, path: string) => { readonly status: number; readonly body: string } = () => ({
    status: 200,
    body: 'OK',
  });
  /** Managers that own fields of an object, by `Kind/name`: an apply of others without force is a conflict. */
  readonly foreignManagers = new Map<string, string>();
  #revision = 0;
  readonly #requests: FakeRequests;
  readonly #clock: FakeClock;

  constructor(requests: FakeRequests, clock: FakeClock) {
    this.#requests = requests;
    this.#clock = clock;
    for (const name of ['default', 'kube-system']) {
      this.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
  }

  /** Stores an object as it is, without a request. */
  put(object: KubernetesObject): void {
    this.#store(keyOf(object.kind, object.metadata.name, object.metadata.namespace), object);
  }

  /** An object with what its controller says of it now. */
  get(reference: ObjectReference): KubernetesObject | undefined {
    const found = this.objects.get(keyOf(reference.kind, reference.name, reference.namespace));
    if (found !== undefined) return this.#observed(found);
    return reference.kind === 'Node' || reference.kind === 'Pod'
      ? this.#derived().find((object) => object.kind === reference.kind && object.metadata.name === reference.name)
      : undefined;
  }

  readonly port: KubernetesPort = {
    version: (options) => this.#call('GET', '/version', false, options, () => 'v1.34.2'),
    read: (reference, options) => this.#call('GET', path(reference), false, options, () => this.get(reference)),
    list: (apiVersion, kind, options) =>
      this.#call('LIST', `${apiVersion}/${kind}`, false, options, () => this.#list(kind, options ?? {})),
    apply: (object, options) =>
      this.#call(
        options.dryRun === true ? 'DRY-RUN' : 'PATCH',
        path(referenceTo(object)),
        options.dryRun !== true,
        options,
        () => this.#apply(object, options),
      ),
    create: (object, options) =>
      this.#call('POST', path(referenceTo(object)), true, options, () => {
        this.#assertNamespace(object);
        const key = keyOf(object.kind, object.metadata.name, object.metadata.namespace);
        if (this.objects.has(key)) throw new FakeKubernetesError('AlreadyExists', 409, `${key} exists`);
        return this.#store(key, object);
      }),
    replace: (object, options) =>
      this.#call('PUT', path(referenceTo(object)), true, options, () => {
        const key = keyOf(object.kind, object.metadata.name, object.metadata.namespace);
        const live = this.objects.get(key);
        if (live === undefined) throw new FakeKubernetesError('NotFound', 404, `${key} not found`);
        const wanted = (object.metadata as Json)['resourceVersion'];
        if (wanted !== undefined && wanted !== (live.object['metadata'] as Json)['resourceVersion']) {
          throw new FakeKubernetesError('Conflict', 409, `${key} was changed`);
        }
        return this.#store(key, object);
      }),
    remove: (reference, options) =>
      this.#call('DELETE', path(reference), true, options, () => {
        if (reference.kind === 'Deployment') this.rollouts?.removed(reference.name, reference.namespace);
        return this.objects.delete(keyOf(reference.kind, reference.name, reference.namespace))
          ? ('removed' as const)
          : ('absent' as const);
      }),
    watch: (_apiVersion, kind, options) => this.#watch(kind, options),
    logs: (namespace, pod, options) =>
      this.#call('LOGS', `${namespace}/${pod}`, false, options, () =>
        this.logText(pod, options?.container, options?.previous === true),
      ),
    proxyGet: (namespace, pod, port, where, options) =>
      this.#call('PROXY', `${namespace}/${pod}:${port}${where}`, false, options, () => this.proxyAnswer(pod, where)),
  };

  #call<T>(
    verb: string,
    target: string,
    write: boolean,
    options: { readonly signal?: AbortSignal } | undefined,
    execute: () => T,
  ): Promise<T> {
    return this.#requests.run({ verb, target: `k8s:${target}`, write }, execute, options?.signal);
  }

  #assertNamespace(object: KubernetesObject): void {
    if (clusterWide.has(object.kind)) return;
    const namespace = object.metadata.namespace ?? 'default';
    if (this.objects.has(keyOf('Namespace', namespace, undefined))) return;
    throw new FakeKubernetesError('NotFound', 404, `namespaces "${namespace}" not found`);
  }

  #apply(
    object: KubernetesObject,
    options: { readonly fieldManager: string; readonly force?: boolean; readonly dryRun?: boolean },
  ): KubernetesObject {
    if (this.unknownKinds.has(object.kind)) {
      throw new FakeKubernetesError('NotFound', 404, 'the server could not find the requested resource');
    }
    this.#assertNamespace(object);
    const manager = this.foreignManagers.get(`${object.kind}/${object.metadata.name}`);
    if (manager !== undefined && options.force !== true) {
      throw new FakeKubernetesError('Conflict', 409, `Apply failed with 1 conflict: conflict with "${manager}": .spec`);
    }
    if (options.dryRun !== true && manager !== undefined)
      this.foreignManagers.delete(`${object.kind}/${object.metadata.name}`);
    const key = keyOf(object.kind, object.metadata.name, object.metadata.namespace);
    const live = this.objects.get(key)?.object;
    const merged = merge(live ?? {}, object as unknown as JsonValue) as Json;
    if (options.dryRun === true) return this.#observed({ object: merged, changedAt: this.#clock.now() });
    if (live !== undefined && sameContent(live, merged))
      return this.#observed({ object: live, changedAt: this.objects.get(key)?.changedAt ?? 0 });
    return this.#store(key, merged);
  }

  #store(key: string, object: Json): KubernetesObject {
    this.#revision += 1;
    const before = this.objects.get(key)?.object['metadata'] as Json | undefined;
    const metadata = {
      ...(object['metadata'] as Json),
      resourceVersion: String(this.#revision),
      uid: before?.['uid'] ?? `uid-${this.#revision}`,
      generation: Number(before?.['generation'] ?? 0) + 1,
    };
    const stored = { object: { ...object, metadata }, changedAt: this.#clock.now() };
    this.objects.set(key, stored);
    return this.#observed(stored);
  }

  #observed({ object, changedAt }: Stored): KubernetesObject {
    const made = object as unknown as KubernetesObject;
    const ready =
      this.#clock.now() - changedAt >= (readyAfterMs[made.kind] ?? 0) && !this.stuck.has(made.metadata.name);
    const status =
      made.kind === 'Deployment' && this.rollouts !== undefined
        ? this.rollouts.statusOf(made, this.stuck.has(made.metadata.name))
        : statusOf(made, ready);
    return status === undefined ? made : { ...made, status };
  }

  #list(
    kind: string,
    options: { readonly namespace?: string; readonly labelSelector?: string },
  ): readonly KubernetesObject[] {
    const stored = [...this.objects.values()].map((each) => this.#observed(each));
    return [...stored, ...this.#derived()].filter(
      (object) =>
        object.kind === kind &&
        (options.namespace === undefined || (object.metadata.namespace ?? 'default') === options.namespace) &&
        selected(object, options.labelSelector),
    );
  }

  /** Nodes and pods that controllers have made. */
  #derived(): readonly KubernetesObject[] {
    const made: KubernetesObject[] = [];
    for (const stored of this.objects.values()) {
      const object = this.#observed(stored);
      if (object.kind !== 'Deployment' && object.kind !== 'StatefulSet') continue;
      if (object.kind === 'Deployment' && this.rollouts !== undefined) {
        made.push(...this.rollouts.podsOf(object, this.stuck.has(object.metadata.name)));
        continue;
      }
      const spec = object['spec'] as Json;
      const template = spec['template'] as Json;
      const ready =
        this.#clock.now() - stored.changedAt >= (readyAfterMs[object.kind] ?? 0) &&
        !this.stuck.has(object.metadata.name);
      for (let index = 0; index < Number(spec['replicas'] ?? 1); index += 1) {
        const name = `${object.metadata.name}-${index}`;
        const since = new Date(stored.changedAt + (readyAfterMs[object.kind] ?? 0)).toISOString();
        made.push(podOf(object, name, template, ready));
        if (object.kind === 'StatefulSet' && object.metadata.name.includes('virtualnode'))
          made.push(nodeOf(name, ready, since));
      }
    }
    return made;
  }

  async *#watch(
    kind: string,
    options: { readonly signal: AbortSignal; readonly namespace?: string; readonly labelSelector?: string },
  ) {
    for (const object of await this.#call('WATCH', kind, false, options, () => this.#list(kind, options))) {
      yield { type: 'ADDED' as const, object };
    }
    while (!options.signal.aborted) {
      await this.#clock.sleep(1_000, options.signal);
      for (const object of this.#list(kind, options)) yield { type: 'MODIFIED' as const, object };
    }
  }
}

function podOf(owner: KubernetesObject, name: string, template: Json, ready: boolean): KubernetesObject {
  const metadata = template['metadata'] as Json;
  const spec = template['spec'] as Json;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: owner.metadata.namespace ?? 'default',
      labels: metadata['labels'] as Record<string, string>,
    },
    spec,
    status: {
      phase: ready ? 'Running' : 'Pending',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: ready ? (spec['containers'] as readonly Json[]).map(running) : [],
    },
  };
}

function running({ name }: Json): Json {
  return { name, ready: true, restartCount: 0, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } };
}

function nodeOf(name: string, ready: boolean, since: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { type: 'virtual-kubelet' } },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: since }] },
  };
}

function statusOf(object: KubernetesObject, ready: boolean): Json | undefined {
  const spec = (object['spec'] ?? {}) as Json;
  const replicas = Number(spec['replicas'] ?? 1);
  switch (object.kind) {
    case 'Deployment':
    case 'StatefulSet': {
      const count = ready ? replicas : 0;
      return {
        observedGeneration: (object.metadata as unknown as Json)['generation'],
        replicas,
        updatedReplicas: count,
        readyReplicas: count,
        availableReplicas: count,
      };
    }
    case 'Pod':
    case 'Kafka': {
      const phase = object.kind === 'Pod' ? { phase: ready ? 'Running' : 'Pending' } : {};
      return { ...phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] };
    }
    case 'Service':
      if (spec['type'] !== 'LoadBalancer') return undefined;
      return { loadBalancer: ready ? { ingress: [{ ip: '198.51.100.4' }] } : {} };
    default:
      return undefined;
  }
}

function referenceTo(object: KubernetesObject): ObjectReference {
  const { apiVersion, kind, metadata } = object;
  return {
    apiVersion,
    kind,
    name: metadata.name,
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  };
}

function path({ kind, name, namespace }: ObjectReference): string {
  return namespace === undefined ? `${kind}/${name}` : `${namespace}/${kind}/${name}`;
}

function keyOf(kind: string, name: string, namespace: string | undefined): string {
  return clusterWide.has(kind) ? `${kind}/${name}` : `${namespace ?? 'default'}/${kind}/${name}`;
}

function selected(object: KubernetesObject, selector: string | undefined): boolean {
  if (selector === undefined) return true;
  return selector.split(',').every((term) => {
    const [name = '', value] = term.split('=');
    return object.metadata.labels?.[name] === value;
  });
}

function sameContent(a: Json, b: Json): boolean {
  const plain = (object: Json): string => {
    const { resourceVersion: _, uid: __, generation: ___, ...metadata } = object['metadata'] as Json;
    return JSON.stringify({ ...object, metadata });
  };
  return plain(a) === plain(b);
}

const listKeys = ['name', 'mountPath', 'containerPort', 'key'] as const;
/** Maps that are replaced as a whole. */
const atomic: ReadonlySet<string> = new Set(['selector', 'matchLabels', 'nodeSelector']);

function merge(live: unknown, applied: JsonValue): unknown {
  if (Array.isArray(applied)) {
    const own = applied as readonly JsonValue[];
    const key = listKeys.find(
      (name) => own.length > 0 && own.every((item) => typeof item === 'object' && item !== null && name in item),
    );
    if (key === undefined || !Array.isArray(live)) return own;
    const others = live as readonly Json[];
    const merged = own.map((item) =>
      merge(
        others.find((other) => other[key] === (item as Json)[key]),
        item,
      ),
    );
    return [...merged, ...others.filter((other) => !own.some((item) => (item as Json)[key] === other[key]))];
  }
  if (typeof applied !== 'object' || applied === null) return applied;
  const base = typeof live === 'object' && live !== null ? (live as Json) : {};
  const result: Json = { ...base };
  for (const [name, value] of Object.entries(applied)) {
    if (value !== undefined) result[name] = atomic.has(name) ? value : merge(base[name], value);
  }
  return result;
}
