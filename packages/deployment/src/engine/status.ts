import { RequestError } from '@holdfast/base';

import { diagnosePod } from '../diagnostics/diagnose-pod.ts';
import { gatherPodFacts } from '../diagnostics/gather-pod-facts.ts';
import type { ArmResource } from '../graph/types.ts';
import { chartCompatibility, minorOf } from '../rules/kubernetes-versions.ts';
import { idOf } from '../graph/parts.ts';
import type { KubernetesObject } from '../manifests/object.ts';
import { describeUnsettled, isComplete, lookAt } from './completion.ts';
import type { StageState } from './completion.ts';
import { kubernetesReason, problemOf } from './errors.ts';
import { numberAt, objectsAt, textAt } from './json.ts';
import { objectName } from './kubernetes-state.ts';
import type { KubernetesPort } from './ports.ts';
import type { Run } from './run.ts';
import { serviceAddress } from './stages/health.ts';

/** From bad to good; the worst row decides. `information` and `unknown` decide nothing. */
export type StatusState = 'absent' | 'degraded' | 'drift' | 'healthy' | 'unknown' | 'information';

export interface StatusRow {
  readonly area: string;
  readonly name: string;
  readonly state: StatusState;
  readonly detail: string;
}

export interface Status {
  readonly at: number;
  readonly state: 'absent' | 'degraded' | 'drift' | 'healthy';
  readonly rows: readonly StatusRow[];
}

/** What is there and how it is: subscription, resources, cluster, virtual node, operator, secret, health. Changes nothing. */
export async function status(run: Run): Promise<Status> {
  const rows: StatusRow[] = [];
  for (const stage of run.stages) {
    if (stage.id === 'S0') continue;
    const state = await lookAt(run, stage);
    rows.push(...stageRows(run, state));
  }
  rows.push(...(await clusterRows(run)), ...(await egressRows(run)));
  return { at: run.ports.clock(), state: overall(rows), rows };
}

function overall(rows: readonly StatusRow[]): Status['state'] {
  for (const state of ['absent', 'degraded', 'drift'] as const)
    if (rows.some((row) => row.state === state)) return state;
  return 'healthy';
}

function stageRows(run: Run, state: StageState): readonly StatusRow[] {
  const area = `${state.stage.id} ${state.stage.title}`;
  const rows: StatusRow[] = [];
  const pending = state.registrations.filter((each) => each.state !== 'Registered');
  if (state.registrations.length > 0) {
    const detail =
      pending.length === 0 ? 'all registered' : pending.map(({ name, state: seen }) => `${name} is ${seen}`).join(', ');
    rows.push({ area, name: 'registrations', state: pending.length === 0 ? 'healthy' : 'absent', detail });
  }
  for (const resource of state.resources) {
    const unsettled = describeUnsettled(resource);
    const { node, live, unready, adoptedId, upgrades } = resource;
    const note = upgrades.map(
      ({ path, live: there, wanted }) =>
        `${path} is ${JSON.stringify(there)}, configured is ${JSON.stringify(wanted)}: holdfast upgrade kubernetes`,
    );
    const seen: StatusState =
      live === undefined && adoptedId === undefined
        ? 'absent'
        : unready !== undefined
          ? 'degraded'
          : unsettled.length > 0
            ? 'drift'
            : 'healthy';
    rows.push({
      area,
      name: `${node.id} ${node.name}`,
      state: seen,
      detail: [...unsettled, ...note].join('; ') || 'as written',
    });
  }
  for (const { objects, open, set } of state.sets) {
    if (open !== undefined) {
      rows.push({ area, name: set.title, state: 'unknown', detail: open });
      continue;
    }
    for (const { object, change, live, fields } of objects) {
      const seen: StatusState = change === 'none' ? 'healthy' : live === undefined ? 'absent' : 'drift';
      const detail =
        change === 'none'
          ? 'as written'
          : live === undefined
            ? 'does not exist'
            : fields.map(({ path }) => path).join(', ');
      rows.push({ area, name: objectName(object), state: seen, detail });
    }
  }
  rows.push(...secretRows(run, area, state));
  // What is missing has its own row; these are the tests beside it: running, ready, answering.
  const tests = state.stage.tests.filter(({ kind }) =>
    ['field', 'node-ready', 'workloads-ready', 'healthy'].includes(kind),
  );
  if (tests.length > 0 && !rows.some((row) => row.state === 'absent')) {
    const good = isComplete({ ...state, written: true });
    rows.push({
      area,
      name: 'state',
      state: good ? 'healthy' : 'degraded',
      detail: good ? state.stage.done : state.unmet.join('; '),
    });
  }
  return rows;
}

function secretRows(run: Run, area: string, state: StageState): readonly StatusRow[] {
  const { secret, resources } = state;
  if (secret === undefined) return [];
  const live = resources.find(({ node }) => node.type === 'Microsoft.KeyVault/vaults/secrets')?.live;
  const created = numberAt(live, 'properties.attributes.created');
  const age = created === undefined ? '' : `, ${Math.floor((run.ports.clock() / 1000 - created) / 86_400)} days old`;
  const states: Readonly<Record<typeof secret, readonly [StatusState, string]>> = {
    current: ['healthy', 'holds the key'],
    absent: ['absent', 'does not exist'],
    differs: ['drift', 'holds another key'],
    disabled: ['degraded', 'its current version is disabled'],
    unknown: ['information', 'the key was not given to compare it with'],
  };
  const [seen, detail] = states[secret];
  return [{ area, name: 'fingerprint', state: seen, detail: `${detail}${age}` }];
}

/** What runs in the cluster, beside what was applied. */
async function clusterRows(run: Run): Promise<readonly StatusRow[]> {
  const { clusterNode } = run;
  if (clusterNode === undefined) return [];
  const area = 'cluster';
  try {
    const cluster = await run.cluster();
    if (cluster === undefined) return [];
    const version = await cluster.version({ signal: run.signal });
    return [versionRow(run, area, version), ...(await nodeRows(run, cluster)), ...(await operatorRows(run, cluster))];
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

/** Virtual nodes; one without the pod that it comes from takes pods and runs none. */
async function nodeRows(run: Run, cluster: KubernetesPort): Promise<readonly StatusRow[]> {
  if (run.config.profile !== 'uid2-vn2') return [];
  const { signal } = run;
  const namespace = run.config.virtualNode.namespace;
  const nodes = await cluster.list('v1', 'Node', { labelSelector: 'type=virtual-kubelet', signal });
  const pods = new Set((await cluster.list('v1', 'Pod', { namespace, signal })).map(({ metadata }) => metadata.name));
  return nodes.map((node) => {
    const { name } = node.metadata;
    const ready = objectsAt(node, 'status.conditions').find((each) => each['type'] === 'Ready')?.['status'] === 'True';
    const orphan = !pods.has(name);
    const detail = orphan ? 'has no pod behind it: delete the Node' : ready ? 'is ready' : 'is not ready';
    return { area: 'virtual node', name, state: orphan || !ready ? 'degraded' : 'healthy', detail };
  });
}

/** The versions of the operator, their pods, and the address. */
async function operatorRows(run: Run, cluster: KubernetesPort): Promise<readonly StatusRow[]> {
  if (run.config.profile !== 'uid2-vn2') return [];
  const { signal } = run;
  const { namespace } = run.config.operator;
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

/** The row of a pod with why it fails, or, of one that is ready, with what is about to end it. */
async function podRowWithCause(run: Run, cluster: KubernetesPort, pod: KubernetesObject): Promise<StatusRow> {
  const row = podRow(pod);
  const { name, namespace = 'default' } = pod.metadata;
  try {
    const facts = await gatherPodFacts(cluster, namespace, name, run.ports.clock(), { signal: run.signal });
    const { state, cause } = diagnosePod(facts);
    if (cause === undefined) return row;
    return { ...row, state: 'degraded', detail: `${row.detail}; ${state}: ${cause.title} ${cause.action}` };
  } catch (error) {
    // A pod that ended while it was looked at has nothing to explain any more.
    if (error instanceof RequestError && error.code === 'POD_NOT_FOUND') return row;
    throw error;
  }
}

/** Containers of the operator end with 0 whatever happens, so restarts count and not exit codes. */
function podRow(pod: KubernetesObject): StatusRow {
  const ready = objectsAt(pod, 'status.conditions').find((each) => each['type'] === 'Ready');
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
  const isReady = ready?.['status'] === 'True';
  const why = isReady ? 'ready' : (textAt(ready, 'message') ?? textAt(pod, 'status.phase') ?? 'not ready');
  const history = restarts === 0 ? '' : `; ${restarts} restarts${last === undefined ? '' : `, last ended: ${last}`}`;
  return {
    area: 'operator',
    name: pod.metadata.name,
    state: isReady ? 'healthy' : 'degraded',
    detail: `${why}${history}`,
  };
}

/** The address that others see, for their allow-lists. */
async function egressRows(run: Run): Promise<readonly StatusRow[]> {
  const addresses = run.graph.nodes.filter(
    (node): node is ArmResource => node.kind === 'arm' && node.type === 'Microsoft.Network/publicIPAddresses',
  );
  const rows: StatusRow[] = [];
  for (const node of addresses) {
    const live = await run.ports.arm.read(idOf(node), node.apiVersion, { signal: run.signal });
    const address = textAt(live, 'properties.ipAddress');
    if (address !== undefined)
      rows.push({ area: 'network', name: 'egress address', state: 'information', detail: address });
  }
  return rows;
}
