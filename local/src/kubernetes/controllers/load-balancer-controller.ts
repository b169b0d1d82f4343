import { errorMessage } from '@holdfast/base';

import { UNPRIVILEGED_OFFSET } from '../../process/machine-port.ts';
import type { ClusterEvent } from '../api/cluster-store.ts';
import { keyOf, splitKey } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Controller } from './controller.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { LoopbackAddresses } from './loopback-addresses.ts';
import type { ServiceObject, ServicePort } from './objects.ts';
import { backendsOf } from './service-endpoints.ts';
import { TcpForwarder } from './tcp-forwarder.ts';
import type { ForwarderAddress } from './tcp-forwarder.ts';

/** One more place where a service's port answers, beside its own address. */
export interface PublishedPort extends ForwarderAddress {
  readonly namespace: string;
  readonly service: string;
  readonly servicePort: number;
}

interface Balancer {
  readonly address: string;
  /** By what they serve. */
  readonly forwarders: Map<string, TcpForwarder>;
}

/** Ports below this may be closed to who runs the cluster. */
const FIRST_UNPRIVILEGED = 1024;

/**
 * Gives each service of type LoadBalancer a loopback address, and answers on its ports there. Where a port may not be opened it
 * is opened 8000 higher, which the status tells.
 */
export class LoadBalancerController implements Controller {
  readonly name = 'load-balancer';
  readonly watches = ['Service'] as const;
  readonly #cluster: Cluster;
  readonly #events: EventRecorder;
  readonly #addresses: LoopbackAddresses;
  readonly #published: readonly PublishedPort[];
  readonly #balancers = new Map<string, Balancer>();

  constructor(
    cluster: Cluster,
    events: EventRecorder,
    addresses: LoopbackAddresses,
    published: readonly PublishedPort[] = [],
  ) {
    this.#cluster = cluster;
    this.#events = events;
    this.#addresses = addresses;
    this.#published = published;
  }

  keys({ object }: ClusterEvent): readonly string[] {
    return [keyOf(object)];
  }

  async reconcile(key: string): Promise<number | undefined> {
    const { namespace, name } = splitKey(key);
    const service = this.#cluster.find('Service', name, namespace);
    const wanted = service?.spec.type === 'LoadBalancer' && service.metadata.deletionTimestamp === undefined;
    if (!wanted) {
      await this.#take(key);
      if (service?.status?.loadBalancer?.ingress !== undefined)
        this.#cluster.writeStatus(service, { loadBalancer: {} });
      return undefined;
    }
    const balancer = this.#balancers.get(key) ?? { address: await this.#addresses.take(), forwarders: new Map() };
    this.#balancers.set(key, balancer);
    const ports = await this.#open(service, balancer);
    const shown = ports.some(({ port, serves }) => port !== serves)
      ? { ports: ports.map(({ port, protocol }) => ({ port, protocol })) }
      : {};
    this.#cluster.writeStatus(service, {
      loadBalancer: { ingress: [{ ip: balancer.address, ipMode: 'VIP', ...shown }] },
    });
    return undefined;
  }

  async close(): Promise<void> {
    for (const key of this.#balancers.keys()) await this.#take(key);
  }

  /** Opens what is missing and closes what the service no longer has. */
  async #open(
    service: ServiceObject,
    { address, forwarders }: Balancer,
  ): Promise<readonly { readonly port: number; readonly serves: number; readonly protocol: string }[]> {
    const key = keyOf(service);
    const wanted = new Map<string, { readonly port: ServicePort; readonly at: ForwarderAddress }>();
    for (const port of service.spec.ports ?? []) {
      wanted.set(`${port.port}`, { port, at: { host: address, port: port.port } });
      for (const [index, published] of this.#published.entries()) {
        const isThis = `${published.namespace}/${published.service}` === key && published.servicePort === port.port;
        if (isThis) wanted.set(`${port.port} published ${index}`, { port, at: published });
      }
    }
    for (const [what, forwarder] of forwarders) {
      if (wanted.has(what)) continue;
      forwarders.delete(what);
      await forwarder.close();
    }
    for (const [what, { port, at }] of wanted) {
      if (forwarders.has(what)) continue;
      const forwarder = await this.#forward(service, port.port, at);
      if (forwarder !== undefined) forwarders.set(what, forwarder);
    }
    return (service.spec.ports ?? []).flatMap(({ port, protocol = 'TCP' }) => {
      const opened = forwarders.get(`${port}`);
      return opened === undefined ? [] : [{ port: opened.port, serves: port, protocol }];
    });
  }

  async #forward(
    service: ServiceObject,
    servicePort: number,
    { host, port }: ForwarderAddress,
  ): Promise<TcpForwarder | undefined> {
    const backends = (): ReturnType<typeof backendsOf> => this.#backends(keyOf(service), servicePort);
    try {
      return await TcpForwarder.open({ host, port }, backends);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES' && port < FIRST_UNPRIVILEGED) {
        const opened = port + UNPRIVILEGED_OFFSET;
        this.#events.warning(
          service,
          'PortNotPermitted',
          `this user may not open port ${port}: it is port ${opened} of ${host}; sysctl net.ipv4.ip_unprivileged_port_start=${port} permits it`,
        );
        return this.#forward(service, servicePort, { host, port: opened });
      }
      this.#events.warning(
        service,
        'SyncLoadBalancerFailed',
        `cannot listen on ${host}:${port}: ${errorMessage(error)}`,
      );
      return undefined;
    }
  }

  #backends(key: string, servicePort: number): ReturnType<typeof backendsOf> {
    const { namespace, name } = splitKey(key);
    const service = this.#cluster.find('Service', name, namespace);
    const port = service?.spec.ports?.find((candidate) => candidate.port === servicePort);
    if (service === undefined || port === undefined) return [];
    return backendsOf(service, port, this.#cluster.list('Pod', { namespace }));
  }

  async #take(key: string): Promise<void> {
    const balancer = this.#balancers.get(key);
    if (balancer === undefined) return;
    this.#balancers.delete(key);
    for (const forwarder of balancer.forwarders.values()) await forwarder.close();
    await this.#addresses.giveBack(balancer.address);
  }
}
