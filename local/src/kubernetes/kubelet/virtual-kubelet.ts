import { HttpClient } from '@holdfast/http';

import type { ClusterEvent, ClusterStore } from '../api/cluster-store.ts';
import type { PodRuntime } from '../../virtual-node/manifest.ts';
import type { Pod } from '../../virtual-node/pod.ts';
import { Cluster, keyOf, kindReference } from '../controllers/cluster.ts';
import { EventRecorder } from '../controllers/event-recorder.ts';
import type { PodObject } from '../controllers/objects.ts';
import type { Timers } from '../controllers/timers.ts';
import type { KubeletHost, MachineSettings, NodeHost } from './kubelet-host.ts';
import type { NodeDescription } from './node-object.ts';
import { NodeRegistration } from './node-registration.ts';
import { isPlatformPod, isVirtualNodeImage, PlatformPod } from './platform-pod.ts';
import type { PodRunner } from './pod-runner.ts';
import { PodWorker } from './pod-worker.ts';
import { NodeSecretsStore } from './volumes/node-secrets-store.ts';

export interface VirtualKubeletOptions {
  readonly store: ClusterStore;
  readonly timers: Timers;
  readonly node: NodeDescription;
  /** The kinds of guests of the node. */
  readonly runtimes: readonly PodRuntime[];
  /** Address of the node. */
  readonly address: string;
  readonly machine: MachineSettings;
  /** The CA that readiness probes over HTTPS trust, PEM. */
  readonly ca?: string;
  /** Told about what went wrong while a pod was being ended. */
  readonly onError: (error: unknown) => void;
}

const DEFAULT_GRACE_SECONDS = 30;
/** Nodes are trusted once they have been ready for a minute. A node that is this process has nothing to prove. */
const SETTLED_MS = 60_000;

interface Running {
  readonly uid: string;
  readonly runner: PodRunner;
  stopping: Promise<void> | undefined;
}

/** One node of a cluster: takes the pods that are scheduled to it, runs them on this machine, and reports. */
export class VirtualKubelet {
  readonly #options: VirtualKubeletOptions;
  readonly #cluster: Cluster;
  readonly #host: KubeletHost;
  readonly #registration: NodeRegistration;
  readonly #probeClient: HttpClient;
  /** By uid. */
  readonly #pods = new Map<string, Running>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: VirtualKubeletOptions) {
    this.#options = options;
    const { store, timers, node, address, machine } = options;
    this.#cluster = new Cluster(store, 'kubelet');
    const readyForMs = machine.eagerProbes === true ? SETTLED_MS : 0;
    this.#registration = new NodeRegistration(this.#cluster, timers, node, address, readyForMs);
    this.#probeClient = new HttpClient(options.ca === undefined ? {} : { ca: options.ca });
    const host: NodeHost = {
      nodeName: node.name,
      nodeIp: address,
      runtimes: options.runtimes,
      cluster: this.#cluster,
      timers,
      events: new EventRecorder(this.#cluster, timers, 'kubelet', node.name),
      machine,
      probeClient: this.#probeClient,
    };
    const { secretsStore } = machine;
    this.#host = {
      ...host,
      secretsStore: secretsStore === undefined ? undefined : new NodeSecretsStore(host, secretsStore, options.onError),
    };
  }

  get nodeName(): string {
    return this.#options.node.name;
  }

  start(): void {
    const { store } = this.#options;
    this.#registration.register();
    this.#unsubscribe ??= store.subscribe(kindReference('Pod'), (event) => this.#hear(event));
    for (const pod of this.#cluster.list('Pod')) if (this.#isMine(pod)) this.#take(pod);
  }

  /** Says whether the node takes new pods; those it has go on either way. */
  setReady(ready: boolean): void {
    this.#registration.setReady(ready);
  }

  /** How a pod is run here; undefined when it is not. */
  runner(pod: PodObject): PodRunner | undefined {
    return this.#pods.get(pod.metadata.uid ?? '')?.runner;
  }

  /** The pods that it runs programs for. */
  get pods(): readonly Pod[] {
    return [...this.#pods.values()].flatMap(({ runner }) => runner.pod ?? []);
  }

  /** Ends all pods of the node at once, each within its grace period and at most `maxGraceMs`; their objects stay. */
  async stop(maxGraceMs = 30_000): Promise<void> {
    this.#unsubscribe?.();
    this.#registration.close();
    const stops = [...this.#pods.values()].map((running) => {
      const graceMs = Math.min(this.#graceMs(running), maxGraceMs);
      return running.stopping ?? running.runner.stop(graceMs);
    });
    await Promise.all(stops);
    this.#pods.clear();
    await this.#host.secretsStore?.close();
    await this.#probeClient.close();
  }

  /** Resolves once nothing is being written to volumes. */
  async settled(): Promise<void> {
    for (const { runner } of this.#pods.values()) await runner.settled();
    await this.#host.secretsStore?.settled();
  }

  kill(): void {
    for (const { runner } of this.#pods.values()) runner.kill();
  }

  #graceMs({ uid }: Running): number {
    const pod = this.#cluster.list('Pod').find(({ metadata }) => metadata.uid === uid);
    return (pod?.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000;
  }

  #hear({ type, object }: ClusterEvent): void {
    const uid = object.metadata.uid;
    const running = this.#pods.get(uid);
    if (type === 'DELETED') {
      // Somebody did not want to wait: what still runs is ended at once.
      if (running !== undefined) this.#end(running, keyOf(object), 0);
      return;
    }
    // Looked up because a later change may have been made meanwhile.
    const pod = this.#cluster.find('Pod', object.metadata.name, object.metadata.namespace);
    if (pod !== undefined && pod.metadata.uid === uid && this.#isMine(pod)) this.#take(pod);
  }

  #isMine({ spec }: PodObject): boolean {
    return spec.nodeName === this.nodeName;
  }

  #take(pod: PodObject): void {
    const { uid = '', deletionTimestamp, deletionGracePeriodSeconds = DEFAULT_GRACE_SECONDS } = pod.metadata;
    const running = this.#pods.get(uid);
    if (deletionTimestamp !== undefined) {
      if (running === undefined) this.#remove(pod);
      else this.#end(running, keyOf(pod), deletionGracePeriodSeconds * 1000);
      return;
    }
    const phase = pod.status?.phase;
    if (running !== undefined || phase === 'Succeeded' || phase === 'Failed') return;
    const isPlatformImage = this.#options.machine.isPlatformImage ?? isVirtualNodeImage;
    const runner = isPlatformPod(pod, isPlatformImage)
      ? new PlatformPod(pod, this.#host)
      : new PodWorker(pod, this.#host);
    this.#pods.set(uid, { uid, runner, stopping: undefined });
    runner.start();
  }

  #end(running: Running, key: string, graceMs: number): void {
    if (running.stopping !== undefined) {
      if (graceMs === 0) running.runner.kill();
      return;
    }
    const [namespace = '', name = ''] = key.split('/');
    const pod = this.#cluster.find('Pod', name, namespace);
    if (pod?.metadata.uid === running.uid) {
      for (const container of pod.spec.containers) {
        this.#host.events.normal(
          pod,
          'Killing',
          `Stopping container ${container.name}`,
          `spec.containers{${container.name}}`,
        );
      }
    }
    running.stopping = running.runner.stop(graceMs).then(
      () => this.#ended(running, namespace, name),
      (error: unknown) => {
        this.#options.onError(error);
        this.#ended(running, namespace, name);
      },
    );
  }

  /** Only now the object may go: whoever waits for that knows that nothing runs any more. */
  #ended(running: Running, namespace: string, name: string): void {
    this.#pods.delete(running.uid);
    const pod = this.#cluster.find('Pod', name, namespace);
    if (pod?.metadata.uid === running.uid && pod.metadata.deletionTimestamp !== undefined) this.#remove(pod);
  }

  #remove(pod: PodObject): void {
    this.#cluster.remove(pod, 0);
  }
}

/** A node of a cluster that runs pods on this machine; call `start`. */
export function createVirtualKubelet(options: VirtualKubeletOptions): VirtualKubelet {
  return new VirtualKubelet(options);
}
