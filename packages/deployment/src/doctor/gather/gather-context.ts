import type { Clock, Secret } from '@holdfast/base';

import type { JsonValue } from '../../arm/template.ts';
import { at, listAt, textAt } from '../../bundle/shape.ts';
import type { DeploymentConfig } from '../../config/profiles.ts';
import { kubernetesReason, problemOf } from '../../engine/errors.ts';
import type { ArmPort, HttpPort, JsonObject, KubernetesPort, Sleep, VaultPort } from '../../engine/ports.ts';
import { buildGraph } from '../../graph/build-graph.ts';
import type { GraphNode } from '../../graph/types.ts';

/** What the doctor may ask. Nothing is changed through any of these. */
export interface GatherPorts {
  readonly arm: ArmPort;
  /** Without it, nothing is said about secrets. */
  readonly vault?: VaultPort;
  /** Without it, nothing is said about hosts that must be reached. */
  readonly http?: HttpPort;
  /** Without it, the inside of a cluster stays unknown. */
  readonly openCluster?: (kubeconfig: string) => Promise<KubernetesPort>;
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** Management endpoint of the cloud, such as `https://management.azure.com`. */
  readonly armEndpoint?: string;
  /** Ids that earlier runs made, beside those of this configuration. */
  readonly ownedResources?: ReadonlySet<string>;
  /** The operator key at hand, of which only the fingerprint is compared. */
  readonly operatorKey?: Secret;
}

/** What each gatherer works with. */
export interface GatherContext {
  readonly config: DeploymentConfig;
  readonly ports: GatherPorts;
  readonly subscriptionId: string;
  /** Aborted when the time of the gatherer is over. */
  readonly signal: AbortSignal;
}

/** Versions of the interface that are only read with. */
export const readVersions = {
  subscriptions: '2022-12-01',
  providers: '2021-04-01',
  features: '2021-07-01',
  resources: '2021-04-01',
  locks: '2020-05-01',
  authorization: '2022-04-01',
  computeSkus: '2021-07-01',
  computeUsages: '2024-07-01',
  networkUsages: '2024-05-01',
  containerUsages: '2023-05-01',
  policyAssignments: '2023-04-01',
} as const;

/** The resources of the deployment, whatever version of Kubernetes it will have. */
export function plannedNodes({ config, subscriptionId }: GatherContext): readonly GraphNode[] {
  return buildGraph(config, { subscriptionId, kubernetesVersion: '1.34' }).nodes;
}

/** A path below the subscription. */
export function below({ subscriptionId }: GatherContext, path: string): string {
  return `/subscriptions/${subscriptionId}${path}`;
}

export function groupPath(context: GatherContext, group: string = context.config.resourceGroup.name): string {
  return below(context, `/resourceGroups/${group}`);
}

/** The id of the cluster of a profile; peer pods have one that Azure does not know as such. */
export function clusterId(context: GatherContext): string | undefined {
  const { config } = context;
  if (config.profile === 'peer-pods') return undefined;
  const name = config.profile === 'kata-cc' ? config.cluster.name : config.aks.name;
  return `${groupPath(context)}/providers/Microsoft.ContainerService/managedClusters/${name}`;
}

/** GET of something that may be absent. */
export async function readOne(
  { ports, signal }: GatherContext,
  id: string,
  apiVersion: string,
): Promise<JsonObject | undefined> {
  return await ports.arm.read(id, apiVersion, { signal });
}

/** GET of all pages of a list. */
export async function readAll(
  { ports, signal }: GatherContext,
  path: string,
  apiVersion: string,
  query?: Readonly<Record<string, string>>,
): Promise<readonly JsonObject[]> {
  return await ports.arm.list(path, apiVersion, query, { signal });
}

/** A question that Azure takes as POST. */
export async function ask(
  { ports, signal }: GatherContext,
  path: string,
  apiVersion: string,
  body?: JsonObject,
): Promise<JsonValue | undefined> {
  return await ports.arm.post(path, apiVersion, body, { signal });
}

/** The status of an answer that was an error, if there was one: what `AzureError` and `KubernetesError` keep in their details. */
export function statusOf(error: unknown): number | undefined {
  return problemOf(error)?.status ?? kubernetesReason(error)?.status;
}

/** An answer; undefined when there is no such thing, or the cluster has no such kind. */
export async function unlessAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** The innermost code of an answer that was an error. */
export function codeOf(error: unknown): string | undefined {
  return problemOf(error)?.code;
}

/** Ids are compared without case. */
export function sameId(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a.toLowerCase() === b.toLowerCase();
}

export function lastPart(id: string): string {
  return id.split('/').at(-1) ?? id;
}

/** Texts of a list. */
export function textsAt(value: unknown, ...path: readonly string[]): readonly string[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : [];
}

/** A number of free places from one of Azure's usage lists; undefined when the list does not have it. */
export function freeOf(usages: readonly JsonObject[], name: string): number | undefined {
  const found = usages.find((usage) => {
    return textAt(usage, 'name', 'value')?.toLowerCase() === name.toLowerCase();
  });
  const [limit, used] = [found?.['limit'], found?.['currentValue']];
  return typeof limit === 'number' && typeof used === 'number' ? limit - used : undefined;
}

/** Capabilities of a size, by name. */
export function capabilities(sku: JsonObject): ReadonlyMap<string, string> {
  return new Map(
    listAt(sku, 'capabilities').flatMap((one) =>
      typeof one['name'] === 'string' && typeof one['value'] === 'string' ? [[one['name'], one['value']]] : [],
    ),
  );
}
