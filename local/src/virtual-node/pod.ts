import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { SimulatedPlatform } from '@holdfast/attestation';
import { errorMessage } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';

import type { BackOffSettings } from './back-off.ts';
import { startConfidentialGuest } from './confidential-guest.ts';
import type { ConfidentialGuest, GuestSettings } from './confidential-guest.ts';
import { Container } from './container.ts';
import type { ContainerTermination } from './container.ts';
import type { EventLog } from './events.ts';
import type { ImageCatalogue } from './image-catalogue.ts';
import { IDENTITY_ANNOTATION, POLICY_ANNOTATION } from './manifest.ts';
import type { ContainerSpec, PodTemplate } from './manifest.ts';

/** The managed identity endpoint of one pod. */
export interface IdentityEndpoint {
  readonly url: string;
  stop(): Promise<void>;
}

/** What all pods of a node share. */
export interface PodEnvironment {
  readonly platform: SimulatedPlatform;
  readonly catalogue: ImageCatalogue;
  readonly guest: GuestSettings;
  /** Folder in which each pod gets one. */
  readonly podsFolder: string;
  readonly logsFolder: string;
  /** Variables every container gets from the node, beside those of its manifest. */
  readonly nodeVariables: Readonly<Record<string, string>>;
  /** Opens the endpoint for a user-assigned identity; undefined when Azure does not know that resource id. */
  readonly openIdentityEndpoint: (resourceId: string) => Promise<IdentityEndpoint | undefined>;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly probeClient: HttpClient;
  readonly backOff: BackOffSettings;
  readonly onTerminated: (pod: Pod, termination: ContainerTermination) => void;
  readonly onReadiness: (pod: Pod) => void;
}

/** One pod: a confidential guest, an identity endpoint, and containers. */
export class Pod {
  readonly name: string;
  readonly #template: PodTemplate;
  readonly #node: PodEnvironment;
  #containers: readonly Container[] = [];
  #guest: ConfidentialGuest | undefined;
  #identity: IdentityEndpoint | undefined;
  /** Why the pod could not be started at all. */
  #failure: { readonly reason: string; readonly message: string } | undefined;

  constructor(name: string, template: PodTemplate, node: PodEnvironment) {
    this.name = name;
    this.#template = template;
    this.#node = node;
  }

  get ready(): boolean {
    return this.#containers.length > 0 && this.#containers.every((container) => container.ready);
  }

  get failure(): { readonly reason: string; readonly message: string } | undefined {
    return this.#failure;
  }

  /** HOST_DATA of the guest, lower-case hex. */
  get hostData(): string | undefined {
    return this.#guest?.hostData;
  }

  container(name: string): Container | undefined {
    return this.#containers.find((container) => container.name === name);
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
      events: this.#node.events
        .list()
        .filter(({ object }) => object === this.name || object.startsWith(`${this.name}/`)),
    };
  }

  /** Starts everything; what cannot be started is told as an event and in `failure`. */
  async start(): Promise<void> {
    const { events } = this.#node;
    events.normal(this.name, 'Scheduled', `Successfully assigned ${this.name} to virtual-node`);
    const images = this.#pullImages();
    if (images === undefined) return;
    const policy = this.#template.annotations[POLICY_ANNOTATION];
    if (policy === undefined || policy === '') {
      this.#fail('FailedCreatePodSandBox', `the pod template has no annotation ${POLICY_ANNOTATION}`);
      return;
    }
    const folder = join(this.#node.podsFolder, this.name);
    try {
      await mkdir(folder, { recursive: true });
      await mkdir(join(this.#node.logsFolder, this.name), { recursive: true });
      this.#guest = await startConfidentialGuest({
        platform: this.#node.platform,
        policy,
        settings: this.#node.guest,
        folder,
      });
    } catch (error) {
      this.#fail('FailedCreatePodSandBox', errorMessage(error));
      return;
    }
    events.normal(this.name, 'GuestStarted', `measured policy ${this.#guest.hostData}`);
    if (!(await this.#attachIdentity())) return;
    const variables = this.#platformVariables(this.#guest);
    this.#containers = images.map(({ spec, command }) => this.#createContainer(spec, command, folder, variables));
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

  #pullImages(): { readonly spec: ContainerSpec; readonly command: readonly string[] }[] | undefined {
    const { catalogue, events } = this.#node;
    const images = [];
    for (const spec of this.#template.containers) {
      const object = `${this.name}/${spec.name}`;
      const image = catalogue.find(spec.image);
      if (image === undefined) {
        const known = catalogue.references().join(', ');
        const message = `Failed to pull image "${spec.image}": the local catalogue has only ${known}`;
        events.warning(object, 'ErrImagePull', message);
        this.#failure = { reason: 'ErrImagePull', message };
        return undefined;
      }
      events.normal(object, 'Pulled', `Container image "${spec.image}" is in the local catalogue`);
      const command = image.program(spec.command ?? image.command);
      if (command === undefined) {
        const message = `exec: ${JSON.stringify(spec.command)}: no such command in image ${spec.image}`;
        events.warning(object, 'Failed', message);
        this.#failure = { reason: 'RunContainerError', message };
        return undefined;
      }
      images.push({ spec, command });
    }
    return images;
  }

  async #attachIdentity(): Promise<boolean> {
    const resourceId = this.#template.annotations[IDENTITY_ANNOTATION];
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

  #platformVariables(guest: ConfidentialGuest): Record<string, string> {
    return {
      ...this.#node.nodeVariables,
      HOSTNAME: this.name,
      UVM_SECURITY_CONTEXT_DIR: guest.securityContextFolder,
      snp_report_source: 'simulated',
      snp_simulated_url: guest.firmwareUrl,
      ...(this.#identity === undefined ? {} : { AZURE_POD_IDENTITY_AUTHORITY_HOST: this.#identity.url }),
    };
  }

  #createContainer(
    spec: ContainerSpec,
    command: readonly string[],
    folder: string,
    platformVariables: Readonly<Record<string, string>>,
  ): Container {
    const node = this.#node;
    const declared = Object.fromEntries(spec.environment.map(({ name, value }) => [name, value]));
    return new Container({
      podName: this.name,
      spec,
      process: {
        command,
        // As on a real node, what the platform says about itself cannot be overridden by a manifest.
        environment: { ...declared, ...platformVariables },
        logFile: join(node.logsFolder, this.name, `${spec.name}.log`),
        workingDirectory: folder,
      },
      events: node.events,
      clock: node.clock,
      probeClient: node.probeClient,
      backOff: node.backOff,
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
    return this.#containers.length === 0 ? 'Pending' : 'Running';
  }
}
