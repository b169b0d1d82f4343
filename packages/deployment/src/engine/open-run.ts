import { DependencyError, fromBase64, fromUtf8, RequestError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';

import { stageDeployments } from '../arm/template.ts';
import type { Bundle } from '../bundle/read-bundle.ts';
import type { DeploymentConfig } from '../config/profiles.ts';
import { buildGraph, stagesOf } from '../graph/build-graph.ts';
import { idOf } from '../graph/parts.ts';
import type { ArmResource, DataPlaneStep, Graph, Resolved } from '../graph/types.ts';
import type { ManifestInputs } from '../manifests/manifests-of.ts';
import { manifestsOf } from '../manifests/manifests-of.ts';
import { isMinorAlias, minorOf, newestMinorOf } from '../rules/kubernetes-versions.ts';
import { attestationHostOf } from './attestation-host.ts';
import { textAt } from './json.ts';
import { contentHash, deploymentPrefix, stateName } from './names.ts';
import type { EnginePorts, JsonObject, KubernetesPort } from './ports.ts';
import { releasedPublicKey } from './release-key.ts';
import type { Run } from './run.ts';

const CLUSTER_API = '2025-05-01';

export interface RunInput {
  readonly ports: EnginePorts;
  readonly config: DeploymentConfig;
  /** The release of the operator. */
  readonly bundle?: Bundle;
  /** The operator key, where the configuration says that it is written. */
  readonly operatorKey?: Secret;
  readonly signal?: AbortSignal;
  /** Take fields over that kubectl or Helm set before. */
  readonly adopt?: boolean;
  /** Bring a deleted vault of the same name back instead of refusing. */
  readonly recoverVault?: boolean;
}

/**
 * Finds out what the configuration leaves to Azure (subscription, directory, Kubernetes version) and builds what the
 * steps of a run share. Changes nothing.
 * @throws RequestError DEPLOYMENT_OTHER_SUBSCRIPTION when the credential sees another subscription than the configured one
 * @throws DependencyError DEPLOYMENT_VERSION_UNRESOLVED when no Kubernetes version can be chosen
 */
export async function openRun(input: RunInput): Promise<Run> {
  const { ports, config } = input;
  const signal = input.signal ?? new AbortController().signal;
  const subscription = await ports.arm.subscription({ signal });
  const resolved = await resolve(ports, config, subscription, signal);
  const graph = buildGraph(config, resolved);
  const stages = stagesOf(config);
  const prefix = deploymentPrefix(config);
  const configHash = contentHash({ config, bundle: input.bundle ?? null });
  const clusterNode = clusterOf(graph);
  const cluster = clusterOpener(ports, clusterNode, signal);
  return {
    ports,
    config,
    signal,
    resolved,
    subscriptionName: textAt(subscription, 'displayName') ?? resolved.subscriptionId,
    graph,
    stages,
    deployments: stageDeployments(graph, stages, { prefix, location: config.location }),
    configHash,
    journalName: stateName('journals', [resolved.subscriptionId, config.resourceGroup.name, prefix], 'jsonl'),
    bundle: input.bundle,
    operatorKey: input.operatorKey,
    adopt: input.adopt ?? false,
    recoverVault: input.recoverVault ?? false,
    nodesOf: (stage) => graph.nodes.filter((node) => node.stage === stage),
    node: (id) => graph.nodes.find((node) => node.id === id),
    clusterNode,
    cluster,
    manifests: async () => manifestsOf(config, resolved, await manifestInputs(input, graph, resolved, signal)),
    emit: (stage, event, more = {}) => {
      ports.onEvent({ at: ports.clock(), stage, event, ...more });
    },
  };
}

function clusterOf(graph: Graph): ArmResource | undefined {
  return graph.nodes.find(
    (node): node is ArmResource => node.kind === 'arm' && node.type === 'Microsoft.ContainerService/managedClusters',
  );
}

async function resolve(
  ports: EnginePorts,
  config: DeploymentConfig,
  subscription: JsonObject,
  signal: AbortSignal,
): Promise<Resolved> {
  const found = textAt(subscription, 'subscriptionId');
  const subscriptionId = config.subscriptionId ?? found;
  if (subscriptionId === undefined || (found !== undefined && found.toLowerCase() !== subscriptionId.toLowerCase())) {
    throw new RequestError(
      'DEPLOYMENT_OTHER_SUBSCRIPTION',
      `the configuration names the subscription ${subscriptionId ?? '(none)'}, and the credential sees ${found ?? 'none'}`,
      { action: 'Set subscriptionId, or choose the subscription with az account set.' },
    );
  }
  const tenantId = config.tenantId ?? textAt(subscription, 'tenantId');
  const kubernetesVersion = await kubernetesVersionOf(ports, config, subscriptionId, signal);
  return { subscriptionId, ...(tenantId === undefined ? {} : { tenantId }), kubernetesVersion };
}

function wantedVersion(config: DeploymentConfig): { readonly cluster: string; readonly version: string } | undefined {
  switch (config.profile) {
    case 'uid2-vn2':
    case 'private-link':
      return { cluster: config.aks.name, version: config.aks.kubernetesVersion };
    case 'kata-cc':
      return { cluster: config.cluster.name, version: config.cluster.kubernetesVersion };
    default:
      return undefined;
  }
}

/** The configured minor version; with `auto` that of the cluster if there is one, else the newest that fits. */
async function kubernetesVersionOf(
  ports: EnginePorts,
  config: DeploymentConfig,
  subscriptionId: string,
  signal: AbortSignal,
): Promise<string> {
  const wanted = wantedVersion(config);
  if (wanted === undefined) return '';
  if (isMinorAlias(wanted.version)) return wanted.version;
  const scope = { subscriptionId, resourceGroup: config.resourceGroup.name };
  const id = idOf({ scope, type: 'Microsoft.ContainerService/managedClusters', name: wanted.cluster });
  const live = textAt(await ports.arm.read(id, CLUSTER_API, { signal }), 'properties.currentKubernetesVersion');
  const liveMinor = live === undefined ? undefined : minorOf(live);
  if (liveMinor !== undefined) return `1.${liveMinor}`;
  const most = config.profile === 'uid2-vn2' ? newestMinorOf(config.virtualNode.chartVersion) : undefined;
  const path = `/subscriptions/${subscriptionId}/providers/Microsoft.ContainerService/locations/${config.location}/kubernetesVersions`;
  const offers = await ports.arm.list(path, CLUSTER_API, {}, { signal });
  const minors = offers
    .filter((offer) => offer['isPreview'] !== true)
    .flatMap((offer) => minorOf(textAt(offer, 'version') ?? '') ?? [])
    .filter((minor) => most === undefined || minor <= most)
    .toSorted((a, b) => b - a);
  const [newest] = minors;
  if (newest === undefined) {
    throw new DependencyError(
      'DEPLOYMENT_VERSION_UNRESOLVED',
      `the region ${config.location} offers no Kubernetes version that fits`,
      {
        retryable: false,
        action: 'Name a minor version in the configuration, such as "1.34"; see az aks get-versions.',
      },
    );
  }
  return `1.${newest}`;
}

/** Credentials stay in memory; nobody's kubeconfig is touched. */
function clusterOpener(
  ports: EnginePorts,
  node: ArmResource | undefined,
  signal: AbortSignal,
): () => Promise<KubernetesPort | undefined> {
  let opened: KubernetesPort | undefined;
  return async () => {
    if (opened !== undefined || node === undefined) return opened;
    const id = idOf(node);
    const live = await ports.arm.read(id, node.apiVersion, { signal });
    if (live === undefined || textAt(live, 'properties.provisioningState') === 'Creating') return undefined;
    const answer = await ports.arm.post(`${id}/listClusterUserCredential`, node.apiVersion, undefined, { signal });
    const [first] = ((answer as JsonObject | undefined)?.['kubeconfigs'] ?? []) as readonly JsonObject[];
    const encoded = textAt(first, 'value');
    if (encoded === undefined) {
      throw new DependencyError('CLUSTER_CREDENTIALS_MISSING', 'Azure gives no credentials for the cluster', {
        retryable: true,
        action: 'Check that you have the role Azure Kubernetes Service Cluster User.',
      });
    }
    opened = await ports.openCluster(fromUtf8(fromBase64(encoded)));
    return opened;
  };
}

/** What the objects need to know of identities and attestation providers that may exist by now. */
async function manifestInputs(
  { ports, config, bundle }: RunInput,
  graph: Graph,
  resolved: Resolved,
  signal: AbortSignal,
): Promise<ManifestInputs> {
  const release = bundle === undefined ? {} : { bundle };
  if (config.profile === 'uid2-vn2' || config.profile === 'peer-pods') return release;
  const read = async (id: string, apiVersion: string): Promise<JsonObject | undefined> =>
    await ports.arm.read(id, apiVersion, { signal });
  const identity = graph.nodes.find(({ id }) => id === 'K-ID' || id === 'L-ID') as ArmResource | undefined;
  const clientId =
    identity === undefined ? undefined : textAt(await read(idOf(identity), identity.apiVersion), 'properties.clientId');
  const host = await attestationHostOf(ports.arm, config, resolved.subscriptionId, { signal });
  const key = graph.nodes.find((node): node is DataPlaneStep => node.kind === 'data-plane' && node.id === 'K-KEY');
  const publicKey = key === undefined ? undefined : await releasedPublicKey({ graph, ports, signal }, key);
  return {
    ...release,
    ...(clientId === undefined ? {} : { identityClientId: clientId }),
    ...(host === undefined ? {} : { attestationHost: host }),
    ...(publicKey === undefined ? {} : { publicKey }),
  };
}
