import type { SimulatedPlatform } from '@holdfast/attestation';
import type { Clock } from '@holdfast/base';
import { HttpClient } from '@holdfast/http';

import type { LocalImage } from '../images/build-local-image.ts';
import { KUBERNETES_BACK_OFF } from './back-off.ts';
import type { BackOffSettings } from './back-off.ts';
import type { GuestSettings } from './confidential-guest.ts';
import type { ContainerTermination } from './container.ts';
import { EventLog } from './events.ts';
import type { NodeEvent } from './events.ts';
import { parseManifest } from './manifest.ts';
import type { PodTemplate } from './manifest.ts';
import { Pod } from './pod.ts';
import type { IdentityEndpoint } from './pod.ts';

export interface VirtualNodeOptions {
  /** Text of the manifest to run. */
  readonly manifest: string;
  /** The images that can be pulled. */
  readonly images: readonly LocalImage[];
  /** Folder for unpacked images, shared by all pods. */
  readonly unpackedImagesFolder: string;
  readonly platform: SimulatedPlatform;
  readonly guest: GuestSettings;
  readonly podsFolder: string;
  readonly logsFolder: string;
  /** Variables that the platform asks guests to give to every container; their policies decide about them. */
  readonly platformVariables: Readonly<Record<string, string>>;
  /** Variables without which no program runs on this machine. */
  readonly nodeVariables: Readonly<Record<string, string>>;
  /** Opens a pod's endpoint for a user-assigned identity; undefined when there is no such identity. */
  readonly openIdentityEndpoint: (resourceId: string) => Promise<IdentityEndpoint | undefined>;
  /** Resource id of the identity that service accounts stand for; none when missing. */
  readonly workloadIdentity?: string;
  readonly clock: Clock;
  readonly backOff?: BackOffSettings;
  /** The CA that readiness probes over HTTPS trust, PEM. */
  readonly ca?: string;
}

export interface NodeTermination extends ContainerTermination {
  readonly pod: string;
}

export type NodeListener = (
  change:
    | { readonly kind: 'event'; readonly event: NodeEvent }
    | { readonly kind: 'ready'; readonly pod: string }
    | { readonly kind: 'terminated'; readonly termination: NodeTermination },
) => void;

/**
 * Runs one Pod or the pods of one Deployment on this machine, each in the kind of guest it asks for. Pods share its loopback interface and so their ports: whatever the
 * manifest asks for, one replica runs.
 */
export class VirtualNode {
  readonly #template: PodTemplate;
  readonly #pods: readonly Pod[];
  readonly #events: EventLog;
  readonly #probeClient: HttpClient;
  readonly #listeners = new Set<NodeListener>();

  /** @throws MalformedError MANIFEST_INVALID */
  constructor(options: VirtualNodeOptions) {
    this.#template = parseManifest(options.manifest);
    this.#events = new EventLog(options.clock);
    this.#probeClient = new HttpClient(options.ca === undefined ? {} : { ca: options.ca });
    this.#events.subscribe((event) => this.#tell({ kind: 'event', event }));
    const environment = {
      ...options,
      events: this.#events,
      probeClient: this.#probeClient,
      backOff: options.backOff ?? KUBERNETES_BACK_OFF,
      onTerminated: (pod: Pod, termination: ContainerTermination) =>
        this.#tell({ kind: 'terminated', termination: { ...termination, pod: pod.name } }),
      onReadiness: (pod: Pod) => {
        if (pod.ready) this.#tell({ kind: 'ready', pod: pod.name });
      },
    };
    const { kind, name, replicas } = this.#template;
    const names = kind === 'Pod' ? [name] : [`${name}-0`].slice(0, replicas);
    this.#pods = names.map((podName) => new Pod(podName, this.#template, environment));
  }

  get pods(): readonly Pod[] {
    return this.#pods;
  }

  pod(name: string): Pod | undefined {
    return this.#pods.find((pod) => pod.name === name);
  }

  events(): readonly NodeEvent[] {
    return this.#events.list();
  }

  /** Calls `listener` for every change until the returned function is called. */
  subscribe(listener: NodeListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async start(): Promise<void> {
    if (this.#template.replicas > 1) {
      const { name } = this.#template;
      this.#events.warning(
        name,
        'ReplicasLimited',
        `${this.#template.replicas} replicas asked for, 1 runs: pods share this machine's ports`,
      );
    }
    for (const pod of this.#pods) await pod.start();
  }

  /** Stops all pods; containers that ignore SIGTERM are killed after the manifest's grace period, at most `maxGraceMs`. */
  async stop(maxGraceMs = 30_000): Promise<void> {
    const graceMs = Math.min(this.#template.terminationGracePeriodSeconds * 1000, maxGraceMs);
    for (const pod of this.#pods) await pod.stop(graceMs);
    await this.#probeClient.close();
  }

  /** Ends every container at once. */
  kill(): void {
    for (const pod of this.#pods) pod.kill();
  }

  #tell(change: Parameters<NodeListener>[0]): void {
    for (const listener of this.#listeners) listener(change);
  }
}
