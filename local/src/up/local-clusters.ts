import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { equalSecretBytes, toUtf8 } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import { listen } from '@holdfast/http';
import { writeFileAtomic } from '@holdfast/process';

import type { CertificateAuthority } from '../azure/index.ts';
import type { HomeLayout } from '../home/home-layout.ts';
import { readIfPresent } from '../home/read-if-present.ts';
import { buildKubernetesApp, createClusterStore, kubeconfigText } from '../kubernetes/api/index.ts';
import type { ClusterSnapshot, ClusterStore } from '../kubernetes/api/index.ts';
import { machineTimers, TcpForwarder } from '../kubernetes/controllers/index.ts';
import type { PodObject } from '../kubernetes/controllers/objects.ts';
import { LocalCluster } from '../kubernetes/kubelet/index.ts';
import type { LocalClusterOptions } from '../kubernetes/kubelet/index.ts';
import type { NodeView } from '../virtual-node/api.ts';
import { DebouncedFile } from './debounced-file.ts';
import { openClusterToken } from './cluster-token.ts';
import { OPERATOR_LABEL } from './operator-watch.ts';
import type { LocalPorts } from './ports.ts';

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

interface Entry extends RunningCluster {
  readonly kubeconfig: string;
  readonly stop: (graceMs: number | undefined, forgotten: boolean) => Promise<void>;
}

const HOST = '127.0.0.1';
/** Ports of an operator's pod that are of use before it is ready, by the port of this machine that leads to them. */
const POD_PORTS = { metrics: 9080, sidecar: 9000 } as const;
/** These change all the time by themselves, and nothing is lost with them. */
const UNREMEMBERED: ReadonlySet<string> = new Set(['Lease', 'Event']);

/**
 * The clusters of a local cloud: one for each cluster that Azure Resource Manager knows. One of them has the addresses of the
 * local cloud (the API server's port, the operator's, its metrics', and the kubeconfig of the home folder); others take any port.
 */
export class LocalClusters {
  readonly #options: LocalClustersOptions;
  readonly #clusters = new Map<string, Entry>();
  readonly #opening = new Map<string, Promise<Entry>>();

  constructor(options: LocalClustersOptions) {
    this.#options = options;
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

  /** Ends a cluster and forgets what was in it. */
  async remove(id: string): Promise<void> {
    const key = id.toLowerCase();
    const entry = this.#clusters.get(key);
    this.#clusters.delete(key);
    await entry?.stop(0, true);
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

  async #start(id: string): Promise<Entry> {
    const { layout, ports, authority, clock, randomBytes, machine, onError } = this.#options;
    const name = id.split('/').at(-1) ?? 'cluster';
    const primary = this.#isPrimary(id);
    const store = createClusterStore({
      clock,
      randomBytes,
      rootCertificate: authority.caPem,
      onListenerError: onError,
    });
    const file = join(layout.clustersFolder, `${fileNameOf(id)}.json`);
    const earlier = await readIfPresent(file);
    if (earlier !== undefined) {
      store.restore(await this.#options.prepare(id, withoutLeases(JSON.parse(earlier) as ClusterSnapshot)));
    }
    const cluster = await LocalCluster.start({
      store,
      timers: machineTimers(clock),
      network: networkOf(`${ports.kubernetes} ${id}`),
      published: primary
        ? [{ namespace: 'default', service: 'operator-svc', servicePort: 80, host: HOST, port: ports.operator }]
        : [],
      machine,
      ca: authority.caPem,
      onError,
    });
    const token = await openClusterToken(layout.kubernetesTokenFile, randomBytes);
    const certificate = await authority.issueServerCertificate({ hosts: [HOST, 'localhost'] });
    const app = buildKubernetesApp({
      store,
      backend: cluster.backend,
      clock,
      authenticate: async (given) =>
        equalSecretBytes(toUtf8(given), toUtf8(token))
          ? { username: 'holdfast-admin', groups: ['system:masters', 'system:authenticated'] }
          : undefined,
      serviceUrl: (place) => cluster.serviceUrl(place),
      tls: { key: certificate.keyPem, cert: certificate.certificatePem },
      onError,
    });
    const forwarders = primary ? await this.#openPodPorts(store, cluster) : [];
    const url = await listen(app, { host: HOST, port: primary ? ports.kubernetes : 0 });
    const kubeconfig = kubeconfigText({ name, server: url, caPem: authority.caPem, token });
    if (primary) await writeFileAtomic(layout.kubeconfig, kubeconfig, { mode: 0o600 });
    const snapshot = new DebouncedFile(file, () => JSON.stringify(store.snapshot()), onError);
    const unsubscribe = store.subscribe(undefined, ({ object }) => {
      if (!UNREMEMBERED.has(object.kind)) snapshot.changed();
    });
    const stop: Entry['stop'] = async (graceMs, forgotten) => {
      unsubscribe();
      if (forgotten) {
        snapshot.forget();
        await rm(file, { force: true });
      } else await snapshot.flush();
      for (const forwarder of forwarders) await forwarder.close();
      await app.close();
      await cluster.stop(graceMs);
      if (primary) await rm(layout.kubeconfig, { force: true });
    };
    return { id, store, cluster, url, kubeconfig, stop };
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

/** Locks are not kept: whoever held one has lost the cluster. */
function withoutLeases(snapshot: ClusterSnapshot): ClusterSnapshot {
  return { ...snapshot, objects: snapshot.objects.filter(({ kind }) => kind !== 'Lease') };
}

function fileNameOf(id: string): string {
  const [, , subscription = '', , group = '', , , , name = ''] = id.toLowerCase().split('/');
  return [subscription, group, name].join('_').replaceAll(/[^a-z0-9._-]/g, '-');
}

/** The first two numbers of loopback addresses: others for another cloud or cluster, most of the time; claims decide. */
function networkOf(text: string): string {
  let sum = 0;
  for (const byte of toUtf8(text)) sum = (sum * 31 + byte) % 186;
  return `127.${64 + sum}`;
}
