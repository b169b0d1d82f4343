import type { ClusterEvent, ObjectInput } from '../api/cluster-store.ts';
import { equalJson } from '../api/objects.ts';
import { controllerReference, keyOf, splitKey } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Controller } from './controller.ts';
import type { PodObject, ServiceObject, ServicePort } from './objects.ts';
import { hasLabels } from './selectors.ts';
import { isServing, selectedPods, targetPort } from './service-endpoints.ts';

/** Writes down which pods stand behind a service. The store has given it its addresses. */
export class ServiceController implements Controller {
  readonly name = 'service';
  readonly watches = ['Service', 'Pod'] as const;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  keys({ object, previous }: ClusterEvent): readonly string[] {
    if (object.kind === 'Service') return [keyOf(object)];
    const labels = [object.metadata.labels ?? {}, previous?.metadata.labels ?? {}];
    return this.#cluster
      .list('Service', { namespace: object.metadata.namespace })
      .filter(({ spec }) => labels.some((one) => hasLabels(one, spec.selector ?? {})))
      .map(keyOf);
  }

  reconcile(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const service = this.#cluster.find('Service', name, namespace);
    if (service === undefined) {
      const endpoints = this.#cluster.find('Endpoints', name, namespace);
      if (endpoints !== undefined) this.#cluster.remove(endpoints);
      return Promise.resolve(undefined);
    }
    if (service.metadata.deletionTimestamp !== undefined || service.spec.type === 'ExternalName') {
      return Promise.resolve(undefined);
    }
    if (service.spec.selector !== undefined) this.#writeEndpoints(service, namespace);
    return Promise.resolve(undefined);
  }

  #writeEndpoints(service: ServiceObject, namespace: string): void {
    const { name, labels } = service.metadata;
    const pods = selectedPods(service, this.#cluster.list('Pod', { namespace }));
    const own = { ...labels, 'kubernetes.io/service-name': name };
    this.#put({
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name, namespace, ...(labels === undefined ? {} : { labels }) },
      ...(pods.length === 0 ? {} : { subsets: [subset(service, pods)] }),
    });
    this.#put({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-holdfast`,
        namespace,
        labels: { ...own, 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' },
        ownerReferences: [controllerReference(service)],
      },
      addressType: 'IPv4',
      endpoints: pods.map(endpoint),
      ports: portsOf(service, pods),
    });
  }

  /** Creates or replaces, when something differs. */
  #put(object: ObjectInput): void {
    const { apiVersion, kind, metadata } = object;
    const live = this.#cluster.store.get({
      apiVersion,
      kind,
      name: metadata.name ?? '',
      namespace: metadata.namespace,
    });
    if (live === undefined) {
      this.#cluster.create(object);
      return;
    }
    const next = { ...object, metadata: { ...live.metadata, ...metadata } };
    if (!equalJson(content(next), content(live))) this.#cluster.replace(next);
  }
}

function content(object: ObjectInput): unknown {
  const { metadata, ...members } = object;
  return { ...members, labels: metadata.labels ?? {} };
}

function subset(service: ServiceObject, pods: readonly PodObject[]): Readonly<Record<string, unknown>> {
  const serving = pods.filter(isServing).map(address);
  const others = pods.filter((pod) => !isServing(pod)).map(address);
  return {
    ...(serving.length === 0 ? {} : { addresses: serving }),
    ...(others.length === 0 ? {} : { notReadyAddresses: others }),
    ports: portsOf(service, pods),
  };
}

function address({ metadata, spec, status }: PodObject): Readonly<Record<string, unknown>> {
  return { ip: status?.podIP, nodeName: spec.nodeName, targetRef: podReference(metadata) };
}

function endpoint(pod: PodObject): Readonly<Record<string, unknown>> {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  return {
    addresses: [pod.status?.podIP],
    conditions: { ready: isServing(pod), serving: isServing(pod), terminating },
    nodeName: pod.spec.nodeName,
    targetRef: podReference(pod.metadata),
  };
}

function podReference({ name, namespace, uid }: PodObject['metadata']): Readonly<Record<string, unknown>> {
  return { kind: 'Pod', name, namespace, uid };
}

/** Named target ports may differ from pod to pod; as the first pod has them. */
function portsOf(service: ServiceObject, pods: readonly PodObject[]): readonly Readonly<Record<string, unknown>>[] {
  const [first] = pods;
  return (service.spec.ports ?? []).flatMap((port: ServicePort) => {
    const target = first === undefined ? undefined : targetPort(port, first);
    if (target === undefined) return [];
    return [
      { ...(port.name === undefined ? {} : { name: port.name }), port: target, protocol: port.protocol ?? 'TCP' },
    ];
  });
}
