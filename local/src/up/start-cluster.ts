import { rm } from 'node:fs/promises';

import { equalSecretBytes, toUtf8 } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import { listen } from '@holdfast/http';
import type { Logger } from '@holdfast/process';

import type { ClusterSettings } from '../arm/index.ts';
import { issuerDocument, openClusterIssuer, serviceAccountTokens, serviceAccountUser } from '../azure/index.ts';
import type { CertificateAuthority, ClusterIssuer, ManagedIdentity, TokenIssuer } from '../azure/index.ts';
import { readIfPresent } from '../home/read-if-present.ts';
import {
  buildKubernetesApp,
  createClusterStore,
  createRbacAuthorizer,
  kubeconfigText,
  podTokens,
} from '../kubernetes/api/index.ts';
import type { ClusterSnapshot, ClusterStore } from '../kubernetes/api/index.ts';
import { machineTimers } from '../kubernetes/controllers/index.ts';
import { installSecretsStore, LocalCluster } from '../kubernetes/kubelet/index.ts';
import type { LocalClusterOptions, PodEnvironmentHook, PodSurroundings } from '../kubernetes/kubelet/index.ts';
import { ClusterAddOns } from './add-ons/cluster-add-ons.ts';
import { secretsStoreSettings } from './add-ons/secrets-store.ts';
import { DebouncedFile } from './debounced-file.ts';

/** What a cluster finds in the Azure it belongs to. */
export interface ClusterAzure {
  /** What the resource of a cluster says; undefined when there is none of that id. */
  readonly settings: (id: string) => ClusterSettings | undefined;
  /** The managed identity of a resource id as the directory has it. */
  readonly identity: (resourceId: string) => ManagedIdentity | undefined;
  /** Whether somebody has a vault of this name. */
  readonly hasVault: (name: string) => boolean;
  readonly tokenIssuer: TokenIssuer;
  /** Hosts and ports of Entra ID and the vaults on this machine, `127.0.0.1:8443`. */
  readonly authorityPlace: string;
  readonly vaultPlace: string;
  /** JSON of the AMD certificates of this machine. */
  readonly hostCertificates: () => string;
  /** For what the add-ons of clusters log. */
  readonly logger: Logger;
}

export interface StartClusterOptions {
  readonly id: string;
  readonly azure: ClusterAzure;
  readonly authority: CertificateAuthority;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly machine: LocalClusterOptions['machine'];
  readonly published: NonNullable<LocalClusterOptions['published']>;
  /** First two numbers of its loopback addresses. */
  readonly network: string;
  readonly port: number;
  /** Token of its administrator. */
  readonly token: string;
  /** Name without ending of the files that it keeps its objects and keys in. */
  readonly files: string;
  /** Changes what is left of an earlier run before it is taken up. */
  readonly prepare: (snapshot: ClusterSnapshot) => Promise<ClusterSnapshot>;
  readonly onError: (error: unknown) => void;
}

/** One cluster that runs. */
export interface StartedCluster {
  readonly store: ClusterStore;
  readonly cluster: LocalCluster;
  readonly addOns: ClusterAddOns;
  readonly issuer: ClusterIssuer;
  readonly url: string;
  readonly kubeconfig: string;
  /** `forgotten` removes its files, too. */
  stop(graceMs: number | undefined, forgotten: boolean): Promise<void>;
}

const HOST = '127.0.0.1';
/** The node of the pool, as `LocalCluster` calls it. */
const POOL_NODE = 'aks-default-0';
/** The address of the metadata service, as pods know it. */
const METADATA = '169.254.169.254:80';
/** These change all the time by themselves, and nothing is lost with them. */
const UNREMEMBERED: ReadonlySet<string> = new Set(['Lease', 'Event']);

/** Where the API server of a port is, as issuer of service account tokens: with a slash at the end, as on AKS. */
export function issuerOf(port: number): string {
  return `https://${HOST}:${port}/`;
}

/**
 * Starts a cluster with what an earlier run left: its API server, which is also the issuer of its service account tokens, what AKS
 * runs in it for identities, its nodes and controllers.
 */
export async function startCluster(options: StartClusterOptions): Promise<StartedCluster> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    return await start(options, undo);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function start(options: StartClusterOptions, undo: (() => Promise<unknown>)[]): Promise<StartedCluster> {
  const { id, azure, authority, clock, files, token, onError } = options;
  const [objectsFile, keysFile] = [`${files}.json`, `${files}.issuer.json`];
  const store = await openStore(options, objectsFile);
  const issuer = await openClusterIssuer({ file: keysFile, issuer: issuerOf(options.port), clock });
  const issueToken = serviceAccountTokens(issuer);
  const userOfToken = serviceAccountUser(store, issuer, clock);
  const { tokenIssuer, logger } = azure;
  const addOns = await ClusterAddOns.start({
    store,
    node: POOL_NODE,
    authority,
    tokenIssuer,
    exists: ({ resourceId, clientId }) => azure.identity(resourceId)?.clientId === clientId,
    hostCertificates: azure.hostCertificates,
    clock,
    logger,
    onError,
  });
  undo.push(async () => addOns.stop());
  const certificate = await authority.issueServerCertificate({ hosts: [HOST, 'localhost'] });
  const running: { cluster?: LocalCluster } = {};
  const app = buildKubernetesApp({
    store,
    backend: {
      logs: (...call) => nodesOf(running).backend.logs(...call),
      proxy: async (...call) => nodesOf(running).backend.proxy(...call),
    },
    clock,
    authenticate: async (given) =>
      equalSecretBytes(toUtf8(given), toUtf8(token))
        ? { username: 'holdfast-admin', groups: ['system:masters', 'system:authenticated'] }
        : userOfToken(given),
    authorize: createRbacAuthorizer(store),
    issueToken,
    publicDocument: (path) => issuerDocument(issuer, path),
    serviceUrl: (place) => addOns.serviceUrl(place) ?? running.cluster?.serviceUrl(place),
    tls: { key: certificate.keyPem, cert: certificate.certificatePem },
    onError,
  });
  undo.push(async () => app.close());
  // Webhooks are there before controllers make pods.
  const settings = azure.settings(id);
  if (settings !== undefined) await addOns.apply(settings);
  installSecretsStore(store);
  const cluster = await LocalCluster.start({
    store,
    timers: machineTimers(clock),
    network: options.network,
    published: options.published,
    machine: {
      ...options.machine,
      podEnvironment: withPlaces(options, addOns),
      serviceAccountToken: podTokens(store, issueToken),
      secretsStore: secretsStoreSettings({
        metadataUrl: addOns.metadataUrl,
        nmiUrl: () => addOns.nmiUrl,
        authorityHost: `https://${azure.authorityPlace}/`,
        vaultPlace: azure.vaultPlace,
        nodeAddress: `${options.network}.1.1`,
        hasVault: azure.hasVault,
        rotationMs: () => azure.settings(id)?.secretsRotationMs,
        ca: authority.caPem,
        logger,
        clock,
      }),
    },
    ca: authority.caPem,
    onError,
  });
  running.cluster = cluster;
  undo.push(async () => cluster.stop(0));
  const url = await listen(app, { host: HOST, port: options.port });
  const name = id.split('/').at(-1) ?? 'cluster';
  const kubeconfig = kubeconfigText({ name, server: url, caPem: authority.caPem, token });
  const snapshot = new DebouncedFile(objectsFile, () => JSON.stringify(store.snapshot()), onError);
  const unsubscribe = store.subscribe(undefined, ({ object }) => {
    if (!UNREMEMBERED.has(object.kind)) snapshot.changed();
  });
  const stop: StartedCluster['stop'] = async (graceMs, forgotten) => {
    unsubscribe();
    if (forgotten) {
      snapshot.forget();
      for (const file of [objectsFile, keysFile]) await rm(file, { force: true });
    } else await snapshot.flush();
    await app.close();
    await cluster.stop(graceMs);
    await addOns.stop();
  };
  return { store, cluster, addOns, issuer, url, kubeconfig, stop };
}

function nodesOf({ cluster }: { readonly cluster?: LocalCluster }): LocalCluster {
  // Asked for by requests, which are answered once it listens.
  if (cluster === undefined) throw new RangeError('the nodes of the cluster are not there yet');
  return cluster;
}

async function openStore(options: StartClusterOptions, file: string): Promise<ClusterStore> {
  const { clock, randomBytes, authority, onError } = options;
  const rootCertificate = authority.caPem;
  const store = createClusterStore({ clock, randomBytes, rootCertificate, onListenerError: onError });
  const earlier = await readIfPresent(file);
  if (earlier === undefined) return store;
  store.restore(await options.prepare(withoutLeases(JSON.parse(earlier) as ClusterSnapshot)));
  return store;
}

/** Locks are not kept: whoever held one has lost the cluster. */
function withoutLeases(snapshot: ClusterSnapshot): ClusterSnapshot {
  return { ...snapshot, objects: snapshot.objects.filter(({ kind }) => kind !== 'Lease') };
}

/**
 * Public names of Azure lead pods to what stands for it here. The metadata service is that of the pool's nodes; container groups of
 * virtual nodes have one of their own.
 */
function withPlaces({ machine, azure }: StartClusterOptions, addOns: ClusterAddOns): PodEnvironmentHook {
  return async (pod, place): Promise<PodSurroundings> => {
    const found = await machine.podEnvironment?.(pod, place);
    return {
      variables: {},
      hostPorts: [],
      ...found,
      places: {
        'login.microsoftonline.com:443': azure.authorityPlace,
        '*.vault.azure.net:443': azure.vaultPlace,
        ...(pod.spec.nodeName === POOL_NODE ? { [METADATA]: addOns.metadataPlace } : {}),
        ...found?.places,
      },
    };
  };
}
