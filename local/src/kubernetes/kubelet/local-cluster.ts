import type { NodeView } from '../../virtual-node/api.ts';
import type { Pod } from '../../virtual-node/pod.ts';
import type { PodBackend } from '../api/backend.ts';
import type { ClusterStore } from '../api/cluster-store.ts';
import { Cluster } from '../controllers/cluster.ts';
import { LoopbackAddresses } from '../controllers/loopback-addresses.ts';
import { backendsOf } from '../controllers/service-endpoints.ts';
import type { PodObject } from '../controllers/objects.ts';
import { runControllers, startControllers } from '../controllers/start-controllers.ts';
import type { ControllersOptions, RunningControllers } from '../controllers/start-controllers.ts';
import type { Timers } from '../controllers/timers.ts';
import type { MachineSettings } from './kubelet-host.ts';
import { poolNodeDescription } from './node-object.ts';
import type { NodeDescription } from './node-object.ts';
import { LocalPodBackend } from './pod-backend.ts';
import type { PodRunner } from './pod-runner.ts';
import { createVirtualKubelet } from './virtual-kubelet.ts';
import type { VirtualKubelet } from './virtual-kubelet.ts';
import { VirtualNodes } from './virtual-nodes.ts';

export interface LocalClusterOptions extends Pick<ControllersOptions, 'published' | 'onError'> {
  readonly store: ClusterStore;
  readonly timers: Timers;
  /** First two numbers of the loopback addresses of this cluster, such as `127.80`: another one for each cluster of a machine. */
  readonly network: string;
  readonly machine: Omit<MachineSettings, 'addresses'>;
  /** The nodes of pools; one called `aks-default-0` when missing. */
  readonly poolNodes?: readonly NodeDescription[];
  /** The CA that readiness probes over HTTPS trust, PEM. */
  readonly ca?: string;
}

/** A port of a service. */
export interface ServicePlace {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** The nodes and control loops of a cluster. */
export class LocalCluster {
  /** For the API server: logs and requests to pods. */
  readonly backend: PodBackend;
  readonly #cluster: Cluster;
  readonly #controllers: readonly RunningControllers[];
  readonly #poolNodes: readonly VirtualKubelet[];
  readonly #virtualNodes: VirtualNodes;
  readonly #addresses: readonly LoopbackAddresses[];

  private constructor(
    store: ClusterStore,
    controllers: readonly RunningControllers[],
    nodes: { readonly pool: readonly VirtualKubelet[]; readonly virtual: VirtualNodes },
    addresses: readonly LoopbackAddresses[],
  ) {
    this.#cluster = new Cluster(store, 'kubelet');
    this.backend = new LocalPodBackend(this.#cluster, (pod) => this.runner(pod));
    this.#controllers = controllers;
    this.#poolNodes = nodes.pool;
    this.#virtualNodes = nodes.virtual;
    this.#addresses = addresses;
  }

  /** @throws DependencyError LOOPBACK_ADDRESS_UNAVAILABLE */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const { store, timers, network, onError, ca } = options;
    const addresses = new LoopbackAddresses(`${network}.1`);
    const loadBalancers = new LoopbackAddresses(`${network}.2`);
    const machine: MachineSettings = { ...options.machine, addresses };
    const common = { store, timers, machine, onError, ...(ca === undefined ? {} : { ca }) };
    const virtual = new VirtualNodes({
      store,
      createKubelet: (node, address) =>
        createVirtualKubelet({ ...common, node, address, runtimes: ['container-group', 'node'] }),
    });
    const pool: VirtualKubelet[] = [];
    for (const node of options.poolNodes ?? [poolNodeDescription('aks-default-0')]) {
      const address = await addresses.take();
      pool.push(createVirtualKubelet({ ...common, node, address, runtimes: ['kata', 'node'] }));
    }
    for (const kubelet of pool) kubelet.start();
    const controllers = [startControllers({ ...options, loadBalancers }), runControllers(options, [virtual])];
    return new LocalCluster(store, controllers, { pool, virtual }, [addresses, loadBalancers]);
  }

  /** How a pod is run, on whichever node; undefined when it is not. */
  runner(pod: PodObject): PodRunner | undefined {
    return this.#kubelets.map((kubelet) => kubelet.runner(pod)).find((runner) => runner !== undefined);
  }

  /** The pods with programs of all nodes, for `buildVirtualNodeApp`. */
  view(): NodeView {
    const pods = (): readonly Pod[] => this.#kubelets.flatMap((kubelet) => kubelet.pods);
    return {
      get pods() {
        return pods();
      },
      pod: (name) => pods().find((pod) => pod.name === name),
      events: () =>
        pods()
          .flatMap((pod) => pod.events())
          .sort((a, b) => a.at.localeCompare(b.at)),
    };
  }

  /**
   * Where a service answers now, for the API server's webhooks: `https://127.80.1.4:8443`. Undefined when no ready pod with a
   * program stands behind it, as with the controllers of the platform that the local cloud is itself.
   */
  serviceUrl({ namespace, name, port }: ServicePlace): string | undefined {
    const service = this.#cluster.find('Service', name, namespace);
    const servicePort = service?.spec.ports?.find((candidate) => candidate.port === port);
    if (service === undefined || servicePort === undefined) return undefined;
    const pods = this.#cluster.list('Pod', { namespace }).filter((pod) => this.runner(pod)?.hasPrograms === true);
    const [backend] = backendsOf(service, servicePort, pods);
    return backend === undefined ? undefined : `https://${backend.address}:${backend.port}`;
  }

  /** Resolves once control loops and nodes have nothing to do but wait for time or changes. */
  async settled(): Promise<void> {
    for (const controllers of this.#controllers) await controllers.settled();
    for (const kubelet of this.#kubelets) await kubelet.settled();
  }

  /** Ends all pods and stops everything. The objects stay as they are. */
  async stop(maxGraceMs?: number): Promise<void> {
    for (const controllers of this.#controllers) await controllers.close();
    await Promise.all(this.#kubelets.map((kubelet) => kubelet.stop(maxGraceMs)));
    for (const addresses of this.#addresses) await addresses.close();
  }

  /** Ends every program at once. */
  kill(): void {
    for (const kubelet of this.#kubelets) kubelet.kill();
  }

  get #kubelets(): readonly VirtualKubelet[] {
    return [...this.#virtualNodes.kubelets, ...this.#poolNodes];
  }
}
