import { mkdir, rm } from 'node:fs/promises';

import { DependencyError, errorMessage, PlatformError, RequestError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { KubernetesPort } from '@holdfast/deployment';

import type { Events } from '../events.ts';
import type { MountRequest, MountResult } from '../provider/provider.ts';
import { isWritten, readVolume, writeVolume } from './atomic-writer.ts';
import { GROUP_VERSION } from './objects.ts';
import type { LiveObject, PodObject, SecretProviderClass } from './objects.ts';
import type { RecordPodEvent } from './pod-event.ts';
import { writePodStatus } from './pod-status.ts';
import { assertPublishRequest, assertReadOnly, mountAttributes } from './publish-request.ts';
import type { CheckedRequest, PublishRequest } from './publish-request.ts';
import { syncSecrets } from './secret-sync.ts';

export type DriverCluster = Pick<KubernetesPort, 'read' | 'create' | 'replace' | 'apply'>;

/** Fetches what a class asks for; `azure` is the one there is. */
export type MountProvider = (request: MountRequest) => Promise<MountResult>;

export interface VolumeDriverOptions {
  readonly cluster: DriverCluster;
  readonly providers: ReadonlyMap<string, MountProvider>;
  readonly nodeName: string;
  /** Undefined: a volume is filled once. Otherwise how often it is filled anew, in milliseconds. */
  readonly rotationMs: () => number | undefined;
  readonly compatible: boolean;
  readonly clock: Clock;
  /** Longest time for one fetch, in milliseconds. */
  readonly mountTimeoutMs: number;
  readonly events: Events;
  readonly recordEvent: RecordPodEvent;
}

/** What a publish came to: files written, nothing new, or a failure that left the earlier files in place. */
export type PublishOutcome = 'written' | 'unchanged' | 'kept';

const PROVIDER_NAME = /^[a-zA-Z0-9_-]{0,30}$/;
const TARGET_MODE = 0o750;
/** Permission of files that name none. */
const FILE_MODE = 0o644;
const MAX_PAYLOAD = 4 * 1024 * 1024;
/** A Secret holds no more. */
const WARN_PAYLOAD = 1024 * 1024;

/**
 * Fills volumes with the files of a SecretProviderClass and mirrors them as Secrets: NodePublishVolume of the Secrets Store CSI
 * driver without the mount itself. One volume is worked on by one caller at a time.
 */
export class VolumeDriver {
  readonly #options: VolumeDriverOptions;
  readonly #published = new Map<string, { at: number; objects: MountResult['objectVersions'] }>();
  readonly #busy = new Map<string, Promise<unknown>>();

  constructor(options: VolumeDriverOptions) {
    this.#options = options;
  }

  /**
   * Fills a volume, or fills it anew. A failure of a volume that was filled before is reported as `kept`: its files stay.
   * @throws RequestError MOUNT_REQUEST_INVALID, MOUNT_PARAMETERS_INVALID
   * @throws DependencyError MOUNT_FAILED when a volume cannot be filled for the first time; its folder is then gone again
   */
  async publish(request: PublishRequest, pod: PodObject): Promise<PublishOutcome> {
    assertPublishRequest(request);
    const { targetPath } = request;
    const before = this.#busy.get(targetPath) ?? Promise.resolve();
    const work = before.catch(() => undefined).then(async () => this.#publish(request, pod));
    this.#busy.set(targetPath, work);
    try {
      return await work;
    } finally {
      if (this.#busy.get(targetPath) === work) this.#busy.delete(targetPath);
    }
  }

  /** Takes the files of a volume away. */
  async unpublish(targetPath: string): Promise<void> {
    await this.#busy.get(targetPath)?.catch(() => undefined);
    this.#published.delete(targetPath);
    await rm(targetPath, { recursive: true, force: true });
  }

  async #publish(request: CheckedRequest, pod: PodObject): Promise<PublishOutcome> {
    const { clock } = this.#options;
    const rotationMs = this.#options.rotationMs();
    const { targetPath } = request;
    const wasWritten = await isWritten(targetPath);
    const last = this.#published.get(targetPath);
    if (wasWritten && last !== undefined && rotationMs !== undefined && last.at + rotationMs > clock())
      return 'unchanged';
    const spc = await this.#readClass(request.volumeContext, pod);
    if (wasWritten && last !== undefined && rotationMs === undefined) {
      // Filled once and for all; a mirrored Secret that somebody deleted comes back nevertheless.
      await this.#sync(request, spc, pod, await this.#writeStatus(request, spc, pod, undefined));
      return 'unchanged';
    }
    const attributes = mountAttributes(spc, request.volumeContext, this.#options.compatible);
    assertReadOnly(request);
    await mkdir(targetPath, { recursive: true, mode: TARGET_MODE });
    try {
      return await this.#fill(request, attributes, spc, pod);
    } catch (error) {
      if (!wasWritten) {
        // Left behind, it would look like a volume that was filled.
        await rm(targetPath, { recursive: true, force: true });
        throw error;
      }
      await this.#keep(request, spc, pod, errorMessage(error));
      return 'kept';
    }
  }

  /** The class of the pod's own namespace. */
  async #readClass(context: Readonly<Record<string, string>>, pod: PodObject): Promise<SecretProviderClass> {
    const namespace = pod.metadata.namespace ?? 'default';
    const name = (context['secretProviderClass'] ?? '').trim();
    if (name === '') throw invalid('secretProviderClass is not set');
    const where = `${namespace}/${name}`;
    let found: SecretProviderClass | undefined;
    try {
      const reference = { apiVersion: GROUP_VERSION, kind: 'SecretProviderClass', name, namespace };
      found = await this.#options.cluster.read(reference);
    } catch (cause) {
      throw failed(`failed to get secretproviderclass ${where}, error: ${errorMessage(cause)}`, cause);
    }
    if (found === undefined) {
      throw invalid(`failed to get secretproviderclass ${where}, error: SecretProviderClass "${name}" not found`);
    }
    if ((found.spec?.provider ?? '') === '') throw invalid(`provider not set in ${where}`);
    if (found.spec?.parameters === undefined) throw invalid(`parameters not set in ${where}`);
    return found;
  }

  async #fill(
    request: CheckedRequest,
    attributes: Readonly<Record<string, string>>,
    spc: SecretProviderClass,
    pod: PodObject,
  ): Promise<PublishOutcome> {
    const { clock, events } = this.#options;
    const result = await this.#mount(request, attributes, spc, pod);
    const written = await writeVolume(request.targetPath, result.files, clock);
    this.#published.set(request.targetPath, { at: clock(), objects: result.objectVersions });
    const status = await this.#writeStatus(request, spc, pod, undefined);
    events.mounted(pod, spc.metadata.name, written);
    await this.#sync(request, spc, pod, status);
    return written ? 'written' : 'unchanged';
  }

  async #mount(
    request: CheckedRequest,
    attributes: Readonly<Record<string, string>>,
    spc: SecretProviderClass,
    pod: PodObject,
  ): Promise<MountResult> {
    const { mountTimeoutMs } = this.#options;
    try {
      const provider = this.#provider(spc.spec?.provider ?? '');
      const result = await provider({
        attributes,
        secrets: request.secrets,
        permission: FILE_MODE,
        signal: AbortSignal.timeout(mountTimeoutMs),
      });
      if (result.objectVersions.length === 0) throw invalid('missing object versions');
      const size = result.files.reduce((sum, { contents }) => sum + contents.length, 0);
      if (size > MAX_PAYLOAD) throw invalid(`the files are ${size} bytes, more than ${MAX_PAYLOAD}`);
      if (size > WARN_PAYLOAD) this.#options.events.payloadLarge(pod, spc.metadata.name, size);
      return result;
    } catch (cause) {
      const prefix = `failed to mount secrets store objects for pod ${nameOf(pod)}, err: `;
      throw failed(`${prefix}${errorMessage(cause)}`, cause);
    }
  }

  #provider(name: string): MountProvider {
    const provider = this.#options.providers.get(name);
    if (provider !== undefined) return provider;
    const problem = PROVIDER_NAME.test(name) ? 'provider not found' : 'invalid provider';
    throw invalid(`error connecting to provider "${name}": ${problem}: provider "${name}"`);
  }

  async #writeStatus(
    { targetPath }: CheckedRequest,
    spc: SecretProviderClass,
    pod: PodObject,
    failure: string | undefined,
  ): Promise<LiveObject> {
    const { cluster, nodeName } = this.#options;
    const objects = this.#published.get(targetPath)?.objects ?? [];
    const className = spc.metadata.name;
    try {
      return await writePodStatus(cluster, { pod, className, nodeName, targetPath, objects, failure });
    } catch (cause) {
      const prefix = `failed to create secret provider class pod status for pod ${nameOf(pod)}, err: `;
      throw failed(`${prefix}${errorMessage(cause)}`, cause);
    }
  }

  async #sync(
    { targetPath }: CheckedRequest,
    secretProviderClass: SecretProviderClass,
    pod: PodObject,
    status: LiveObject,
  ): Promise<void> {
    const { cluster, events, compatible, clock, recordEvent } = this.#options;
    const files = await readVolume(targetPath);
    await syncSecrets({ pod, secretProviderClass, status, files }, { cluster, events, compatible, clock, recordEvent });
  }

  /** The earlier files stay; the pod, its status and the log say why they are old. Mirrored Secrets are still looked after. */
  async #keep(request: CheckedRequest, spc: SecretProviderClass, pod: PodObject, failure: string): Promise<void> {
    const { recordEvent, clock, events } = this.#options;
    events.rotationFailed(pod, spc.metadata.name, failure);
    try {
      const now = clock();
      await recordEvent(pod, { type: 'Warning', reason: 'MountRotationFailed', message: failure, now });
      // Before the first success of this process the versions are unknown, and those in the status are right.
      if (!this.#published.has(request.targetPath)) return;
      await this.#sync(request, spc, pod, await this.#writeStatus(request, spc, pod, failure));
    } catch (error) {
      events.statusFailed(pod, errorMessage(error));
    }
  }
}

function nameOf(pod: PodObject): string {
  return `${pod.metadata.namespace ?? 'default'}/${pod.metadata.name}`;
}

function invalid(message: string): RequestError {
  return new RequestError('MOUNT_PARAMETERS_INVALID', message, {
    action: 'Correct the SecretProviderClass, or the volume of the pod.',
  });
}

function failed(message: string, cause: unknown): PlatformError {
  const retryable = !(cause instanceof DependencyError) || cause.retryable;
  const action = cause instanceof PlatformError ? cause.action : undefined;
  return new DependencyError('MOUNT_FAILED', message, {
    retryable,
    cause,
    ...(action === undefined ? {} : { action }),
  });
}
