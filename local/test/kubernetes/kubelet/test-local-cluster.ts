import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';

import { writeAllowAll } from '@holdfast/policy';

import type { PodLogOptions } from '../../../src/kubernetes/api/backend.ts';
import { createClusterStore } from '../../../src/kubernetes/api/cluster-store.ts';
import type { ClusterObject, ClusterStore, ObjectInput } from '../../../src/kubernetes/api/cluster-store.ts';
import { Cluster } from '../../../src/kubernetes/controllers/cluster.ts';
import type { PodObject } from '../../../src/kubernetes/controllers/objects.ts';
import { isReady } from '../../../src/kubernetes/controllers/pods.ts';
import { machineTimers } from '../../../src/kubernetes/controllers/timers.ts';
import { LocalCluster } from '../../../src/kubernetes/kubelet/local-cluster.ts';
import type { LocalClusterOptions } from '../../../src/kubernetes/kubelet/local-cluster.ts';
import { POLICY_ANNOTATION } from '../../../src/virtual-node/manifest.ts';
import { scriptImage } from '../../../testing/script-image.ts';
import { temporaryFolder } from '../../../testing/temporary-folder.ts';
import { IDENTITY_URL, KNOWN_IDENTITY, sharedPlatform } from '../../../testing/test-node.ts';
import { waitFor } from '../../../testing/wait-for.ts';

const DEADLINE_MS = 50_000;

/** Annotations of a pod whose policy admits everything. */
export const ALLOW_ALL: Readonly<Record<string, string>> = {
  [POLICY_ANNOTATION]: Buffer.from(writeAllowAll()).toString('base64'),
};

/** What sends a pod to the virtual node. */
export const ON_VIRTUAL_NODE = {
  nodeSelector: { virtualization: 'virtualnode2' },
  tolerations: [{ effect: 'NoSchedule', key: 'virtual-kubelet.io/provider', operator: 'Exists' }],
};

export interface PodParts {
  readonly script?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly container?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A pod with the container `app`, which runs a piece of JavaScript. */
export function podBody({
  script = 'setInterval(() => {}, 1000)',
  annotations = {},
  labels = {},
  container,
  spec,
}: PodParts) {
  return {
    metadata: { annotations, labels },
    spec: {
      terminationGracePeriodSeconds: 2,
      containers: [{ name: 'app', image: 'script:1', command: ['/run', script], ...container }],
      ...spec,
    },
  };
}

/** A web server on a port of every address that answers a text, and ends once the requests under way are answered. */
export function serverScript(port: number, text: string): string {
  return `const server = require('node:http').createServer((q, s) => s.end(${JSON.stringify(text)}));
    process.on('SIGTERM', () => server.close(() => process.exit(0))); server.listen(${port}, '0.0.0.0')`;
}

/** The pod of the chart in which a virtual node runs. */
export const virtualNodePod: ObjectInput = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'virtualnode-0', namespace: 'vn2' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'kubelet',
        image: 'mcr.microsoft.com/aci/virtual-node-2-kubelet:main_20260805.1',
        env: [{ name: 'CustomNodeLabels', value: 'team=ads' }],
      },
    ],
  },
};

/** A whole cluster that runs programs on this machine: `await using cluster = await RunningCluster.start()`. */
export class RunningCluster implements AsyncDisposable {
  readonly store: ClusterStore;
  readonly local: LocalCluster;
  readonly cluster: Cluster;
  readonly folder: string;
  readonly errors: readonly unknown[];
  readonly #removeFolder: () => PromiseLike<void>;

  private constructor(
    parts: Pick<RunningCluster, 'store' | 'local' | 'folder' | 'errors'>,
    removeFolder: () => PromiseLike<void>,
  ) {
    this.store = parts.store;
    this.local = parts.local;
    this.folder = parts.folder;
    this.errors = parts.errors;
    this.cluster = new Cluster(parts.store, 'test');
    this.#removeFolder = removeFolder;
  }

  /** @param virtualNode Whether the chart of the virtual node is applied. */
  static async start(
    changes: Partial<LocalClusterOptions['machine']> = {},
    virtualNode = true,
    options: Partial<LocalClusterOptions> = {},
  ): Promise<RunningCluster> {
    const folder = await temporaryFolder();
    const store = createClusterStore({ clock: Date.now, randomBytes });
    const images = [await scriptImage()];
    const errors: unknown[] = [];
    const local = await LocalCluster.start({
      store,
      timers: machineTimers(),
      network: `127.${randomInt(64, 250)}`,
      onError: (error) => errors.push(error),
      ...options,
      machine: {
        images: () => images,
        unpackedImagesFolder: join(folder.path, 'images'),
        podsFolder: join(folder.path, 'pods'),
        logsFolder: join(folder.path, 'logs'),
        platform: await sharedPlatform(),
        guest: { debug: false },
        eagerProbes: true,
        platformVariables: {},
        nodeVariables: {},
        openIdentityEndpoint: (id) =>
          Promise.resolve(id === KNOWN_IDENTITY ? { url: IDENTITY_URL, stop: () => Promise.resolve() } : undefined),
        backOff: { initialMs: 20, maxMs: 20, resetAfterMs: 600_000 },
        ...changes,
      },
    });
    const running = new RunningCluster({ store, local, folder: folder.path, errors }, () =>
      folder[Symbol.asyncDispose](),
    );
    if (virtualNode) await running.applyVirtualNode();
    return running;
  }

  async applyVirtualNode(): Promise<void> {
    this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'vn2' } });
    this.apply(virtualNodePod);
    await this.until(() => this.nodeReady('virtualnode-0') === 'True');
  }

  apply(object: ObjectInput): ClusterObject {
    const namespaced = object.kind === 'Namespace' ? {} : { namespace: 'default' };
    const metadata = { ...namespaced, ...object.metadata };
    return this.store.apply({ ...object, metadata }, { fieldManager: 'test', force: true });
  }

  applyPod(name: string, parts: PodParts = {}): void {
    const { metadata, spec } = podBody(parts);
    this.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name }, spec });
  }

  applyDeployment(name: string, replicas: number, parts: PodParts = {}): void {
    const labels = { app: name, ...parts.labels };
    const spec = { replicas, selector: { matchLabels: { app: name } }, template: podBody({ ...parts, labels }) };
    this.apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec });
  }

  remove(kind: 'Pod' | 'Deployment' | 'Service', name: string, gracePeriodSeconds?: number): void {
    const apiVersion = kind === 'Deployment' ? 'apps/v1' : 'v1';
    const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    this.store.remove({ apiVersion, kind, name, namespace: 'default' }, options);
  }

  pod(name: string): PodObject | undefined {
    return this.cluster.find('Pod', name, 'default');
  }

  podsOf(app: string): readonly PodObject[] {
    return this.cluster.list('Pod', { namespace: 'default', labelSelector: `app=${app}` });
  }

  /** The status of the container `app`. */
  container(name: string): Readonly<Record<string, unknown>> {
    return { ...this.pod(name)?.status?.containerStatuses?.[0] };
  }

  nodeReady(name: string): string | undefined {
    return this.cluster.find('Node', name)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  }

  messages(reason: string): readonly string[] {
    const events = this.store.list({ apiVersion: 'v1', kind: 'Event' });
    return events.filter((event) => event['reason'] === reason).map((event) => String(event['message']));
  }

  /** What the container `app` of a pod has printed, or why that cannot be shown. */
  async log(name: string, options: Partial<PodLogOptions> = {}): Promise<string> {
    let text = '';
    try {
      for await (const piece of this.openLog(name, options)) text += Buffer.from(piece).toString();
    } catch (error) {
      return `refused: ${error instanceof Error ? error.message : String(error)}`;
    }
    return text;
  }

  openLog(name: string, options: Partial<PodLogOptions> = {}): AsyncIterable<Uint8Array> {
    const reference = { apiVersion: 'v1', kind: 'Pod', name, namespace: 'default' };
    const pod = this.store.get(reference);
    if (pod === undefined) throw new Error(`there is no pod ${name}`);
    return this.local.backend.logs(pod, {
      container: 'app',
      follow: false,
      previous: false,
      tailLines: undefined,
      timestamps: false,
      sinceMs: undefined,
      limitBytes: undefined,
      signal: new AbortController().signal,
      ...options,
    });
  }

  async ready(...names: readonly string[]): Promise<void> {
    await this.until(() =>
      names.every((name) => {
        const pod = this.pod(name);
        return pod !== undefined && isReady(pod);
      }),
    );
  }

  async allReady(app: string, count: number): Promise<void> {
    await this.until(() => this.podsOf(app).filter(isReady).length === count);
  }

  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    await waitFor(condition, DEADLINE_MS, () => `${String(condition)}\n${this.#describe()}`, 5);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.local.stop(200);
    await this.#removeFolder();
  }

  #describe(): string {
    const pods = this.cluster.list('Pod').map(({ metadata, status }) => `${metadata.name} ${JSON.stringify(status)}`);
    const events = this.store
      .list({ apiVersion: 'v1', kind: 'Event' })
      .map((event) => `${String(event['reason'])}: ${String(event['message'])}`);
    return [...pods, ...events, ...this.errors.map(String)].join('\n');
  }
}
