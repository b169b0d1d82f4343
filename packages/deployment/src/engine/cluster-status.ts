import { RequestError } from '@holdfast/base';

import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import { diagnosePod } from '../diagnostics/diagnose-pod.ts';
import { gatherPodFacts } from '../diagnostics/gather-pod-facts.ts';
import { conditionOf, isReady } from '../diagnostics/read-pod.ts';
import type { KubernetesObject } from '../manifests/object.ts';
import { chartCompatibility, minorOf } from '../rules/kubernetes-versions.ts';
import { kubernetesReason, problemOf } from './errors.ts';
import { numberAt, objectsAt, textAt } from './json.ts';
import { containerGroups } from './operations/drain-slot.ts';
import { askOperator, countdownText, isPressing } from './operator-countdown.ts';
import type { KubernetesPort } from './ports.ts';
import type { Run } from './run.ts';
import { serviceAddress } from './stages/health.ts';
import type { StatusRow } from './status-row.ts';

/** What runs in the cluster, beside what was applied. */
export async function clusterRows(run: Run): Promise<readonly StatusRow[]> {
  const { clusterNode } = run;
  if (clusterNode === undefined) return [];
  const area = 'cluster';
  try {
    const cluster = await run.cluster();
    if (cluster === undefined) return [];
    const version = await cluster.version({ signal: run.signal });
    const rows = [versionRow(run, area, version)];
    const { config } = run;
    if (config.profile !== 'uid2-vn2') return rows;
    return [...rows, ...(await nodeRows(run, config, cluster)), ...(await operatorRows(run, config, cluster))];
  } catch (error) {
    run.signal.throwIfAborted();
    if (problemOf(error) === undefined && kubernetesReason(error) === undefined) throw error;
    return [{ area, name: clusterNode.name, state: 'unknown', detail: `cannot be asked: ${(error as Error).message}` }];
  }
}

function versionRow(run: Run, area: string, version: string): StatusRow {
  const minor = minorOf(version.replace(/^v/, '').replace(/[-+].*$/, ''));
  if (run.config.profile !== 'uid2-vn2' || minor === undefined) {
    return { area, name: 'version', state: 'information', detail: version };
  }
  const fits = chartCompatibility(run.config.virtualNode.chartVersion, minor);
  const words = {
    ok: 'works with',
    incompatible: 'does not work with',
    unknown: 'is not documented to work with',
    'newer-than-table': 'is newer than what is known of',
  };
  return {
    area,
    name: 'version',
    state: fits === 'incompatible' ? 'degraded' : 'information',
    detail: `${version} ${words[fits]} the virtual node ${run.config.virtualNode.chartVersion}`,
  };
}

/** Virtual nodes, and the container groups behind their pods. */
async function nodeRows(run: Run, config: Uid2Vn2Config, cluster: KubernetesPort): Promise<readonly StatusRow[]> {
  const { signal } = run;
  const nodes = await cluster.list('v1', 'Node', { labelSelector: 'type=virtual-kubelet', signal });
  const pods = await cluster.list('v1', 'Pod', { signal });
  const nodeNames = new Set(nodes.map(({ metadata }) => metadata.name));
  const onNodes = pods.filter((pod) => nodeNames.has(textAt(pod, 'spec.nodeName') ?? ''));
  const behind = pods.filter(({ metadata }) => metadata.namespace === config.virtualNode.namespace);
  const names = new Set(behind.map(({ metadata }) => metadata.name));
  return [...nodes.map((node) => nodeRow(node, names)), await groupRow(run, config, onNodes)];
}

/** A node without the pod that it comes from takes pods and runs none. */
function nodeRow(node: KubernetesObject, pods: ReadonlySet<string>): StatusRow {
  const { name } = node.metadata;
  const ready = isReady(node);
  const orphan = !pods.has(name);
  const detail = orphan ? 'has no pod behind it: delete the Node' : ready ? 'is ready' : 'is not ready';
  return { area: nodeArea, name, state: orphan || !ready ? 'degraded' : 'healthy', detail };
}

const nodeArea = 'virtual node';

/** A container group without a pod costs money and holds an address; a pod without one does not run. */
async function groupRow(run: Run, config: Uid2Vn2Config, pods: readonly KubernetesObject[]): Promise<StatusRow> {
  const { ports, signal, resolved } = run;
  const row = { area: nodeArea, name: 'container groups' };
  let groups: Awaited<ReturnType<typeof containerGroups>>;
  try {
    groups = await containerGroups({ ports, signal, subscriptionId: resolved.subscriptionId }, config);
  } catch (error) {
    if (problemOf(error) === undefined) throw error;
    return { ...row, state: 'unknown', detail: `cannot be listed: ${(error as Error).message}` };
  }
  const running = pods.filter((pod) => textAt(pod, 'status.phase') === 'Running');
  const counts = `${groups.length} for ${running.length} running pods`;
  const left = groups.filter((group) => {
    const texts = [group.name, ...group.tags];
    return !pods.some(({ metadata }) => texts.some((text) => text.includes(metadata.name)));
  });
  if (left.length > 0) {
    const names = left.map(({ name }) => name).join(', ');
    return { ...row, state: 'degraded', detail: `${counts}; without a pod: ${names}` };
  }
  return { ...row, state: groups.length < running.length ? 'degraded' : 'healthy', detail: counts };
}

/** The versions of the operator, their pods, and the address. */
async function operatorRows(run: Run, config: Uid2Vn2Config, cluster: KubernetesPort): Promise<readonly StatusRow[]> {
  const { signal } = run;
  const { namespace } = config.operator;
  const labelSelector = 'app.kubernetes.io/name=uid2-operator';
  const slots = await cluster.list('apps/v1', 'Deployment', { namespace, labelSelector, signal });
  const pods = await cluster.list('v1', 'Pod', { namespace, labelSelector, signal });
  const services = await cluster.list('v1', 'Service', { namespace, signal });
  const rows: StatusRow[] = slots.map(slotRow);
  rows.push(...(await Promise.all(pods.map((pod) => podRowWithCause(run, cluster, pod)))));
  for (const service of services.filter((each) => textAt(each, 'spec.type') === 'LoadBalancer')) {
    const address = serviceAddress(service);
    rows.push({
      area: 'operator',
      name: `Service ${service.metadata.name}`,
      state: address === undefined ? 'degraded' : 'information',
      detail: address === undefined ? 'has no address' : `answers at ${address}`,
    });
  }
  return rows;
}

function slotRow(slot: KubernetesObject): StatusRow {
  const wanted = numberAt(slot, 'spec.replicas') ?? 1;
  const ready = numberAt(slot, 'status.readyReplicas') ?? 0;
  const images = objectsAt(slot, 'spec.template.spec.containers').map((container) => textAt(container, 'image') ?? '');
  return {
    area: 'operator',
    name: slot.metadata.name,
    state: ready < wanted ? 'degraded' : 'information',
    detail: `${ready} of ${wanted} ready; ${images.at(-1) ?? 'no image'}`,
  };
}

/**
 * The row of a pod with what is about to end it, from its own mouth, and with why it fails; what an operator that tells
 * nothing of itself has written is read instead.
 */
async function podRowWithCause(run: Run, cluster: KubernetesPort, pod: KubernetesObject): Promise<StatusRow> {
  const row = podRow(pod);
  const { name, namespace = 'default' } = pod.metadata;
  const { signal } = run;
  const report = textAt(pod, 'status.phase') === 'Running' ? await askOperator(cluster, pod, { signal }) : undefined;
  const countdown = report?.countdown;
  const told: StatusRow =
    countdown === undefined
      ? row
      : {
          ...row,
          state: isPressing(countdown) ? 'degraded' : row.state,
          detail: `${row.detail}; ${countdownText(countdown)}`,
        };
  // A ready operator that has said how it is leaves nothing to be found in its log.
  if (report !== undefined && row.state === 'healthy') return told;
  try {
    const { state, cause } = diagnosePod(await gatherPodFacts(cluster, namespace, name, run.ports.clock(), { signal }));
    if (cause === undefined) return told;
    return { ...told, state: 'degraded', detail: `${told.detail}; ${state}: ${cause.title} ${cause.action}` };
  } catch (error) {
    // A pod that ended while it was looked at has nothing to explain any more.
    if (error instanceof RequestError && error.code === 'POD_NOT_FOUND') return told;
    throw error;
  }
}

/** Containers of the operator end with 0 whatever happens, so restarts count and not exit codes. */
function podRow(pod: KubernetesObject): StatusRow {
  const ready = conditionOf(pod, 'Ready');
  const containers = objectsAt(pod, 'status.containerStatuses');
  const restarts = containers.reduce((sum, each) => sum + (numberAt(each, 'restartCount') ?? 0), 0);
  const last = containers
    .map((each) => {
      const reason = textAt(each, 'lastState.terminated.reason');
      return reason === undefined
        ? undefined
        : `${reason} with exit code ${numberAt(each, 'lastState.terminated.exitCode') ?? '?'}`;
    })
    .find((each) => each !== undefined);
  const well = ready.status === 'True';
  const why = well ? 'ready' : ready.message || (textAt(pod, 'status.phase') ?? 'not ready');
  const history = restarts === 0 ? '' : `; ${restarts} restarts${last === undefined ? '' : `, last ended: ${last}`}`;
  return {
    area: 'operator',
    name: pod.metadata.name,
    state: well ? 'healthy' : 'degraded',
    detail: `${why}${history}`,
  };
}
