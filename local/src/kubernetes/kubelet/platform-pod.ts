import type { PodObject } from '../controllers/objects.ts';
import { timestamp } from '../controllers/timers.ts';
import type { KubeletHost } from './kubelet-host.ts';
import type { PodRunner } from './pod-runner.ts';
import { podStatus } from './pod-status.ts';

/** Images of the chart that installs virtual nodes. */
const VIRTUAL_NODE_IMAGES = 'mcr.microsoft.com/aci/virtual-node-2-';

export function isVirtualNodeImage(image: string): boolean {
  return image.startsWith(VIRTUAL_NODE_IMAGES);
}

/** Whether nothing but parts of the platform run in a pod. */
export function isPlatformPod({ spec }: PodObject, isPlatformImage: (image: string) => boolean): boolean {
  return spec.containers.every(({ image }) => isPlatformImage(image));
}

/**
 * A pod of the platform itself, such as the one in which a virtual node runs on a real cluster. Here the local cloud is that
 * component, in this process: so the pod counts as running as soon as it is there, and no program is started for it. What
 * depends on the pod, above all the Node object of a virtual node, comes and goes with it as it would in Azure.
 */
export class PlatformPod implements PodRunner {
  readonly hasPrograms = false;
  readonly pod = undefined;
  readonly #object: PodObject;
  readonly #host: KubeletHost;
  #address: string | undefined;
  #starting: Promise<void> | undefined;

  constructor(object: PodObject, host: KubeletHost) {
    this.#object = object;
    this.#host = host;
  }

  get address(): string | undefined {
    return this.#address;
  }

  start(): void {
    this.#starting ??= this.#start();
  }

  settled(): Promise<void> {
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#starting;
    if (this.#address !== undefined) await this.#host.machine.addresses.giveBack(this.#address);
  }

  kill(): void {
    // There is no program to end.
  }

  /** Nothing is printed by what does not run. */
  log(): undefined {
    return undefined;
  }

  async #start(): Promise<void> {
    const { cluster, machine, nodeIp, timers, events } = this.#host;
    this.#address = await machine.addresses.take();
    const nowMs = timers.clock();
    const containers = this.#object.spec.containers.map(({ name, image }) => ({
      name,
      image,
      imageID: image,
      containerID: `holdfast://platform/${this.#object.metadata.uid ?? ''}/${name}`,
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: timestamp(nowMs) } },
      lastState: {},
    }));
    const { name, namespace, uid } = this.#object.metadata;
    const live = cluster.find('Pod', name, namespace);
    if (live === undefined || live.metadata.uid !== uid) return;
    const facts = {
      phase: 'Running',
      podIp: this.#address,
      hostIp: nodeIp,
      startedMs: nowMs,
      containers,
      nowMs,
    } as const;
    cluster.writeStatus(live, podStatus(live, facts));
    events.normal(
      live,
      'Represented',
      'This part of the platform is the local cloud itself: no program runs for the pod',
    );
  }
}
