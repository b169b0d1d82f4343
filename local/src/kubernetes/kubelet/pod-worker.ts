import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { errorMessage } from '@holdfast/base';

import { BackOff } from '../../virtual-node/back-off.ts';
import { EventLog } from '../../virtual-node/events.ts';
import type { NodeEvent } from '../../virtual-node/events.ts';
import type { ContainerSpec, PodTemplate } from '../../virtual-node/manifest.ts';
import type { ContainerMount } from '../../virtual-node/mount-paths.ts';
import { Pod } from '../../virtual-node/pod.ts';
import type { PodEnvironment } from '../../virtual-node/pod.ts';
import type { PodObject } from '../controllers/objects.ts';
import type { KubeletHost, PodSurroundings } from './kubelet-host.ts';
import { containerStatus, creatingContainers, failedContainers, podStatus } from './pod-status.ts';
import type { FailedAttempt, PodFacts } from './pod-status.ts';
import { podFolderName } from './pod-folder.ts';
import { podTemplate } from './pod-template.ts';
import { pruneLogs } from './prune-logs.ts';
import type { ContainerLog, PodRunner } from './pod-runner.ts';
import { PodVolumes } from './volumes/pod-volumes.ts';
import { VolumeProblem } from './volumes/volume-files.ts';

type Failure = Pick<FailedAttempt, 'reason' | 'message' | 'container' | 'told'>;

/** How long a program that served runs on before it is asked to end. */
const FAREWELL_MS = 200;

/** Events of the virtual node that say in other words what the cluster says itself. */
const UNTOLD = new Set(['Scheduled', 'Killing']);

/** Runs one pod of the API on the virtual node, again and again until it starts, and tells the API how it is. */
export class PodWorker implements PodRunner {
  readonly hasPrograms = true;
  readonly #host: KubeletHost;
  readonly #startedMs: number;
  readonly #backOff: BackOff;
  readonly #stopping = new AbortController();
  readonly #folderName: string;
  readonly #log: EventLog;
  readonly #volumes: PodVolumes;
  #object: PodObject;
  #address: string | undefined;
  #pod: Pod | undefined;
  #failure: Failure | undefined;
  #failures = 0;
  #backingOff = false;
  #loop: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(object: PodObject, host: KubeletHost) {
    this.#object = object;
    this.#host = host;
    this.#startedMs = host.timers.clock();
    this.#backOff = new BackOff(host.machine.backOff);
    this.#log = new EventLog(host.timers.clock);
    this.#log.subscribe((event) => this.#tell(event));
    this.#folderName = podFolderName(object);
    this.#volumes = new PodVolumes(object, host);
  }

  get address(): string | undefined {
    return this.#address;
  }

  get pod(): Pod | undefined {
    return this.#pod;
  }

  log(container: string): ContainerLog | undefined {
    const found = this.#pod?.container(container);
    return found === undefined ? undefined : { current: found.logFile, previous: found.previousLogFile };
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  settled(): Promise<void> {
    return this.#volumes.settled();
  }

  /** Ends the pod; resolves once nothing of it runs any more. */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  kill(): void {
    this.#stopping.abort();
    this.#pod?.kill();
  }

  async #stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    if (graceMs > FAREWELL_MS * 2 && this.#pod?.ready === true) await this.#farewell();
    await this.#pod?.stop(graceMs);
    await this.#volumes.close();
    this.#report();
    if (this.#address !== undefined) await this.#host.machine.addresses.giveBack(this.#address);
    const { podsFolder, logsFolder } = this.#host.machine;
    await rm(join(podsFolder, this.#folderName), { recursive: true, force: true });
    await pruneLogs(logsFolder, podsFolder);
  }

  /** Load balancers give it nothing new since its deletion began; what they gave it just before may not have been taken yet. */
  #farewell(): Promise<void> {
    return new Promise((resolve) => void this.#host.timers.after(FAREWELL_MS, resolve));
  }

  async #run(): Promise<void> {
    this.#report();
    while (!this.#stopping.signal.aborted) {
      this.#backingOff = false;
      this.#failure = await this.#attempt();
      if (this.#failure === undefined || this.#stopping.signal.aborted) break;
      this.#report();
      this.#backingOff = true;
      this.#report();
      await this.#pause(this.#retryMs(this.#failure), this.#failure);
      this.#failures += 1;
    }
    this.#report();
  }

  /** Starts the pod; answers why that could not be. */
  async #attempt(): Promise<Failure | undefined> {
    const pod = await this.#make();
    if ('reason' in pod) return pod;
    this.#pod = pod;
    await pod.start();
    const { failure } = pod;
    if (failure === undefined) return undefined;
    await pod.stop(0);
    return failure;
  }

  async #make(): Promise<Pod | Failure> {
    const { machine, events } = this.#host;
    try {
      this.#address ??= await machine.addresses.take();
      const address = this.#address;
      const surroundings = await (machine.podEnvironment?.(this.#object, { address }) ?? NO_SURROUNDINGS);
      await this.#volumes.mount();
      const result = podTemplate(this.#object, this.#sources(address), this.#host.runtimes);
      if ('problem' in result) {
        const { container, message } = result.problem;
        return this.#configProblem(container, message);
      }
      for (const container of result.template.containers) {
        const problem = await this.#mounts(container).then(() => undefined, errorMessage);
        if (problem !== undefined) return this.#configProblem(container.name, problem);
      }
      const template = machine.eagerProbes === true ? withEagerProbes(result.template) : result.template;
      return new Pod(this.#object.metadata.name, template, await this.#environment(address, surroundings, template));
    } catch (error) {
      // The volumes have told the pod about it.
      if (error instanceof VolumeProblem) return { reason: 'FailedMount', message: error.message };
      const message = errorMessage(error);
      events.warning(this.#object, 'FailedCreatePodSandBox', message);
      return { reason: 'FailedCreatePodSandBox', message };
    }
  }

  #configProblem(container: string, message: string): Failure {
    const fieldPath = `spec.containers{${container}}`;
    this.#host.events.warning(this.#object, 'Failed', `Error: ${message}`, fieldPath);
    return { reason: 'CreateContainerConfigError', message, container };
  }

  #mounts({ name, declaration }: ContainerSpec): Promise<readonly ContainerMount[]> {
    const variables = (declaration.env ?? []).map((variable) => [variable.name, variable.value ?? '']);
    return this.#volumes.mounts(name, Object.fromEntries(variables));
  }

  #sources(podIp: string): Parameters<typeof podTemplate>[1] {
    const { cluster, nodeIp } = this.#host;
    const { namespace } = this.#object.metadata;
    return {
      configMap: (name) => cluster.find('ConfigMap', name, namespace)?.data,
      secret: (name) => cluster.find('Secret', name, namespace)?.data,
      podIp,
      hostIp: nodeIp,
    };
  }

  async #environment(
    address: string,
    { variables, hostPorts, places = {} }: PodSurroundings,
    { containers }: PodTemplate,
  ): Promise<PodEnvironment> {
    const { machine, timers, probeClient } = this.#host;
    const { podsFolder, logsFolder } = machine;
    return {
      ...machine,
      images: await machine.images(this.#object.spec.containers.map(({ image }) => image)),
      podsFolder: join(podsFolder, this.#folderName),
      logsFolder: join(logsFolder, this.#folderName),
      nodeVariables: { ...machine.nodeVariables, ...variables },
      events: this.#log,
      clock: timers.clock,
      probeClient,
      network: { address, hostPorts, places },
      mounts: async (name) => {
        const container = containers.find((one) => one.name === name);
        return container === undefined ? [] : this.#mounts(container);
      },
      keepsPreviousLogs: true,
      onTerminated: () => this.#report(),
      onReadiness: () => this.#report(),
      onState: () => this.#report(),
    };
  }

  /** `object` of a node's event is the pod, or the pod and a container. */
  #tell({ object, type, reason, message }: NodeEvent): void {
    if (UNTOLD.has(reason)) return;
    const [, container] = object.split('/');
    const fieldPath = container === undefined ? undefined : `spec.containers{${container}}`;
    if (type === 'Normal') this.#host.events.normal(this.#object, reason, message, fieldPath);
    else this.#host.events.warning(this.#object, reason, message, fieldPath);
  }

  #report(): void {
    const { cluster, timers, nodeIp } = this.#host;
    const { name, namespace, uid } = this.#object.metadata;
    const live = cluster.find('Pod', name, namespace);
    if (live === undefined || live.metadata.uid !== uid) return;
    this.#object = live;
    const facts: PodFacts = {
      ...this.#containers(),
      podIp: this.#address,
      hostIp: nodeIp,
      startedMs: this.#startedMs,
      nowMs: timers.clock(),
    };
    cluster.writeStatus(live, podStatus(live, facts));
  }

  #containers(): Pick<PodFacts, 'phase' | 'containers'> {
    const started = this.#pod?.containers ?? [];
    if (started.length > 0) {
      const snapshots = started.map((container) => container.snapshot());
      const id = (name: string): string => `holdfast://${this.#folderName}/${name}`;
      const over = this.#stopping.signal.aborted || snapshots.every(({ finished }) => finished);
      const ended = snapshots.every(({ state }) => state.state !== 'running');
      const failed = started.some(({ result }) => result === 'failed');
      return {
        phase: over && ended ? (failed ? 'Failed' : 'Succeeded') : 'Running',
        containers: snapshots.map((snapshot) => containerStatus(snapshot, id(snapshot.name))),
      };
    }
    if (this.#failure === undefined) return { phase: 'Pending', containers: creatingContainers(this.#object) };
    const atMs = this.#host.timers.clock();
    const attempt = { ...this.#failure, before: this.#failures, backingOff: this.#backingOff, atMs };
    return { phase: 'Pending', containers: failedContainers(this.#object, attempt) };
  }

  /** Kubelet tries volumes again after half a second, which it doubles up to two minutes, and configurations every ten seconds. */
  #retryMs({ reason }: Failure): number {
    const usual = this.#backOff.next(0);
    if (reason === 'FailedMount')
      return Math.min(usual, FIRST_MOUNT_RETRY_MS * 2 ** this.#failures, LAST_MOUNT_RETRY_MS);
    return reason === 'CreateContainerConfigError' ? Math.min(usual, CONFIG_RETRY_MS) : usual;
  }

  async #pause(ms: number, { reason }: Failure): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    const over = Promise.withResolvers<void>();
    const end = (): void => over.resolve();
    const undo = [this.#host.timers.after(ms, end), this.#whenSourcesChange(reason, end)];
    signal.addEventListener('abort', end, { once: true });
    await over.promise;
    signal.removeEventListener('abort', end);
    for (const step of undo) step();
  }

  /** A person waits for a local cloud: what a pod waits for is used as soon as it is there. */
  #whenSourcesChange(reason: string, listener: () => void): () => void {
    const { machine, cluster } = this.#host;
    const isSource = reason === 'FailedMount' || reason === 'CreateContainerConfigError';
    if (machine.eagerProbes !== true || !isSource) return () => undefined;
    return cluster.store.subscribe(undefined, ({ type, object: { kind, metadata } }) => {
      const isOurs = SOURCES.has(kind) && metadata.namespace === this.#object.metadata.namespace;
      if (isOurs && type !== 'DELETED') listener();
    });
  }
}

const FIRST_MOUNT_RETRY_MS = 500;
const LAST_MOUNT_RETRY_MS = 122_000;
const CONFIG_RETRY_MS = 10_000;
/** What volumes and variables take their values from. */
const SOURCES = new Set(['ConfigMap', 'Secret', 'ServiceAccount', 'SecretProviderClass']);

const EAGER_PERIOD_SECONDS = 0.25;

/** Ready sooner, and unready as late as before. */
function withEagerProbes(template: PodTemplate): PodTemplate {
  const containers = template.containers.map((container) => {
    const { readinessProbe: probe } = container;
    if (probe === undefined) return container;
    const periodSeconds = Math.min(probe.periodSeconds, EAGER_PERIOD_SECONDS);
    const failureThreshold = Math.ceil((probe.failureThreshold * probe.periodSeconds) / periodSeconds);
    return { ...container, readinessProbe: { ...probe, initialDelaySeconds: 0, periodSeconds, failureThreshold } };
  });
  return { ...template, containers };
}

const NO_SURROUNDINGS: PodSurroundings = { variables: {}, hostPorts: [] };
