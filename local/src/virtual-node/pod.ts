import { join } from 'node:path';

import type { SimulatedPlatform } from '@holdfast/attestation';
import { errorMessage } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

import type { LocalImage } from '../images/build-local-image.ts';
import { firstOpenPort } from '../process/machine-port.ts';
import type { BackOffSettings } from './back-off.ts';
import type { ConfidentialGuest, GuestSettings } from './confidential-guest.ts';
import { Container } from './container.ts';
import type { ContainerTermination } from './container.ts';
import { containerProgram } from './container-program.ts';
import type { EventLog, NodeEvent } from './events.ts';
import type { AdmittedContainer, ContainerRequest, GuestEnforcement, GuestRefusal } from './guest-enforcement.ts';
import { IDENTITY_ANNOTATION } from './manifest.ts';
import type { ContainerSpec, PodTemplate } from './manifest.ts';
import type { ContainerMount } from './mount-paths.ts';
import { startPodGuest } from './pod-guest.ts';
import { preloadOption, writePodPreloads } from './pod-preloads.ts';

/** The managed identity endpoint of one pod. */
export interface IdentityEndpoint {
  readonly url: string;
  stop(): Promise<void>;
}

/** The network of a pod: an address of its own, so that any number of pods can have the same ports. */
export interface PodNetwork {
  /** From 127.0.0.0/8. */
  readonly address: string;
  /** Ports of 127.0.0.1 that stand for places outside of the pod. The endpoints of its guest are added. */
  readonly hostPorts: readonly number[];
  /**
   * Places in Azure, as `host:port`, and the address on this machine that stands for each, as `127.0.0.1:8444`. A host may begin with
   * `*.`. Connections to them come from the pod's own address.
   */
  readonly places?: Readonly<Record<string, string>>;
}

/** What all pods of a node share. */
export interface PodEnvironment {
  readonly platform: SimulatedPlatform;
  /** The images that can be pulled. */
  readonly images: readonly LocalImage[];
  /** Folder for unpacked images. */
  readonly unpackedImagesFolder: string;
  readonly guest: GuestSettings;
  /** Variables that the platform asks the guest to give to every container, beside HOSTNAME. */
  readonly platformVariables: Readonly<Record<string, string>>;
  /** Folder in which each pod gets one. */
  readonly podsFolder: string;
  readonly logsFolder: string;
  /** Variables without which no program runs on this machine. They stand for what a real guest has in its own system, so no policy is asked about them. */
  readonly nodeVariables: Readonly<Record<string, string>>;
  /** Opens the endpoint for a user-assigned identity; undefined when Azure does not know that resource id. */
  readonly openIdentityEndpoint: (resourceId: string) => Promise<IdentityEndpoint | undefined>;
  /** Resource id of the identity that service accounts stand for; none when missing. */
  readonly workloadIdentity?: string;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly probeClient: HttpClient;
  readonly backOff: BackOffSettings;
  readonly onTerminated: (pod: Pod, termination: ContainerTermination) => void;
  readonly onReadiness: (pod: Pod) => void;
  /** The network of the pod; it shares this machine's when missing. */
  readonly network?: PodNetwork;
  /** The volumes of a container, asked for before each of its lives; none when missing. */
  readonly mounts?: (container: string) => Promise<readonly ContainerMount[]>;
  /** Whether logs hold one life of a container, and those of the life before are kept. */
  readonly keepsPreviousLogs?: boolean;
  /** Told about every change of a container's state. */
  readonly onState?: (pod: Pod) => void;
}

interface PulledContainer {
  readonly spec: ContainerSpec;
  readonly image: LocalImage;
}

/** Why a pod could not be started at all. */
export interface PodFailure {
  /** As events have it, for example ErrImagePull or PolicyDenied. */
  readonly reason: string;
  readonly message: string;
  /** For a denial: which rule failed for which container, and what to change. Several lines. */
  readonly explanation?: string;
  /** The container it is about, when it is about one. */
  readonly container?: string;
  /** For a denial: what the guest told the host, with the encoded decision. */
  readonly told?: string;
}

/** One pod: containers, and, when it is confidential, the guest they run in and an identity endpoint. */
export class Pod {
  readonly name: string;
  readonly #template: PodTemplate;
  readonly #node: PodEnvironment;
  #containers: readonly Container[] = [];
  #images: readonly LocalImage[] = [];
  #guest: ConfidentialGuest | undefined;
  #identity: IdentityEndpoint | undefined;
  #failure: PodFailure | undefined;

  constructor(name: string, template: PodTemplate, node: PodEnvironment) {
    this.name = name;
    this.#template = template;
    this.#node = node;
  }

  get ready(): boolean {
    return this.#containers.length > 0 && this.#containers.every((container) => container.ready);
  }

  get failure(): PodFailure | undefined {
    return this.#failure;
  }

  /** HOST_DATA of the guest, lower-case hex. */
  get hostData(): string | undefined {
    return this.#guest?.hostData;
  }

  /** The images of its containers, once they are there. */
  get images(): readonly LocalImage[] {
    return this.#images;
  }

  get containers(): readonly Container[] {
    return this.#containers;
  }

  container(name: string): Container | undefined {
    return this.#containers.find((container) => container.name === name);
  }

  /** What happened to this pod and its containers, oldest first. */
  events(): readonly NodeEvent[] {
    const { events } = this.#node;
    return events.list().filter(({ object }) => object === this.name || object.startsWith(`${this.name}/`));
  }

  /** What the API tells about this pod. */
  status(): Readonly<Record<string, unknown>> {
    return {
      name: this.name,
      phase: this.#phase(),
      ready: this.ready,
      hostData: this.#guest?.hostData ?? null,
      failure: this.#failure ?? null,
      containers: this.#containers.map((container) => container.status()),
      events: this.events(),
    };
  }

  /** Starts everything; what cannot be started is told as an event and in `failure`. */
  async start(): Promise<void> {
    const { events } = this.#node;
    events.normal(this.name, 'Scheduled', `Successfully assigned ${this.name} to virtual-node`);
    const images = this.#pullImages();
    if (images === undefined) return;
    this.#images = images.map(({ image }) => image);
    const folder = join(this.#node.podsFolder, this.name);
    const enforcement = await this.#startGuest(folder, images);
    if (enforcement === undefined) return;
    if (this.#guest !== undefined) {
      events.normal(this.name, 'GuestStarted', `measured policy ${this.#guest.hostData}`);
    }
    if (!(await this.#attachIdentity())) return;
    const admitted = await this.#admitAll(enforcement, images);
    if (admitted === undefined || !this.#haveProgram(images, admitted)) return;
    const guestVariables = this.#guestVariables(folder);
    this.#containers = images.map((image, index) => {
      const first = admitted[index];
      if (first === undefined) throw new RangeError('every container was admitted');
      return this.#createContainer(image, first, enforcement, folder, guestVariables);
    });
    for (const container of this.#containers) container.start();
  }

  /** Stops the containers, last one first, then what they used. */
  async stop(graceMs: number): Promise<void> {
    for (const container of [...this.#containers].reverse()) await container.stop(graceMs);
    await this.#identity?.stop();
    await this.#guest?.stop();
    this.#node.events.normal(this.name, 'Killing', `Stopped pod ${this.name}`);
  }

  kill(): void {
    for (const container of this.#containers) container.kill();
  }

  #pullImages(): readonly PulledContainer[] | undefined {
    const { images, events } = this.#node;
    const pulled: PulledContainer[] = [];
    for (const spec of this.#template.containers) {
      const object = `${this.name}/${spec.name}`;
      const image = images.find(({ facts }) => facts.reference === spec.image);
      if (image === undefined) {
        const known = images.map(({ facts }) => facts.reference).join(', ');
        const message = `Failed to pull image "${spec.image}": the node has only ${known}`;
        events.warning(object, 'ErrImagePull', message);
        this.#failure = { reason: 'ErrImagePull', message, container: spec.name };
        return undefined;
      }
      events.normal(object, 'Pulled', `Container image "${spec.image}" is on the node`);
      pulled.push({ spec, image });
    }
    return pulled;
  }

  /** Starts what the pod runs in; undefined when that cannot be. */
  async #startGuest(folder: string, pulled: readonly PulledContainer[]): Promise<GuestEnforcement | undefined> {
    try {
      const images = pulled.map(({ image }) => image);
      const { enforcement, machine } = await startPodGuest(this.name, this.#template, this.#node, { folder, images });
      this.#guest = machine;
      await writePodPreloads(folder);
      return enforcement;
    } catch (error) {
      this.#fail('FailedCreatePodSandBox', errorMessage(error));
      return undefined;
    }
  }

  /** Asks the policy for the sandbox and all containers before any of them runs; undefined when one is denied. */
  async #admitAll(
    enforcement: GuestEnforcement,
    containers: readonly PulledContainer[],
  ): Promise<readonly AdmittedContainer[] | undefined> {
    try {
      const sandbox = await enforcement.startSandbox();
      if ('refused' in sandbox) return this.#deny(this.name, sandbox.refused);
      const admitted: AdmittedContainer[] = [];
      for (const container of containers) {
        const object = `${this.name}/${container.spec.name}`;
        const answer = await enforcement.admit(this.#requestOf(container));
        if ('refused' in answer) return this.#deny(object, answer.refused);
        admitted.push(answer.admitted);
        const { droppedVariables } = answer.admitted;
        if (droppedVariables.length > 0) {
          const names = droppedVariables.join(', ');
          this.#node.events.warning(object, 'VariablesDropped', `the policy does not admit ${names}: taken away`);
        }
      }
      return admitted;
    } catch (error) {
      this.#fail('FailedCreatePodSandBox', errorMessage(error));
      return undefined;
    }
  }

  /** Whether this machine can run every container's command. */
  #haveProgram(containers: readonly PulledContainer[], admitted: readonly AdmittedContainer[]): boolean {
    for (const [index, { root, command, environment }] of admitted.entries()) {
      const program = containerProgram(root, command, environment['PATH']);
      if (!('refused' in program)) continue;
      const message = program.refused;
      const container = containers[index]?.spec.name ?? '';
      this.#node.events.warning(`${this.name}/${container}`, 'Failed', message);
      this.#failure = { reason: 'RunContainerError', message, container };
      return false;
    }
    return true;
  }

  #requestOf({ spec, image }: PulledContainer): ContainerRequest {
    const platformVariables = { HOSTNAME: this.name, ...this.#node.platformVariables };
    return { declaration: spec.declaration, image, platformVariables };
  }

  #deny(object: string, { message, explanation }: GuestRefusal): undefined {
    const { events } = this.#node;
    events.warning(object, 'Failed', message);
    events.warning(object, 'PolicyDenied', explanation);
    const [headline = explanation] = explanation.split('\n', 1);
    const container = object.split('/')[1];
    this.#failure = {
      reason: 'PolicyDenied',
      message: headline,
      explanation,
      told: message,
      ...(container === undefined ? {} : { container }),
    };
  }

  async #attachIdentity(): Promise<boolean> {
    const resourceId = this.#identityId();
    if (resourceId === undefined) return true;
    try {
      this.#identity = await this.#node.openIdentityEndpoint(resourceId);
    } catch (error) {
      this.#fail('FailedAssignIdentity', errorMessage(error));
      return false;
    }
    if (this.#identity === undefined) {
      this.#fail('FailedAssignIdentity', `there is no user-assigned identity ${resourceId}`);
      return false;
    }
    return true;
  }

  #identityId(): string | undefined {
    const { runtime, annotations, workloadIdentity } = this.#template;
    if (runtime === 'container-group') return annotations[IDENTITY_ANNOTATION];
    return runtime === 'kata' && workloadIdentity ? this.#node.workloadIdentity : undefined;
  }

  /** What a guest adds after its policy was asked. Most of it stands for devices and addresses that a real guest has. */
  #guestVariables(folder: string): Record<string, string> {
    return {
      ...this.#node.nodeVariables,
      ...this.#networkVariables(folder),
      HOLDFAST_UNTIL_STDIN_CLOSES: '1',
      ...(this.#guest === undefined
        ? {}
        : {
            UVM_SECURITY_CONTEXT_DIR: this.#guest.securityContextFolder,
            snp_report_source: 'simulated',
            snp_simulated_url: this.#guest.firmwareUrl,
          }),
      ...(this.#identity === undefined ? {} : { AZURE_POD_IDENTITY_AUTHORITY_HOST: this.#identity.url }),
    };
  }

  /** Give every program of the pod its network, before it begins. */
  #networkVariables(folder: string): Record<string, string> {
    const { network, nodeVariables } = this.#node;
    if (network === undefined) return {};
    const endpoints = [this.#guest?.firmwareUrl, this.#identity?.url].filter((url) => url !== undefined);
    const hostPorts = [...network.hostPorts, ...endpoints.map((url) => Number(new URL(url).port))];
    return {
      NODE_OPTIONS: `${nodeVariables['NODE_OPTIONS'] ?? ''} ${preloadOption(folder, 'network')}`.trim(),
      HOLDFAST_POD_NETWORK: JSON.stringify({
        address: network.address,
        hostPorts,
        places: network.places ?? {},
        openPorts: firstOpenPort(),
      }),
    };
  }

  #createContainer(
    container: PulledContainer,
    admitted: AdmittedContainer,
    enforcement: GuestEnforcement,
    folder: string,
    guestVariables: Readonly<Record<string, string>>,
  ): Container {
    const node = this.#node;
    const { spec } = container;
    return new Container({
      podName: this.name,
      spec,
      guest: enforcement,
      admit: () => enforcement.admit(this.#requestOf(container)),
      admitted,
      guestVariables,
      mounts: async () => (await node.mounts?.(spec.name)) ?? [],
      logFile: join(node.logsFolder, this.name, `${spec.name}.log`),
      workingDirectory: folder,
      events: node.events,
      clock: node.clock,
      probeClient: node.probeClient,
      backOff: node.backOff,
      restartPolicy: this.#template.restartPolicy,
      address: node.network?.address ?? '127.0.0.1',
      keepsPreviousLog: node.keepsPreviousLogs ?? false,
      onState: () => node.onState?.(this),
      onTerminated: (termination) => node.onTerminated(this, termination),
      onReadiness: () => node.onReadiness(this),
    });
  }

  #fail(reason: string, message: string): void {
    this.#failure = { reason, message };
    this.#node.events.warning(this.name, reason, message);
  }

  #phase(): string {
    if (this.#failure !== undefined) return 'Failed';
    if (this.#containers.length === 0) return 'Pending';
    const results = this.#containers.map(({ result }) => result);
    if (results.includes(undefined)) return 'Running';
    return results.includes('failed') ? 'Failed' : 'Succeeded';
  }
}
