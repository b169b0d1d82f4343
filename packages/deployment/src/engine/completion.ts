import type { CompletionTest, Stage } from '../graph/stages.ts';
import type { DataPlaneStep, Registration } from '../graph/types.ts';
import { idOf } from '../graph/parts.ts';
import { objectsAt, textAt, valueAt } from './json.ts';
import { isWorkload, referenceTo, setState, unreadiness } from './kubernetes-state.ts';
import type { ObjectState, SetState } from './kubernetes-state.ts';
import { keyFingerprint } from './names.ts';
import type { KubernetesPort } from './ports.ts';
import { isMakeable, releaseKeyStates, releaseKeyWork } from './release-key.ts';
import type { ReleaseKeyState } from './release-key.ts';
import { isSettled, LiveResources, resourceState } from './resources.ts';
import type { ResourceState } from './resources.ts';
import type { Run } from './run.ts';
import { healthOnce } from './stages/health.ts';

/** A provider or preview feature and how far its registration is. */
export interface RegistrationState {
  readonly name: string;
  readonly feature: boolean;
  readonly state: string;
}

/** Everything that a look at a stage finds. */
export interface StageState {
  readonly stage: Stage;
  /** Nothing has to be written. */
  readonly written: boolean;
  /** What the completion tests miss, beside what has to be written. */
  readonly unmet: readonly string[];
  readonly registrations: readonly RegistrationState[];
  readonly resources: readonly ResourceState[];
  readonly sets: readonly SetState[];
  /** Keys that attested pods get. */
  readonly keys: readonly ReleaseKeyState[];
  /** What this tool cannot do and somebody has to. */
  readonly openWork: readonly string[];
  /** Whether the operator key has to be written; undefined where none is. */
  readonly secret?: SecretState;
}

export type SecretState = 'current' | 'absent' | 'differs' | 'disabled' | 'unknown';

/** Whether a stage is complete: read from the cloud, never from a local mark. */
export function isComplete({ written, unmet }: StageState): boolean {
  return written && unmet.length === 0;
}

export interface LookOptions {
  /** Leave out tests that take time or traffic: being ready and answering. */
  readonly writtenOnly?: boolean;
}

/** Looks at a stage: what is there, what is missing, what differs. Changes nothing. */
export async function lookAt(run: Run, stage: Stage, options: LookOptions = {}): Promise<StageState> {
  const live = new LiveResources(run);
  const nodes = run.nodesOf(stage.id);
  const registrations = await registrationStates(
    run,
    nodes.filter((node): node is Registration => node.kind === 'registration'),
  );
  const resources: ResourceState[] = [];
  for (const node of nodes) if (node.kind === 'arm') resources.push(await resourceState(run, live, node));
  const hasSets = nodes.some(({ kind }) => kind === 'kubernetes');
  const needsCluster = hasSets || stage.tests.some(({ kind }) => kind === 'node-ready');
  const cluster = needsCluster ? await run.cluster() : undefined;
  const sets = hasSets ? await setStates(run, stage, cluster) : [];
  const steps = nodes.filter((node): node is DataPlaneStep => node.kind === 'data-plane');
  const keys = await releaseKeyStates(run, steps);
  const openWork = [
    ...dataPlaneWork(steps),
    ...keys.flatMap((key) => releaseKeyWork(key) ?? []),
    ...sets.flatMap(({ open }) => (open === undefined ? [] : [open])),
  ];
  const secret = await secretState(run, resources);
  const partial = {
    stage,
    registrations,
    resources,
    sets,
    keys,
    openWork,
    ...(secret === undefined ? {} : { secret }),
  };
  const written =
    registrations.every(({ state }) => state === 'Registered') &&
    resources.every(isSettled) &&
    !keys.some(isMakeable) &&
    sets.every(({ open, objects }) => open !== undefined || objects.every(({ change }) => change === 'none')) &&
    (secret === undefined || secret === 'current' || secret === 'unknown');
  const unmet: string[] = [];
  for (const test of stage.tests) {
    if (
      options.writtenOnly === true &&
      (test.kind === 'healthy' || test.kind === 'node-ready' || test.kind === 'workloads-ready')
    )
      continue;
    unmet.push(...(await unmetBy(run, test, partial, live, cluster)));
  }
  return { ...partial, written, unmet };
}

async function setStates(run: Run, stage: Stage, cluster: KubernetesPort | undefined): Promise<readonly SetState[]> {
  const states: SetState[] = [];
  const manifests = await run.manifests();
  for (const node of run.nodesOf(stage.id)) {
    if (node.kind !== 'kubernetes') continue;
    const set = manifests.find(({ id }) => id === node.id);
    if (set !== undefined) states.push(await setState(cluster, set, run.signal));
  }
  return states;
}

async function registrationStates(run: Run, nodes: readonly Registration[]): Promise<readonly RegistrationState[]> {
  const { arm } = run.ports;
  const root = `/subscriptions/${run.resolved.subscriptionId}`;
  const states: RegistrationState[] = [];
  for (const node of nodes) {
    for (const { provider, feature } of node.features) {
      const id = `${root}/providers/Microsoft.Features/providers/${provider}/features/${feature}`;
      const state = textAt(await arm.read(id, '2021-07-01', { signal: run.signal }), 'properties.state');
      states.push({ name: `${provider}/${feature}`, feature: true, state: state ?? 'NotRegistered' });
    }
    for (const provider of node.providers) {
      const found = await arm.read(`${root}/providers/${provider}`, '2021-04-01', { signal: run.signal });
      states.push({ name: provider, feature: false, state: textAt(found, 'registrationState') ?? 'NotRegistered' });
    }
  }
  return states;
}

/** What only somebody with rights of their own can do in the data plane, such as giving the local roles of an HSM. */
function dataPlaneWork(steps: readonly DataPlaneStep[]): readonly string[] {
  return steps.flatMap(({ what, host, purpose }) => {
    if (textAt(what, 'name') !== undefined) return [];
    const command = textAt(what, 'command');
    return [`${host}: ${purpose}${command === undefined ? '' : `: ${command}`}`];
  });
}

async function secretState(run: Run, resources: readonly ResourceState[]): Promise<SecretState | undefined> {
  const own = resources.find(({ node }) => node.type === 'Microsoft.KeyVault/vaults/secrets');
  if (own === undefined) return undefined;
  if (own.live === undefined) return 'absent';
  if (valueAt(own.live, 'properties.attributes.enabled') === false) return 'disabled';
  // A key that Azure fills in itself has no fingerprint.
  if (!('keyFingerprint' in run.graph.parameters)) return 'current';
  if (run.operatorKey === undefined) return 'unknown';
  const vaultId = own.resourceId.replace(/\/secrets\/[^/]+$/, '');
  const fingerprint = keyFingerprint(vaultId, run.operatorKey);
  return textAt(own.live, 'tags.keyFingerprint') === fingerprint ? 'current' : 'differs';
}

type Partial = Omit<StageState, 'written' | 'unmet'>;

/** What one test misses; nothing when it passes. */
async function unmetBy(
  run: Run,
  test: CompletionTest,
  state: Partial,
  live: LiveResources,
  cluster: KubernetesPort | undefined,
): Promise<readonly string[]> {
  switch (test.kind) {
    case 'no-failed-check':
      return [];
    case 'registered':
      return state.registrations
        .filter((each) => each.state !== 'Registered')
        .map((each) => `${each.name} is ${each.state}`);
    case 'deployment-succeeded':
      return await unfinishedDeployments(run, state);
    case 'owned-fields-equal':
    case 'assignments-listed':
      return state.resources.flatMap((resource) => describeUnsettled(resource));
    case 'field':
      return await unmetField(run, test, live);
    case 'secret-current':
      return await unmetSecret(run, state);
    case 'key-exists':
      return [];
    case 'node-ready':
      return await unmetNode(run, test, cluster);
    case 'workloads-ready':
      return applied(state.sets).flatMap(({ object, live: found }) => unreadiness(found, object) ?? []);
    default:
      return await unmetHealth(run, test);
  }
}

/** Objects that this tool applies. */
function applied(sets: readonly SetState[]): readonly ObjectState[] {
  return sets.flatMap(({ open, objects }) => (open === undefined ? objects : []));
}

/** What the tests of a stage about nodes and workloads miss, without comparing what was applied once more. */
export async function unreadyIn(run: Run, stage: Stage, sets: readonly SetState[]): Promise<readonly string[]> {
  const cluster = await run.cluster();
  const unmet: string[] = [];
  for (const test of stage.tests) {
    if (test.kind === 'node-ready') unmet.push(...(await unmetNode(run, test, cluster)));
    if (test.kind !== 'workloads-ready') continue;
    for (const { object } of applied(sets)) {
      if (!isWorkload(object)) continue;
      const live = await cluster?.read(referenceTo(object), { signal: run.signal });
      unmet.push(...[unreadiness(live, object) ?? []].flat());
    }
  }
  return unmet;
}

async function unmetHealth(run: Run, test: Extract<CompletionTest, { kind: 'healthy' }>): Promise<readonly string[]> {
  const answer = await healthOnce(run, test);
  return answer === 'healthy' || answer === 'nothing-to-ask' ? [] : [answer.problem];
}

async function unfinishedDeployments(run: Run, { stage }: Partial): Promise<readonly string[]> {
  const unfinished: string[] = [];
  for (const { stage: of, name, scope } of run.deployments) {
    if (of !== stage.id) continue;
    const found = await run.ports.arm.deployments.get(scope, name, { signal: run.signal });
    // One that was never made by this tool, or has left the history, is judged by its resources.
    if (found !== undefined && found.provisioningState !== 'Succeeded') {
      unfinished.push(`the deployment ${name} is ${found.provisioningState}`);
    }
  }
  return unfinished;
}

export function describeUnsettled(state: ResourceState): readonly string[] {
  if (isSettled(state)) return [];
  const { node, live, differences, orphaned, unready } = state;
  if (live === undefined) return [`${node.id} ${node.name} does not exist`];
  if (orphaned === true) return [`${node.id} belongs to an identity that no longer exists`];
  if (unready !== undefined) return [`${node.id} ${node.name}: ${unready}`];
  return [`${node.id} ${node.name} differs in ${differences.map(({ path }) => path).join(', ')}`];
}

async function unmetField(
  run: Run,
  test: Extract<CompletionTest, { kind: 'field' }>,
  live: LiveResources,
): Promise<readonly string[]> {
  const node = run.node(test.resource);
  if (node?.kind !== 'arm') return [];
  const value = valueAt(await live.read(node), test.path);
  const good =
    test.equals === undefined ? value !== undefined && value !== null && value !== '' : value === test.equals;
  if (good) return [];
  const seen = typeof value === 'string' ? value : 'missing';
  return [`${test.resource}: ${test.path} is ${seen}${test.equals === undefined ? '' : `, not ${test.equals}`}`];
}

async function unmetSecret(run: Run, state: Partial): Promise<readonly string[]> {
  const { secret } = state;
  if (secret === 'absent') return ['the secret does not exist'];
  if (secret === 'disabled') return ['the current version of the secret is disabled'];
  if (secret === 'differs') return ['the secret holds another key'];
  if (secret !== undefined || run.config.profile !== 'uid2-vn2') return [];
  // The key is in the vault already: the named version has to be there.
  const vault = run.node('R-KV');
  if (vault?.kind !== 'arm') return [];
  const name = run.config.vault.secretName;
  const found = await run.ports.arm.read(`${idOf(vault)}/secrets/${name}`, '2023-07-01', { signal: run.signal });
  return found === undefined ? [`the secret ${name}, which the configuration says is in the vault, is not there`] : [];
}

async function unmetNode(
  run: Run,
  { node, seconds }: Extract<CompletionTest, { kind: 'node-ready' }>,
  cluster: KubernetesPort | undefined,
): Promise<readonly string[]> {
  const found = await cluster?.read({ apiVersion: 'v1', kind: 'Node', name: node }, { signal: run.signal });
  if (found === undefined) return [`the node ${node} does not exist`];
  const ready = objectsAt(found, 'status.conditions').find((each) => each['type'] === 'Ready');
  if (ready?.['status'] !== 'True') return [`the node ${node} is not ready`];
  const since = Date.parse(textAt(ready, 'lastTransitionTime') ?? '');
  const forSeconds = Number.isNaN(since) ? seconds : Math.floor((run.ports.clock() - since) / 1000);
  return forSeconds >= seconds ? [] : [`the node ${node} is ready for ${forSeconds} of ${seconds} s`];
}
