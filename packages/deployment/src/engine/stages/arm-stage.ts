import { RequestError } from '@holdfast/base';
import type { Secret } from '@holdfast/base';

import type { JsonValue, StageDeployment } from '../../arm/template.ts';
import { scopeId } from '../../graph/ids.ts';
import { idOf } from '../../graph/parts.ts';
import type { Stage } from '../../graph/stages.ts';
import { azureFailure, deadlineReached, hasCode, problemOf, replaceNeeded } from '../errors.ts';
import { explainProblem } from '../error-map.ts';
import type { Reaction } from '../error-map.ts';
import type { Journal } from '../journal.ts';
import { mergedBody } from '../merge-body.ts';
import { contentHash, keyFingerprint } from '../names.ts';
import type { AzureProblem, DeploymentRequest, DeploymentState, JsonObject } from '../ports.ts';
import { isSettled, LiveResources, resourceState } from '../resources.ts';
import type { ResourceState } from '../resources.ts';
import { isEnded } from '../running-deployments.ts';
import type { Run } from '../run.ts';
import { deadlineOf, intervalOf, waits, withDeadline } from '../waits.ts';
import type { WaitName } from '../waits.ts';
import { registerAgain } from './registrations.ts';

/**
 * Makes one deployment of a stage, or goes on waiting for the one that runs. Only what is missing or differs is written,
 * with everything that is not ours carried over; when the directory does not know an identity yet, it is submitted again.
 * @throws PolicyError DEPLOYMENT_REPLACE_NEEDED
 * @throws RequestError DEPLOYMENT_LOCKED when another run with another configuration is at it
 * @throws DependencyError DEPLOYMENT_FAILED, DEPLOYMENT_DEADLINE
 */
export async function runDeployment(
  run: Run,
  stage: Stage,
  deployment: StageDeployment,
  journal: Journal,
): Promise<void> {
  const templateHash = await templateHashOf(run, deployment);
  const begun = run.ports.clock();
  for (let attempt = 0; ; attempt += 1) {
    const attached = await attach(run, stage, deployment, templateHash, journal);
    const problem =
      attached === undefined ? await submit(run, stage, deployment, templateHash, journal) : problemIn(attached);
    if (problem === undefined) return;
    await reactTo(run, stage, problem, attempt, begun);
  }
}

/** Tells templates apart; with the fingerprint of the key, so that another key is another template. Holds no secret. */
export async function templateHashOf(run: Run, deployment: StageDeployment): Promise<string> {
  const parameters = await parametersOf(run, deployment);
  const plain = Object.entries(parameters).filter(([, value]) => typeof value === 'string');
  return contentHash({ template: deployment.template, parameters: Object.fromEntries(plain) });
}

/** Goes on waiting for a deployment of this name that is under way. */
async function attach(
  run: Run,
  stage: Stage,
  { scope, name }: StageDeployment,
  templateHash: string,
  journal: Journal,
): Promise<DeploymentState | undefined> {
  const { deployments } = run.ports.arm;
  const found = await deployments.get(scope, name, { signal: run.signal });
  if (found === undefined || isEnded(found)) return undefined;
  if (found.tags['templateHash'] !== templateHash) {
    throw new RequestError('DEPLOYMENT_LOCKED', `the deployment ${name} is running with another configuration`, {
      details: { stage: stage.id, deployment: name },
      action: 'Wait until it has ended, or cancel it: az deployment group cancel.',
    });
  }
  run.emit(stage.id, 'resumed', { resource: name, detail: `is ${found.provisioningState} in ${scopeId(scope)}` });
  return await waitForDeployment(run, stage, { scope, name }, journal.pollerOf(name, templateHash));
}

async function waitForDeployment(
  run: Run,
  stage: Stage,
  { scope, name }: Pick<StageDeployment, 'scope' | 'name'>,
  poller: string | undefined,
): Promise<DeploymentState> {
  let said: string | undefined;
  return await withDeadline(run, waitNameOf(stage), stage.id, `the deployment ${name}`, async (signal) =>
    run.ports.arm.deployments.wait(scope, name, poller, {
      signal,
      onState: (state) => {
        if (state !== said && !isEnded({ provisioningState: state }))
          run.emit(stage.id, 'waiting', { resource: name, detail: state });
        said = state;
      },
    }),
  );
}

function waitNameOf(stage: Stage): WaitName {
  return stage.id === 'S4' ? 'clusterDeployment' : 'networkDeployment';
}

function problemIn({ provisioningState, problem }: DeploymentState): AzureProblem | undefined {
  if (provisioningState === 'Succeeded') return undefined;
  return problem ?? { code: `Deployment${provisioningState}`, message: 'no cause is given', path: [] };
}

/** Submits what is missing or differs; answers why it failed, or nothing. */
async function submit(
  run: Run,
  stage: Stage,
  deployment: StageDeployment,
  templateHash: string,
  journal: Journal,
): Promise<AzureProblem | undefined> {
  const { scope, name } = deployment;
  const { deployments, remove } = bound(run);
  const states = await statesOf(run, deployment);
  refuseReplacements(stage, states);
  const open = states.filter((state) => state.adoptedId === undefined);
  if (open.length === 0) return undefined;
  for (const { orphaned, resourceId, node } of open) {
    if (orphaned !== true) continue;
    run.emit(stage.id, 'updating', {
      resource: node.id,
      detail: 'the identity was made anew: the old assignment goes',
    });
    await remove(resourceId, node.apiVersion);
  }
  const request = await requestFor(run, deployment, states, templateHash);
  const refused = await deployments.validate(scope, name, request, { signal: run.signal });
  if (refused !== undefined) return refused;
  announce(run, stage, states);
  let poller: string;
  try {
    poller = await deployments.start(scope, name, request, { signal: run.signal });
  } catch (error) {
    // Sent twice, or somebody else was faster: the next look attaches to it or refuses.
    const problem = problemOf(error);
    if (hasCode(problem, new Set(['DeploymentActive'])) && problem !== undefined) return problem;
    throw error;
  }
  await journal.append(run.ports.clock(), {
    stage: stage.id,
    event: 'submitted',
    deployment: name,
    templateHash,
    poller,
  });
  return problemIn(await waitForDeployment(run, stage, deployment, poller));
}

function bound(run: Run) {
  const { arm } = run.ports;
  return {
    deployments: arm.deployments,
    remove: async (id: string, apiVersion: string) => await arm.remove(id, apiVersion, { signal: run.signal }),
  };
}

async function statesOf(run: Run, deployment: StageDeployment): Promise<readonly ResourceState[]> {
  const live = new LiveResources(run);
  const states: ResourceState[] = [];
  for (const node of deployment.resources) states.push(await resourceState(run, live, node));
  return states;
}

function refuseReplacements(stage: Stage, states: readonly ResourceState[]): void {
  const fields = states.flatMap(({ node, differences }) =>
    differences.filter(({ kind }) => kind === 'replace').map(({ path }) => `${node.id} ${path}`),
  );
  if (fields.length > 0) throw replaceNeeded(stage.id, fields);
}

function announce(run: Run, stage: Stage, states: readonly ResourceState[]): void {
  for (const state of states) {
    if (isSettled(state)) continue;
    const { node, live, differences } = state;
    const detail = live === undefined ? node.name : `${node.name}: ${differences.map(({ path }) => path).join(', ')}`;
    run.emit(stage.id, live === undefined ? 'creating' : 'updating', { resource: node.id, detail });
  }
}

/**
 * The request of a deployment: the template with what is missing or differs. When nothing does, and yet the deployment
 * has to be made, all of it.
 */
export async function requestFor(
  run: Run,
  deployment: StageDeployment,
  states: readonly ResourceState[],
  templateHash: string,
): Promise<DeploymentRequest> {
  const open = states.filter(({ adoptedId }) => adoptedId === undefined);
  const secrets = (state: ResourceState): boolean => state.node.type === 'Microsoft.KeyVault/vaults/secrets';
  const needed = open.filter((state) => !isSettled(state) || secrets(state));
  const chosen = new Set((needed.length === 0 ? open : needed).map(({ node }) => node.id));
  const kept = states.filter(({ node }) => chosen.has(node.id));
  const ids = new Set(kept.map(({ node }) => idOf(node)));
  const resources = deployment.resources.flatMap((node, index): JsonValue[] => {
    const state = kept.find((each) => each.node.id === node.id);
    const json = deployment.template.resources[index] as JsonObject | undefined;
    return state === undefined || json === undefined ? [] : [withLive(json, state, ids)];
  });
  return {
    template: { ...(deployment.template as unknown as JsonObject), resources },
    parameters: await parametersOf(run, deployment),
    tags: { templateHash, configHash: run.configHash },
    location: deployment.location,
  };
}

/** A resource of a template, with everything of the live one that is not ours; it depends only on what is written, too. */
function withLive(json: JsonObject, { live, node }: ResourceState, written: ReadonlySet<string>): JsonObject {
  const { type, apiVersion, name, scope, dependsOn, ...body } = json as Record<string, JsonValue>;
  const needed = ((dependsOn ?? []) as readonly string[]).filter((id) => written.has(id));
  const merges = live !== undefined && node.type !== 'Microsoft.Authorization/roleAssignments';
  const merged = merges ? mergedBody(body, withLiveVersions(live), node.rules ?? {}, true) : body;
  return {
    type: type ?? '',
    apiVersion: apiVersion ?? '',
    name: name ?? '',
    ...(scope === undefined ? {} : { scope }),
    ...withoutState(merged),
    ...(needed.length === 0 ? {} : { dependsOn: needed }),
  };
}

function withoutState(body: JsonObject): JsonObject {
  const properties = body['properties'];
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return body;
  const { provisioningState: _, ...rest } = properties as Record<string, JsonValue>;
  return { ...body, properties: rest };
}

/** A cluster is sent the patch versions that it runs: a lower one would be refused. */
function withLiveVersions(live: JsonObject): JsonObject {
  const properties = live['properties'] as JsonObject | undefined;
  const current = properties?.['currentKubernetesVersion'];
  if (properties === undefined || typeof current !== 'string') return live;
  const pools = properties['agentPoolProfiles'];
  const pinned = Array.isArray(pools)
    ? (pools as readonly JsonObject[]).map((pool) => {
        const version = pool['currentOrchestratorVersion'];
        return typeof version === 'string' ? { ...pool, orchestratorVersion: version } : pool;
      })
    : undefined;
  return {
    ...live,
    properties: {
      ...properties,
      kubernetesVersion: current,
      ...(pinned === undefined ? {} : { agentPoolProfiles: pinned }),
    },
  };
}

/** Values of the parameters that the template declares. */
async function parametersOf(run: Run, { template, scope }: StageDeployment): Promise<Record<string, string | Secret>> {
  const values: Record<string, string | Secret> = {};
  for (const name of Object.keys(template.parameters)) {
    if (name === 'deployerPrincipalId') {
      values[name] = (await run.ports.arm.caller({ signal: run.signal })).objectId;
      continue;
    }
    const key = run.operatorKey;
    if (key === undefined) {
      throw new RequestError('OPERATOR_KEY_MISSING', 'the operator key is needed to write the secret', {
        action: 'Give it as operator.keySource says: on standard input, in the environment or in a file.',
      });
    }
    if (name === 'operatorKey') values[name] = key;
    if (name === 'keyFingerprint' && run.config.profile === 'uid2-vn2') {
      const vault = idOf({ scope, type: 'Microsoft.KeyVault/vaults', name: run.config.vault.name });
      values[name] = keyFingerprint(vault, key);
    }
  }
  return values;
}

/** Waits when the failure passes by itself, and lets the caller try again; otherwise ends the run. */
async function reactTo(run: Run, stage: Stage, problem: AzureProblem, attempt: number, begun: number): Promise<void> {
  const { ports, config, signal } = run;
  const { reaction, meaning } = explainProblem(problem);
  if (reaction === 'stop') throw azureFailure(stage.id, problem);
  const wait = waitsOf[reaction];
  const passed = ports.clock() - begun;
  const deadline = deadlineOf(wait, config);
  if (passed >= deadline || (reaction === 'reconsider' && attempt >= 3)) {
    const minutes = Math.round(deadline / 60_000);
    throw deadlineReached(stage.id, `${problem.code}: ${problem.message}`, minutes, waits[wait].hint);
  }
  run.emit(stage.id, 'retrying', { detail: `${problem.code}: ${meaning ?? problem.message}` });
  // A provider that this profile does not register is nobody's to register but the subscription owner's.
  if (reaction === 'register' && !(await registerAgain(run, problem))) throw azureFailure(stage.id, problem);
  await ports.sleep(intervalOf(wait, attempt), signal);
}

const waitsOf = {
  resubmit: 'roleAssignment',
  reconsider: 'roleAssignment',
  register: 'providerRegistration',
  wait: 'concurrentOperation',
} as const satisfies Record<Exclude<Reaction, 'stop'>, WaitName>;
