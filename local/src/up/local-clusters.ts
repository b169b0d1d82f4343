import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { InternalError } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';

import type { CertificateAuthority } from '../azure/index.ts';
import type { HomeLayout } from '../home/home-layout.ts';
import type { ClusterSnapshot, ClusterStore } from '../kubernetes/api/index.ts';
import { TcpForwarder } from '../kubernetes/controllers/index.ts';
import type { PodObject } from '../kubernetes/controllers/objects.ts';
import type { LocalCluster, LocalClusterOptions } from '../kubernetes/kubelet/index.ts';
import type { NodeView } from '../virtual-node/api.ts';
import { ClusterPorts } from './cluster-ports.ts';
import { openClusterToken } from './cluster-token.ts';
import { numberOf } from './local-names.ts';
import { OPERATOR_LABEL } from './operator-watch.ts';
import type { LocalPorts } from './ports.ts';
import { issuerOf, startCluster } from './start-cluster.ts';
import type { ClusterAzure, StartedCluster } from './start-cluster.ts';

export interface LocalClustersOptions {
  readonly layout: HomeLayout;
  readonly ports: Pick<LocalPorts, 'operator' | 'metrics' | 'sidecar' | 'kubernetes'>;
  readonly authority: CertificateAuthority;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly machine: LocalClusterOptions['machine'];
  /** The cluster that has the addresses of the local cloud; the first one when missing. */
  readonly primary: string | undefined;
  /** Changes what is left of an earlier run before it is taken up. */
  readonly prepare: (id: string, snapshot: ClusterSnapshot) => Promise<ClusterSnapshot>;
  readonly onError: (error: unknown) => void;
}

/** One cluster that runs. */
export interface RunningCluster {
  readonly id: string;
  readonly store: ClusterStore;
  readonly cluster: LocalCluster;
  readonly url: string;
}

interface Entry extends StartedCluster {
  readonly id: string;
  /** First two numbers of its addresses. */
  readonly network: string;
}

const HOST = '127.0.0.1';
/** Ports of an operator's pod that are of use before it is ready, by the port of this machine that leads to them. */
const POD_PORTS = { metrics: 9080, sidecar: 9000 } as const;

/**
 * The clusters of a local cloud: one for each cluster that Azure Resource Manager knows. One of them has the addresses of the
 * local cloud (the API server's port, the operator's, its metrics', and the kubeconfig of the home folder); others take any port.
 */
export class LocalClusters {
  readonly #options: LocalClustersOptions;
  readonly #clusters = new Map<string, Entry>();
  readonly #opening = new Map<string, Promise<Entry>>();
  readonly #ports: ClusterPorts;
  #azure: ClusterAzure | undefined;

  constructor(options: LocalClustersOptions) {
    this.#options = options;
    this.#ports = new ClusterPorts(options.layout.clustersFolder, options.onError);
  }

  /** Says in which Azure the clusters are; before the first of them is opened. */
  attach(azure: ClusterAzure): void {
    this.#azure = azure;
  }

  get running(): readonly RunningCluster[] {
    return [...this.#clusters.values()];
  }

  /** For the API of the virtual node. */
  view(): NodeView {
    const views = (): readonly NodeView[] => this.running.map(({ cluster }) => cluster.view());
    return {
      get pods() {
        return views().flatMap(({ pods }) => pods);
      },
      pod: (name) =>
        views()
          .map((view) => view.pod(name))
          .find((pod) => pod !== undefined),
      events: () => views().flatMap((view) => view.events()),
    };
  }

  /** The cluster in which a pod has an address. */
  at(address: string): RunningCluster | undefined {
    return [...this.#clusters.values()].find(({ network }) => address.startsWith(`${network}.`));
  }

  /** The cluster of a resource id, made when there is none. */
  async open(id: string): Promise<RunningCluster> {
    const key = id.toLowerCase();
    const known = this.#clusters.get(key) ?? this.#opening.get(key);
    if (known !== undefined) return known;
    const opening = this.#start(id).finally(() => this.#opening.delete(key));
    this.#opening.set(key, opening);
    const entry = await opening;
    this.#clusters.set(key, entry);
    return entry;
  }

  /** Takes up what the resource of a cluster says now. */
  async update(id: string): Promise<void> {
    await this.open(id);
    const settings = this.#azure?.settings(id);
    if (settings !== undefined) await this.#clusters.get(id.toLowerCase())?.addOns.apply(settings);
  }

  /** The issuer of service account tokens of a cluster, whether it is there already or is about to be made. */
  async issuer(id: string): Promise<string> {
    return this.#clusters.get(id.toLowerCase())?.issuer.issuer ?? issuerOf(await this.#portOf(id, this.#isPrimary(id)));
  }

  /** Ends a cluster and forgets what was in it. */
  async remove(id: string): Promise<void> {
    const key = id.toLowerCase();
    const entry = this.#clusters.get(key);
    this.#clusters.delete(key);
    await entry?.stop(0, true);
    await this.#ports.forget(fileNameOf(id));
  }

  async kubeconfig(id: string): Promise<string> {
    await this.open(id);
    return this.#clusters.get(id.toLowerCase())?.kubeconfig ?? '';
  }

  /** Ends everything that runs; the objects are there again at the next start. */
  async stop(graceMs?: number): Promise<void> {
    const entries = [...this.#clusters.values()];
    this.#clusters.clear();
    await Promise.all(entries.map((entry) => entry.stop(graceMs, false)));
  }

  kill(): void {
    for (const { cluster } of this.#clusters.values()) cluster.kill();
  }

  #isPrimary(id: string): boolean {
    const { primary } = this.#options;
    return primary === undefined
      ? this.#clusters.size + this.#opening.size === 0
      : id.toLowerCase() === primary.toLowerCase();
  }

  async #portOf(id: string, isPrimary: boolean): Promise<number> {
    const { layout, ports, primary } = this.#options;
    const name = fileNameOf(id);
    // A cluster that is the first one only today keeps the address that others know.
    if (isPrimary && (primary !== undefined || !(await this.#ports.remembers(name)))) return ports.kubernetes;
    await mkdir(layout.clustersFolder, { recursive: true, mode: 0o700 });
    return this.#ports.portOf(name);
  }

  async #start(id: string): Promise<Entry> {
    const { layout, ports, authority, clock, randomBytes, machine, onError } = this.#options;
    const azure = this.#azure;
    if (azure === undefined) throw new InternalError('CLUSTER_WITHOUT_AZURE', 'a cluster is opened before its Azure');
    const primary = this.#isPrimary(id);
    const network = networkOf(`${ports.kubernetes} ${id}`);
    const started = await startCluster({
      id,
      azure,
      authority,
      clock,
      randomBytes,
      machine,
      published: primary
        ? [{ namespace: 'default', service: 'operator-svc', servicePort: 80, host: HOST, port: ports.operator }]
        : [],
      network,
      port: await this.#portOf(id, primary),
      token: await openClusterToken(layout.kubernetesTokenFile, randomBytes),
      files: join(layout.clustersFolder, fileNameOf(id)),
      prepare: async (snapshot) => this.#options.prepare(id, snapshot),
      onError,
    });
    const { store, cluster, kubeconfig } = started;
    const forwarders = primary ? await this.#openPodPorts(store, cluster) : [];
    if (primary) await writeFileAtomic(layout.kubeconfig, kubeconfig, { mode: 0o600 });
    const stop: Entry['stop'] = async (graceMs, forgotten) => {
      for (const forwarder of forwarders) await forwarder.close();
      await started.stop(graceMs, forgotten);
      if (primary) await rm(layout.kubeconfig, { force: true });
    };
    return { ...started, id, network, stop };
  }

  /** Metrics, status and the sidecar are asked for before an operator is ready, so no Service stands before these ports. */
  async #openPodPorts(store: ClusterStore, cluster: LocalCluster): Promise<readonly TcpForwarder[]> {
    const forwarders: TcpForwarder[] = [];
    for (const [name, podPort] of Object.entries(POD_PORTS) as [keyof typeof POD_PORTS, number][]) {
      const backends = () =>
        operatorPods(store)
          .flatMap((pod) => cluster.runner(pod)?.address ?? [])
          .map((address) => ({ address, port: podPort }));
      try {
        forwarders.push(await TcpForwarder.open({ host: HOST, port: this.#options.ports[name] }, backends));
      } catch (error) {
        // The cluster is of use without it; whoever needs the port hears why it is closed.
        this.#options.onError(error);
      }
    }
    return forwarders;
  }
}

function operatorPods(store: ClusterStore): readonly PodObject[] {
  return store.list({ apiVersion: 'v1', kind: 'Pod' }, { labelSelector: OPERATOR_LABEL }) as unknown as PodObject[];
}

function fileNameOf(id: string): string {
  const [, , subscription = '', , group = '', , , , name = ''] = id.toLowerCase().split('/');
  return [subscription, group, name].join('_').replaceAll(/[^a-z0-9._-]/g, '-');
}

/** The first two numbers of loopback addresses: others for another cloud or cluster, most of the time; claims decide. */
export function networkOf(text: string): string {
  return `127.${64 + numberOf(text, 186)}`;
}
