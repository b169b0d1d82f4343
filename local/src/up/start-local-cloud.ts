import { randomBytes as cryptoRandomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';

import { formatThimCertificates } from '@holdfast/attestation';
import { errorMessage, RequestError } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import { listen } from '@holdfast/http';

import { openCertificateAuthority } from '../azure/index.ts';
import type { CertificateAuthority } from '../azure/index.ts';
import { homeLayout } from '../home/home-layout.ts';
import type { HomeLayout } from '../home/home-layout.ts';
import { lockHome } from '../home/home-lock.ts';
import { openHome, prepareHomeFolder, rememberPolicy } from '../home/open-home.ts';
import type { OpenedHome } from '../home/open-home.ts';
import type { LocalImageDefinition } from '../images/build-local-image.ts';
import { createLayoutImages } from '../images/layout-images.ts';
import { imageFolders } from '../images/image-folders.ts';
import type { ImageFolders } from '../images/image-folders.ts';
import { imagesOnDemand } from '../images/images-on-demand.ts';
import { voteImages } from '../images/service-images.ts';
import { necessaryEnvironment } from '../process/managed-process.ts';
import type { ManagedProcess } from '../process/managed-process.ts';
import { isVirtualNodeImage, operatorSurroundings } from '../kubernetes/kubelet/index.ts';
import { findRedisServer, RedisServers } from '../redis/index.ts';
import { buildVirtualNodeApp } from '../virtual-node/api.ts';
import { KUBERNETES_BACK_OFF } from '../virtual-node/back-off.ts';
import type { BackOffSettings } from '../virtual-node/back-off.ts';
import { readNodeSettings } from '../virtual-node/node-settings.ts';
import { VirtualNode } from '../virtual-node/virtual-node.ts';
import type { VirtualNodeOptions } from '../virtual-node/virtual-node.ts';
import { SAMPLE_IDENTITY, startAzureEndpoints } from './azure-endpoints.ts';
import type { AzureEndpoints } from './azure-endpoints.ts';
import { removeCloudFile, writeCloudFile } from './cloud-file.ts';
import { writeDeploymentConfig } from './deployment-config.ts';
import { forgetOperator, isDeployed, rememberDeployed } from './forget-operator.ts';
import { LocalClusters, networkOf } from './local-clusters.ts';
import { keepImages } from './keep-images.ts';
import { CLUSTER_ID } from './local-names.ts';
import type { LocalService } from './local-service.ts';
import { startLocalServices } from './local-services.ts';
import { startOperator } from './operator-start.ts';
import type { Deploy } from './operator-start.ts';
import type { OperatorPod } from './operator-watch.ts';
import { buildOperatorWorkload, digestOfManifest, writeOperatorManifest, writeRelease } from './operator-workload.ts';
import type { OperatorWorkload } from './operator-workload.ts';
import { chosenParts, portsOf } from './parts.ts';
import type { LocalCloudPart } from './parts.ts';
import { localPorts, requireFreePorts } from './ports.ts';
import type { LocalPorts } from './ports.ts';
import { Progress } from './progress.ts';
import type { ProgressEvent } from './progress.ts';
import { startPod } from './run-pod.ts';
import type { RunningPod, RunPodOptions } from './run-pod.ts';
import { describeCloud, removeReadyFile, writeReadyFile } from './ready-file.ts';
import type { ReadyFile } from './ready-file.ts';
import { localAddresses } from './service-configs.ts';
import type { LocalAddresses } from './service-configs.ts';
import { StageProgress } from './stage-progress.ts';
import { verifyOperator } from './verify.ts';
import type { ProvedCheck } from './verify.ts';

export interface LocalCloudOptions {
  /** Home folder. */
  readonly home: string;
  /** First of eleven ports in a row; the default ports when missing. */
  readonly portBase?: number | undefined;
  /** Number of salts of a new world. */
  readonly salts?: number | undefined;
  /** The parts to start; all when missing. */
  readonly only?: readonly string[] | undefined;
  /** Command line of `holdfast serve`, without a service's name. */
  readonly serve: readonly string[];
  /** Deploys the operator; needed for the part operator. */
  readonly deploy?: Deploy;
  /** Other images for the operator's pod than those of this repository's services. */
  readonly operatorImages?: readonly LocalImageDefinition[];
  /** Run the manifest's policy as it is, also when the images have changed and it no longer admits them. */
  readonly keepPolicy?: boolean;
  /** Fail when the operator's pod ends once, instead of starting it again. */
  readonly failFast?: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Aborting it gives up a start that is under way; everything started so far is stopped. */
  readonly signal?: AbortSignal;
  /** Aborting it ends every child process at once. */
  readonly killSignal?: AbortSignal;
  readonly clock?: Clock;
  readonly randomBytes?: RandomBytes;
  readonly backOff?: BackOffSettings;
  /** How long the operator may take to become ready, milliseconds; two minutes when missing. */
  readonly readyTimeoutMs?: number;
  /** Modulus length of a new simulated platform's RSA keys; 4096 when missing. */
  readonly platformRsaBits?: number;
}

/** A running local confidential cloud. */
export interface LocalCloud {
  readonly addresses: LocalAddresses;
  readonly ready: ReadyFile;
  readonly salts: number;
  /** Whether this start made the world. */
  readonly created: boolean;
  /** Port that the sidecar of the operator's pod has, and that another pod may use when there is no operator. */
  readonly sidecarPort: number;
  /**
   * Runs one more pod in this cloud, which ends with it. Needs the part azure for the pod to have an identity.
   * @throws MalformedError MANIFEST_INVALID
   * @throws DependencyError POD_NOT_STARTED
   */
  runPod(options: RunPodOptions): Promise<RunningPod>;
  /** Proves the operator from the outside; nothing to prove when it was not started. */
  verify(): Promise<readonly ProvedCheck[]>;
  /** Stops everything in reverse order and gives the home folder free. */
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 120_000;
const POD_GRACE_MS = 10_000;

/**
 * Brings up the local confidential cloud: Azure endpoints and the virtual node in this process, the services and the pod's
 * containers as child processes. Resolves once the operator is ready; when anything fails, what was started is stopped.
 * @throws RequestError LOCAL_CLOUD_PART_UNKNOWN, PORT_BASE_INVALID, WORLD_SIZE_INVALID, WORLD_SIZE_DIFFERS
 * @throws DependencyError HOME_UNUSABLE, HOME_FOREIGN, HOME_IN_USE, PORT_IN_USE
 * @throws DependencyError SERVICE_EXITED, SERVICE_NOT_READY, OPERATOR_NOT_STARTED, OPERATOR_EXITED, OPERATOR_NOT_READY
 * @throws MalformedError WORLD_CORRUPT, CREDENTIALS_UNREADABLE, MANIFEST_INVALID
 * @throws VerificationError WORLD_EXPIRED
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const start = new CloudStart(options);
  try {
    return await start.run();
  } catch (error) {
    await start.stop();
    throw error;
  }
}

class CloudStart {
  readonly #options: LocalCloudOptions;
  readonly #parts: ReadonlySet<LocalCloudPart>;
  readonly #ports: LocalPorts;
  readonly #addresses: LocalAddresses;
  readonly #layout: HomeLayout;
  readonly #images: ImageFolders;
  readonly #clock: Clock;
  readonly #randomBytes: RandomBytes;
  readonly #signal: AbortSignal;
  readonly #progress: Progress;
  readonly #processes = new Set<ManagedProcess>();
  readonly #nodes = new Set<VirtualNode>();
  #clusters: LocalClusters | undefined;
  #caches: RedisServers | undefined;
  /** What undoes the start, last thing first. */
  readonly #undo: (() => Promise<void>)[] = [];

  constructor(options: LocalCloudOptions) {
    this.#options = options;
    this.#parts = chosenParts(options.only);
    this.#ports = localPorts(options.portBase);
    this.#addresses = localAddresses(this.#ports);
    this.#layout = homeLayout(resolve(options.home));
    this.#images = imageFolders(options.environment);
    this.#clock = options.clock ?? Date.now;
    this.#randomBytes = options.randomBytes ?? cryptoRandomBytes;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#progress = new Progress(this.#signal, options.onProgress);
    options.killSignal?.addEventListener('abort', () => this.#kill(), { once: true });
  }

  async run(): Promise<LocalCloud> {
    const layout = this.#layout;
    await prepareHomeFolder(layout);
    const lock = await lockHome(layout.lock);
    this.#undo.push(() => lock.release());
    await requireFreePorts(this.#ports, portsOf(this.#parts));
    await removeReadyFile(layout.readyFile);
    // Left by a cloud that was killed: the lock says that nothing uses it.
    await rm(layout.podsFolder, { recursive: true, force: true });
    const workload = await this.#progress.step(
      'images',
      () => buildOperatorWorkload(this.#images, this.#options.operatorImages),
      ({ images, policy }) => `${images.length} images, policy ${policy.sha256.slice(0, 16)}…`,
    );
    this.#undo.push(this.#keepImages(workload));
    const home = await this.#progress.step('world', () => this.#openHome(workload), worldDetail);
    await this.#writeDeployment(home, workload);
    const { authority, azure } = await this.#progress.step(
      'Azure endpoints',
      () => this.#startAzure(home, workload),
      () =>
        this.#parts.has('azure') ? `authority ${this.#addresses.authority}, resources ${this.#addresses.arm}` : 'CA',
    );
    const services = await this.#startServices(home, authority);
    // Pods end before the services they use; those of an earlier run start again now that they are there.
    this.#undo.push(async () => this.#clusters?.stop());
    if (this.#runsPods()) await azure?.openClusters();
    const pod = this.#parts.has('operator') ? await this.#startOperator() : undefined;
    const ready = describeCloud({
      addresses: this.#addresses,
      parts: this.#parts,
      home: layout.folder,
      caFile: layout.caFile,
      client: home.credentials.client,
      acceptedEnclaveId: workload.policy.sha256,
      operator: pod,
      core: services.get('core'),
      optout: services.get('optout'),
    });
    await writeReadyFile(layout.readyFile, ready);
    this.#undo.push(() => removeReadyFile(layout.readyFile));
    return {
      addresses: this.#addresses,
      ready,
      salts: home.salts,
      created: home.created,
      sidecarPort: this.#ports.sidecar,
      runPod: (pod) => this.#runPod(pod, home, authority, azure),
      verify: () => this.#verify(home),
      stop: () => this.stop(),
    };
  }

  async stop(): Promise<void> {
    const problems: unknown[] = [];
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      // One thing that does not stop must not keep the others running.
      await undo().catch((error: unknown) => problems.push(error));
    }
    for (const problem of problems) this.#progress.notice(`while stopping: ${errorMessage(problem)}`);
  }

  #kill(): void {
    for (const node of this.#nodes) node.kill();
    this.#clusters?.kill();
    this.#caches?.kill();
    for (const process of this.#processes) process.kill();
  }

  #keepImages({ images }: OperatorWorkload): () => Promise<void> {
    return keepImages({
      folders: this.#images,
      images: () => [...images, ...(this.#clusters?.view().pods ?? []).flatMap((pod) => pod.images)],
      clock: this.#clock,
      onError: (error) => this.#progress.notice(errorMessage(error)),
    });
  }

  #openHome({ policy }: OperatorWorkload): Promise<OpenedHome> {
    return openHome(this.#layout, {
      salts: this.#options.salts,
      enclaveId: policy.sha256,
      keepPolicy: this.#options.keepPolicy ?? false,
      randomBytes: this.#randomBytes,
      clock: this.#clock,
      ...(this.#options.platformRsaBits === undefined ? {} : { platformRsaBits: this.#options.platformRsaBits }),
    });
  }

  /** Whether everything that pods of deployments need is there. */
  #runsPods(): boolean {
    return (
      this.#parts.has('operator') || (['attestation', 'core', 'optout'] as const).every((part) => this.#parts.has(part))
    );
  }

  async #startAzure(
    home: OpenedHome,
    workload: OperatorWorkload,
  ): Promise<{ readonly authority: CertificateAuthority; readonly azure: AzureEndpoints | undefined }> {
    const authority = await openCertificateAuthority(this.#layout.caFolder, this.#clock);
    if (!this.#parts.has('azure')) return { authority, azure: undefined };
    const onError = (error: unknown): void => this.#progress.notice(errorMessage(error));
    const identities: { endpoints?: AzureEndpoints } = {};
    const clusters = await this.#makeClusters(home, workload, authority, {
      openIdentityEndpoint: async (id) => identities.endpoints?.openIdentityEndpoint(id),
      cachePlaces: () => identities.endpoints?.cachePlaces() ?? {},
      onError,
    });
    const caches = this.#openCaches(authority);
    this.#undo.push(() => caches.stop());
    const azure = await startAzureEndpoints({
      layout: this.#layout,
      ports: this.#ports,
      authority,
      attestationUrl: this.#addresses.attestation,
      clusters,
      caches,
      hostCertificates: () => formatThimCertificates(home.platform.thimCertificates()),
      clock: this.#clock,
      onError,
    });
    identities.endpoints = azure;
    this.#undo.push(() => azure.stop());
    await writeCloudFile(this.#layout, this.#addresses, azure.administrator, home.credentials.operatorKey);
    this.#undo.push(() => removeCloudFile(this.#layout));
    return { authority, azure };
  }

  async #makeClusters(
    home: OpenedHome,
    workload: OperatorWorkload,
    authority: CertificateAuthority,
    azure: Pick<AzureEndpoints, 'openIdentityEndpoint' | 'cachePlaces'> & {
      readonly onError: (error: unknown) => void;
    },
  ): Promise<LocalClusters> {
    const layout = this.#layout;
    const owns = this.#parts.has('operator');
    const ownImages = createLayoutImages(layout.imagesFolder);
    const buildVoteImages = imagesOnDemand(this.#images, voteImages);
    const clusters = new LocalClusters({
      layout,
      ports: this.#ports,
      authority,
      clock: this.#clock,
      randomBytes: this.#randomBytes,
      primary: owns ? CLUSTER_ID : undefined,
      prepare: async (id, snapshot) => {
        const isOwn = owns && id.toLowerCase() === CLUSTER_ID.toLowerCase();
        return isOwn && !(await isDeployed(layout)) ? forgetOperator(snapshot) : snapshot;
      },
      machine: {
        ...(await readNodeSettings(layout.virtualNodeSettings)),
        images: async (named) => [...workload.images, ...(await ownImages()), ...(await buildVoteImages(named))],
        isPlatformImage: isVirtualNodeImage,
        unpackedImagesFolder: this.#images.unpacked,
        podsFolder: layout.podsFolder,
        logsFolder: layout.logsFolder,
        platform: home.platform,
        nodeVariables: this.#childEnvironment(authority),
        openIdentityEndpoint: azure.openIdentityEndpoint,
        backOff: this.#options.backOff ?? KUBERNETES_BACK_OFF,
        eagerProbes: true,
        podEnvironment: (pod) => ({
          ...operatorSurroundings(pod, this.#addresses),
          places: azure.cachePlaces(),
        }),
      },
      onError: azure.onError,
    });
    this.#clusters = clusters;
    this.#undo.push(() => clusters.stop());
    const app = buildVirtualNodeApp(clusters.view());
    this.#undo.push(() => app.close());
    await listen(app, { host: '127.0.0.1', port: this.#ports.virtualNode });
    return clusters;
  }

  /** The data planes of Redis caches that deployments make. */
  #openCaches(authority: CertificateAuthority): RedisServers {
    const layout = this.#layout;
    this.#caches = new RedisServers({
      program: findRedisServer(this.#options.environment),
      folder: layout.redisFolder,
      logsFolder: layout.logsFolder,
      network: `${networkOf(`${this.#ports.kubernetes} redis`)}.3`,
      environment: necessaryEnvironment(this.#options.environment),
      authority,
      onNotice: (text) => this.#progress.notice(text),
    });
    return this.#caches;
  }

  #startServices(
    home: OpenedHome,
    authority: CertificateAuthority,
  ): Promise<ReadonlyMap<LocalCloudPart, LocalService>> {
    return startLocalServices({
      layout: this.#layout,
      ports: this.#ports,
      addresses: this.#addresses,
      home,
      authority,
      parts: this.#parts,
      serve: this.#options.serve,
      environment: this.#childEnvironment(authority),
      progress: this.#progress,
      signal: this.#signal,
      onProcess: (process) => this.#processes.add(process),
      onStarted: (service) => this.#undo.push(() => service.stop()),
    });
  }

  async #startOperator(): Promise<OperatorPod> {
    const clusters = this.#clusters;
    const deploy = this.#options.deploy;
    if (clusters === undefined || deploy === undefined) {
      throw new RequestError('OPERATOR_NEEDS_AZURE', 'the operator is deployed through the Azure endpoints', {
        action: 'Name azure as well with --only.',
      });
    }
    const stages = new StageProgress(this.#progress);
    const operator = await startOperator({
      clusters,
      deploy: async (signal) => {
        await deploy({
          home: this.#layout.folder,
          configFile: this.#layout.deploymentConfig,
          signal,
          onEvent: (event) => stages.tell(event),
        });
      },
      failFast: this.#options.failFast ?? false,
      timeoutMs: this.#options.readyTimeoutMs ?? READY_TIMEOUT_MS,
      signal: this.#signal,
      onNotice: (text) => this.#progress.notice(text),
    }).catch((error: unknown) => {
      stages.failed();
      throw error;
    });
    this.#undo.push(async () => operator.stop());
    await rememberDeployed(this.#layout);
    return operator.pod;
  }

  async #runPod(
    options: RunPodOptions,
    home: OpenedHome,
    authority: CertificateAuthority,
    azure: AzureEndpoints | undefined,
  ): Promise<RunningPod> {
    const node = await this.#makeNode(options, home, authority, azure);
    this.#undo.push(() => node.stop(POD_GRACE_MS));
    return startPod(node, options);
  }

  async #makeNode(
    { manifest, images }: Pick<VirtualNodeOptions, 'manifest' | 'images'>,
    home: OpenedHome,
    authority: CertificateAuthority,
    azure: AzureEndpoints | undefined,
  ): Promise<VirtualNode> {
    const node = new VirtualNode({
      ...(await readNodeSettings(this.#layout.virtualNodeSettings)),
      manifest,
      images,
      unpackedImagesFolder: this.#images.unpacked,
      platform: home.platform,
      podsFolder: this.#layout.podsFolder,
      logsFolder: this.#layout.logsFolder,
      nodeVariables: this.#childEnvironment(authority),
      openIdentityEndpoint: (resourceId) => azure?.openIdentityEndpoint(resourceId) ?? Promise.resolve(undefined),
      ...(azure === undefined ? {} : { workloadIdentity: SAMPLE_IDENTITY.resourceId }),
      clock: this.#clock,
      ca: authority.caPem,
      ...(this.#options.backOff === undefined ? {} : { backOff: this.#options.backOff }),
    });
    this.#nodes.add(node);
    return node;
  }

  /** The release and the configuration that the operator is deployed from. */
  async #writeDeployment(home: OpenedHome, { policy }: OperatorWorkload): Promise<void> {
    const layout = this.#layout;
    const keepPolicy = this.#options.keepPolicy ?? false;
    const manifest = await writeOperatorManifest(layout.manifest, {
      policy,
      previousEnclaveId: home.previousEnclaveId,
      keepPolicy,
    });
    await writeRelease(layout.releaseFolder, policy);
    await writeDeploymentConfig(layout.deploymentConfig, digestOfManifest(manifest));
    if (!keepPolicy) await rememberPolicy(layout, policy.sha256);
  }

  #childEnvironment(authority: CertificateAuthority): Record<string, string> {
    return { ...necessaryEnvironment(this.#options.environment), NODE_EXTRA_CA_CERTS: authority.caFile };
  }

  async #verify(home: OpenedHome): Promise<readonly ProvedCheck[]> {
    if (!this.#parts.has('operator')) return [];
    return this.#progress.step(
      'proof',
      () =>
        verifyOperator({
          operatorUrl: this.#addresses.operator,
          client: home.credentials.client,
          clock: this.#clock,
          randomBytes: this.#randomBytes,
        }),
      (checks) => `${checks.length} checks passed`,
    );
  }
}

function worldDetail(home: OpenedHome): string {
  return `${home.salts.toLocaleString('en')} salts, ${home.created ? 'made anew' : 'as left before'}`;
}
