import { DependencyError, RequestError } from '@holdfast/base';

import { at, textAt } from '../../bundle/shape.ts';
import type { Uid2Vn2Config } from '../../config/uid2-vn2.ts';
import { isReady } from '../../diagnostics/read-pod.ts';
import { uid2Names } from '../../graph/uid2-vn2.ts';
import { apiVersions } from '../../graph/api-versions.ts';
import type { KubernetesObject } from '../../manifests/object.ts';
import { virtualNodeObjects } from '../../manifests/virtual-node.ts';
import { pinnedChartVersion, virtualNodeName, virtualNodeValues } from '../../manifests/virtual-node-values.ts';
import { chartCompatibility, minorOf } from '../../rules/kubernetes-versions.ts';
import { deadlineOf } from '../waits.ts';
import { callOptions, tell, waitFor } from './context.ts';
import type { OperationContext } from './context.ts';
import { podsOf, readSlots } from './slots.ts';

const stage = 'upgrade-virtual-node';
const managers = { virtualNode: 'uid2-virtual-node' } as const;

export interface VirtualNodeResult {
  readonly outcome: 'already' | 'done';
  readonly from: string | undefined;
  readonly to: string;
  /** Nodes whose pod is gone, and which were removed. */
  readonly orphans: readonly string[];
}

/** The version of the chart in the cluster, from the label that the chart gives its objects. */
export async function liveChart(context: OperationContext, config: Uid2Vn2Config): Promise<string | undefined> {
  const set = await statefulSet(context, config);
  return set === undefined ? undefined : chartOf(set);
}

function chartOf(set: KubernetesObject): string | undefined {
  return set.metadata.labels?.['helm.sh/chart']?.replace(/^virtualnode-/, '');
}

function statefulSet(context: OperationContext, config: Uid2Vn2Config): Promise<KubernetesObject | undefined> {
  const { namespace, releaseName } = config.virtualNode;
  const name = virtualNodeName(releaseName);
  return context.cluster.read({ apiVersion: 'apps/v1', kind: 'StatefulSet', name, namespace }, callOptions(context));
}

/**
 * Brings the virtual node to the version that is built in, never together with another Kubernetes version: the chart goes
 * first. The pods of the operator run in Azure and outlive the restart, which is checked; nodes without a pod are removed.
 * @throws RequestError UPGRADE_BLOCKED
 * @throws DependencyError DEPLOYMENT_DEADLINE, UPGRADE_LOST_PODS
 */
export async function upgradeVirtualNode(context: OperationContext, config: Uid2Vn2Config): Promise<VirtualNodeResult> {
  const { version, busy } = await clusterVersion(context, config);
  const set = await statefulSet(context, config);
  const from = set === undefined ? undefined : chartOf(set);
  if (set === undefined) throw blocked('there is no virtual node to upgrade', 'Deploy it first: holdfast apply.');
  if (config.virtualNode.chartVersion !== pinnedChartVersion) {
    throw blocked(
      `the configuration asks for the chart ${config.virtualNode.chartVersion}, and ${pinnedChartVersion} is built in`,
      `Set virtualNode.chartVersion to ${pinnedChartVersion}, or upgrade with helm.`,
    );
  }
  if (busy)
    throw blocked(
      'the cluster is being changed by Azure',
      'Wait until that has ended; chart and cluster go one after the other.',
    );
  const minor = minorOf(version);
  if (minor !== undefined && chartCompatibility(pinnedChartVersion, minor) === 'incompatible') {
    throw blocked(
      `the chart ${pinnedChartVersion} does not run on Kubernetes 1.${minor}`,
      'Upgrade the cluster to a version between the two first: see KV-04.',
    );
  }
  const before = await operatorPods(context, config);
  if (from !== pinnedChartVersion) await applyChart(context, config);
  await waitForNodes(context, config);
  await assertPodsKept(context, config, before);
  const orphans = await removeOrphans(context, config);
  const outcome = from === pinnedChartVersion && orphans.length === 0 ? 'already' : 'done';
  tell(context, stage, outcome, `the virtual node has ${pinnedChartVersion}`);
  return { outcome, from, to: pinnedChartVersion, orphans };
}

export function blocked(message: string, action: string): RequestError {
  return new RequestError('UPGRADE_BLOCKED', message, { action });
}

/** What Azure says of the cluster: its version, and whether it is at work on it. */
export async function clusterVersion(
  context: OperationContext,
  config: Uid2Vn2Config,
): Promise<{ readonly version: string; readonly busy: boolean; readonly body: Readonly<Record<string, unknown>> }> {
  const { cluster } = uid2Names(config, context.subscriptionId);
  const api = apiVersions['Microsoft.ContainerService/managedClusters'];
  const body = await context.ports.arm.read(cluster, api, callOptions(context));
  if (body === undefined) throw blocked(`there is no cluster ${config.aks.name}`, 'Deploy it first: holdfast apply.');
  const state = textAt(body, 'properties', 'provisioningState') ?? 'Succeeded';
  const version =
    textAt(body, 'properties', 'currentKubernetesVersion') ?? textAt(body, 'properties', 'kubernetesVersion') ?? '';
  return { version, busy: state !== 'Succeeded', body };
}

/** In the order of the chart. The Secret is never touched: the controller has its certificates in it. */
async function applyChart(context: OperationContext, config: Uid2Vn2Config): Promise<void> {
  const values = { ...virtualNodeValues(config), chartVersion: pinnedChartVersion };
  for (const object of virtualNodeObjects(values)) {
    if (object.kind === 'Secret' || object.kind === 'Namespace') continue;
    tell(context, stage, 'updating', `${object.kind} ${object.metadata.name}`, object.metadata.name);
    await context.cluster.apply(object, { ...callOptions(context), fieldManager: managers.virtualNode });
  }
}

async function waitForNodes(context: OperationContext, config: Uid2Vn2Config): Promise<void> {
  const { replicas, releaseName } = config.virtualNode;
  const names = Array.from({ length: replicas }, (_, index) => `${virtualNodeName(releaseName)}-${index}`);
  await waitFor(context, {
    stage,
    what: `${names.join(', ')} to be ready`,
    intervalMs: 5_000,
    timeoutMs: deadlineOf('virtualNodeReady', config) * replicas,
    look: async () => {
      const set = await statefulSet(context, config);
      const number = (name: string): number => Number(at(set, 'status', name) ?? 0);
      if (number('updatedReplicas') < replicas || number('readyReplicas') < replicas) return undefined;
      const nodes = await context.cluster.list('v1', 'Node', callOptions(context));
      const ready = new Set(nodes.filter(isReady).map(({ metadata }) => metadata.name));
      return names.every((name) => ready.has(name)) ? true : undefined;
    },
  });
}

async function operatorPods(context: OperationContext, config: Uid2Vn2Config): Promise<readonly KubernetesObject[]> {
  const { all } = await readSlots(context, config);
  return (await Promise.all(all.map((slot) => podsOf(context, slot)))).flat();
}

/** @throws DependencyError UPGRADE_LOST_PODS */
async function assertPodsKept(
  context: OperationContext,
  config: Uid2Vn2Config,
  before: readonly KubernetesObject[],
): Promise<void> {
  const now = new Set((await operatorPods(context, config)).map(({ metadata }) => metadata.name));
  const lost = before.map(({ metadata }) => metadata.name).filter((name) => !now.has(name));
  if (lost.length === 0) return;
  throw new DependencyError(
    'UPGRADE_LOST_PODS',
    `pods of the operator ended with the virtual node: ${lost.join(', ')}`,
    {
      retryable: true,
      details: { lost },
      action: 'Their Deployment starts others; see holdfast status, then run the same command again.',
    },
  );
}

/** Nodes of a virtual node whose pod is gone: nothing removes them, and pods on them would hang. */
async function removeOrphans(context: OperationContext, config: Uid2Vn2Config): Promise<readonly string[]> {
  const { namespace, releaseName } = config.virtualNode;
  const options = callOptions(context);
  const nodes = await context.cluster.list('v1', 'Node', { ...options, labelSelector: 'type=virtual-kubelet' });
  const pods = await context.cluster.list('v1', 'Pod', { ...options, namespace });
  const living = new Set(pods.map(({ metadata }) => metadata.name));
  const own = `${virtualNodeName(releaseName)}-`;
  const orphans = nodes
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith(own) && !living.has(name));
  for (const name of orphans) {
    tell(context, stage, 'updating', `node ${name} has no pod and is removed`, name);
    await context.cluster.remove({ apiVersion: 'v1', kind: 'Node', name }, options);
  }
  return orphans;
}
