import { listAt, objectAt, textAt } from '../../bundle/shape.ts';
import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { apiVersions } from '../../graph/api-versions.ts';
import { uid2Names } from '../../graph/uid2-vn2.ts';
import { chartCompatibility, minorOf, newestMinorOf } from '../../rules/kubernetes-versions.ts';
import type { JsonObject } from '../ports.ts';
import { callOptions, tell, waitFor } from './context.ts';
import type { OperationContext } from './context.ts';
import { blocked, clusterVersion, liveChart } from './upgrade-virtual-node.ts';

const stage = 'upgrade-kubernetes';
const CLUSTER_TIMEOUT_MS = 90 * 60_000;

export interface KubernetesUpgradeOptions {
  /** Minor version, such as `1.35`; the next one when missing. */
  readonly to?: string;
}

export interface KubernetesUpgradeResult {
  readonly outcome: 'already' | 'done';
  readonly from: string;
  readonly to: string;
  readonly pools: readonly string[];
}

/**
 * Brings the cluster to the next minor version, then its pools one by one. Both are read, changed in one field and written
 * back as they came over the wire, so nothing that others set is lost. An interrupted run goes on with the pools that lag.
 * @throws RequestError UPGRADE_BLOCKED when a version is skipped, not offered, or not one the virtual node runs on
 * @throws DependencyError DEPLOYMENT_DEADLINE
 */
export async function upgradeKubernetes(
  context: OperationContext,
  config: Uid2Vn2Config,
  options: KubernetesUpgradeOptions = {},
): Promise<KubernetesUpgradeResult> {
  const live = await clusterVersion(context, config);
  const from = minorOf(live.version);
  if (from === undefined)
    throw blocked(`the version of the cluster is not known: ${live.version}`, 'See holdfast status.');
  const lagging = poolsOf(live.body).some((pool) => poolMinor(pool) < from);
  const wanted = options.to === undefined ? (lagging ? from : from + 1) : minorOf(options.to);
  if (wanted === undefined) throw blocked(`"${options.to}" is not a minor version such as 1.35`, 'Name one with --to.');
  if (wanted === from && !lagging) {
    tell(context, stage, 'already', `the cluster has ${live.version}`);
    return { outcome: 'already', from: live.version, to: `1.${from}`, pools: [] };
  }
  await assertPossible(context, config, from, wanted);
  if (live.busy) await settled(context, config);
  if (wanted > from) await writeCluster(context, config, wanted);
  const pools = await writePools(context, config, wanted);
  tell(context, stage, 'done', `cluster and pools have 1.${wanted}`);
  return { outcome: 'done', from: live.version, to: `1.${wanted}`, pools };
}

async function assertPossible(
  context: OperationContext,
  config: Uid2Vn2Config,
  from: number,
  wanted: number,
): Promise<void> {
  if (wanted < from) throw blocked(`the cluster has 1.${from}, and a version never goes back`, 'Name a newer one.');
  if (wanted > from + 1) {
    throw blocked(`from 1.${from} to 1.${wanted} skips a version`, `Go to 1.${from + 1} first.`);
  }
  if (wanted === from) return;
  const chart = (await liveChart(context, config)) ?? config.virtualNode.chartVersion;
  const verdict = chartCompatibility(chart, wanted);
  if (verdict === 'incompatible' || verdict === 'unknown') {
    const newest = newestMinorOf(chart);
    throw blocked(
      `KV-04: the virtual node ${chart} is not known to run on 1.${wanted}${newest === undefined ? '' : `, only up to 1.${newest}`}`,
      'Upgrade the virtual node first (holdfast upgrade virtual-node); chart and cluster go one after the other.',
    );
  }
  const path = `/subscriptions/${context.subscriptionId}/providers/Microsoft.ContainerService/locations/${config.location}/kubernetesVersions`;
  const api = apiVersions['Microsoft.ContainerService/managedClusters'];
  const offered = await context.ports.arm.list(path, api, {}, callOptions(context));
  const own = offered.find((offer) => minorOf(textAt(offer, 'version') ?? '') === wanted);
  if (own === undefined) {
    throw blocked(`KV-01: ${config.location} does not offer 1.${wanted}`, 'See az aks get-versions.');
  }
  if (own['isPreview'] === true) tell(context, stage, 'warning', `KV-06: 1.${wanted} is a preview`);
}

/** Azure finishes what it is doing before it takes the next change. */
async function settled(context: OperationContext, config: Uid2Vn2Config): Promise<void> {
  await waitFor(context, {
    stage,
    what: 'Azure to finish the change under way',
    intervalMs: 30_000,
    timeoutMs: CLUSTER_TIMEOUT_MS,
    look: async () => ((await clusterVersion(context, config)).busy ? undefined : true),
  });
}

async function writeCluster(context: OperationContext, config: Uid2Vn2Config, minor: number): Promise<void> {
  const { cluster } = uid2Names(config, context.subscriptionId);
  const { body } = await clusterVersion(context, config);
  tell(context, stage, 'updating', `control plane to 1.${minor}`, config.aks.name);
  const properties = { ...objectAt(body, 'properties'), kubernetesVersion: `1.${minor}` };
  const pools = poolsOf(body).map((pool) => ({
    ...pool,
    orchestratorVersion: textAt(pool, 'currentOrchestratorVersion') ?? pool['orchestratorVersion'],
  }));
  const written = { ...body, properties: { ...properties, agentPoolProfiles: pools } };
  const api = apiVersions['Microsoft.ContainerService/managedClusters'];
  await context.ports.arm.write(cluster, api, written as unknown as JsonObject, callOptions(context));
}

async function writePools(context: OperationContext, config: Uid2Vn2Config, minor: number): Promise<readonly string[]> {
  const { cluster } = uid2Names(config, context.subscriptionId);
  const { body } = await clusterVersion(context, config);
  const api = apiVersions['Microsoft.ContainerService/managedClusters/agentPools'];
  const done: string[] = [];
  for (const pool of poolsOf(body)) {
    const name = textAt(pool, 'name') ?? '';
    if (poolMinor(pool) >= minor) continue;
    const id = `${cluster}/agentPools/${name}`;
    const live = await context.ports.arm.read(id, api, callOptions(context));
    tell(context, stage, 'updating', `pool ${name} to 1.${minor}, node by node`, name);
    const { name: _, ...own } = pool;
    const properties = { ...own, ...objectAt(live, 'properties'), orchestratorVersion: `1.${minor}` };
    await context.ports.arm.write(id, api, { properties }, callOptions(context));
    done.push(name);
  }
  return done;
}

function poolsOf(body: unknown): readonly Readonly<Record<string, unknown>>[] {
  return listAt(body, 'properties', 'agentPoolProfiles');
}

function poolMinor(pool: Readonly<Record<string, unknown>>): number {
  const version = textAt(pool, 'currentOrchestratorVersion') ?? textAt(pool, 'orchestratorVersion') ?? '';
  return minorOf(version) ?? 0;
}
