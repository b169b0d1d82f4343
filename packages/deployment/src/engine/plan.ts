import { MalformedError, PolicyError } from '@holdfast/base';

import type { CheckResult } from '../doctor/doctor.ts';
import { scopeId } from '../graph/ids.ts';
import type { Stage, StageId } from '../graph/stages.ts';
import { normaliseWhatIf } from '../plan/what-if.ts';
import type { PlannedChange } from '../plan/what-if.ts';
import { isComplete, lookAt } from './completion.ts';
import type { StageState } from './completion.ts';
import { azureFailure } from './errors.ts';
import { objectName } from './kubernetes-state.ts';
import { contentHash } from './names.ts';
import { isMakeable } from './release-key.ts';
import { isSettled } from './resources.ts';
import type { ResourceState } from './resources.ts';
import type { Run } from './run.ts';
import { requestFor, templateHashOf } from './stages/arm-stage.ts';

const EXPIRES_MS = 30 * 60_000;

/** What would be done to one thing. */
export type PlanAction =
  | 'register'
  | 'create'
  | 'update'
  /** An update that others notice. */
  | 'disruptive'
  /** Cannot be changed: blocks. */
  | 'replace'
  /** A command of its own does it. */
  | 'upgrade'
  | 'write-secret';

export interface PlanField {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly note?: string;
}

export interface PlanChange {
  readonly action: PlanAction;
  /** Id in the graph, or the name of an object or provider. */
  readonly resource: string;
  readonly name: string;
  readonly fields: readonly PlanField[];
  /** Worked out without asking: something that has to be there first is missing. */
  readonly computed: boolean;
}

export interface PlanStage {
  readonly id: StageId;
  readonly title: string;
  readonly changes: readonly PlanChange[];
  /** What is good to know: foreign resources, what Azure says, what cannot be known yet. */
  readonly notes: readonly string[];
  /** What stands in the way. */
  readonly problems: readonly string[];
  readonly templateHashes: readonly string[];
}

export interface Plan {
  readonly stages: readonly PlanStage[];
  /** Failed checks of severity error. */
  readonly blocked: readonly string[];
  readonly openWork: readonly string[];
  readonly changed: boolean;
  /** Whether nothing stands in the way. */
  readonly possible: boolean;
}

export interface PlanOptions {
  readonly doctor?: () => Promise<readonly CheckResult[]>;
  /** Ask Azure for its forecast as well. */
  readonly whatIf?: boolean;
}

/**
 * What an apply would do. Changes nothing: resources are compared field by field with what is written, objects by a dry
 * run of the server, and Azure's own forecast is evidence beside it, which finds policies and refusals.
 */
export async function plan(run: Run, options: PlanOptions = {}): Promise<Plan> {
  const checks = (await options.doctor?.()) ?? [];
  const blocked = checks
    .filter(({ verdict, severity }) => verdict === 'failed' && severity === 'error')
    .flatMap(({ check, findings }) => findings.map(({ message }) => `${check.id}: ${message}`));
  const stages: PlanStage[] = [];
  const openWork: string[] = [];
  let computed = false;
  for (const stage of run.stages) {
    if (stage.id === 'S0') continue;
    const state = await lookAt(run, stage, { writtenOnly: true });
    openWork.push(...state.openWork);
    const planned = await planStage(run, stage, state, computed, options.whatIf ?? true);
    stages.push(planned);
    // What a stage creates the later ones need: nobody can be asked about them.
    computed ||= planned.changes.some(({ action }) => action === 'create');
  }
  const changed = stages.some(({ changes }) => changes.some(({ action }) => action !== 'upgrade'));
  const possible = blocked.length === 0 && stages.every(({ problems }) => problems.length === 0);
  return { stages, blocked, openWork, changed, possible };
}

async function planStage(
  run: Run,
  stage: Stage,
  state: StageState,
  computed: boolean,
  ask: boolean,
): Promise<PlanStage> {
  const changes = changesOf(state, computed);
  const notes: string[] = state.openWork.map((work) => `open: ${work}`);
  const problems = changes
    .filter(({ action }) => action === 'replace')
    .flatMap(({ resource, fields }) => fields.map(({ path, note }) => `${resource} ${path} ${note ?? ''}`.trim()));
  if (state.secret === 'unknown') notes.push('whether the secret holds this key is seen when it is applied');
  for (const { adoptedId, node } of state.resources) {
    if (adoptedId !== undefined) notes.push(`${node.id}: the role is assigned already, as ${adoptedId}`);
  }
  const templateHashes: string[] = [];
  for (const deployment of run.deployments) {
    if (deployment.stage !== stage.id) continue;
    const needsKey = 'operatorKey' in deployment.template.parameters;
    if (!needsKey) templateHashes.push(await templateHashOf(run, deployment));
    if (!ask || computed || needsKey || isComplete(state)) continue;
    const forecast = await forecastOf(run, deployment, state);
    notes.push(...forecast.notes);
    problems.push(...forecast.problems);
  }
  return { id: stage.id, title: stage.title, changes, notes, problems, templateHashes };
}

function changesOf(state: StageState, computed: boolean): readonly PlanChange[] {
  const changes: PlanChange[] = [];
  for (const { name, state: seen } of state.registrations) {
    if (seen === 'Registered') continue;
    const fields = [{ path: 'registrationState', before: seen, after: 'Registered' }];
    changes.push({ action: 'register', resource: name, name, fields, computed: false });
  }
  for (const resource of state.resources) {
    if (resource.node.type === 'Microsoft.KeyVault/vaults/secrets') changes.push(...secretChange(state, resource));
    else changes.push(...resourceChanges(resource, computed));
  }
  for (const { step, name, state: seen, policy } of state.keys.filter(isMakeable)) {
    // Whether it is there is seen only once the role of the caller works, which is given by then.
    const fields = [{ path: 'releasePolicy', before: null, after: policy }];
    changes.push({ action: 'create', resource: step.id, name, fields, computed: seen === 'not-yet' });
  }
  for (const { set, objects, open } of state.sets) {
    if (open !== undefined) continue;
    for (const { object, change, fields, computed: unknown, conflict } of objects) {
      if (change === 'none') continue;
      const owners =
        conflict === undefined
          ? []
          : [{ path: 'metadata', before: conflict, after: set.fieldManager, note: 'fields of other managers' }];
      changes.push({
        action: change,
        resource: objectName(object),
        name: object.metadata.name,
        fields: [...fields, ...owners],
        computed: unknown,
      });
    }
  }
  return changes;
}

function resourceChanges(resource: ResourceState, computed: boolean): readonly PlanChange[] {
  const { node, live, differences, upgrades, orphaned } = resource;
  const base = { resource: node.id, name: node.name };
  const made: PlanChange[] = [];
  if (!isSettled(resource)) {
    if (live === undefined) made.push({ ...base, action: 'create', fields: [], computed });
    else if (orphaned === true) {
      const note = 'the assignment of an identity that no longer exists is removed first';
      made.push({
        ...base,
        action: 'update',
        fields: [{ path: 'properties.principalId', before: null, after: null, note }],
        computed: false,
      });
    } else made.push({ ...base, action: worst(resource), fields: fieldsOf(differences), computed: false });
  }
  if (upgrades.length > 0) made.push({ ...base, action: 'upgrade', fields: fieldsOf(upgrades), computed: false });
  return made;
}

function worst({ differences }: ResourceState): 'update' | 'disruptive' | 'replace' {
  for (const kind of ['replace', 'disruptive'] as const)
    if (differences.some((each) => each.kind === kind)) return kind;
  return 'update';
}

function fieldsOf(differences: ResourceState['differences']): readonly PlanField[] {
  return differences.map(({ path, live, wanted, note }) => ({
    path,
    before: live ?? null,
    after: wanted,
    ...(note === undefined ? {} : { note }),
  }));
}

/** Of a secret only whether it is written is told, never what. */
function secretChange(state: StageState, { node }: ResourceState): readonly PlanChange[] {
  if (state.secret === undefined || state.secret === 'current' || state.secret === 'unknown') return [];
  const fields = [{ path: 'keyFingerprint', before: state.secret, after: 'current' }];
  return [{ action: 'write-secret', resource: node.id, name: node.name, fields, computed: false }];
}

/** What Azure says it would do. It finds what nobody else can (policies, refusals), and decides nothing alone. */
async function forecastOf(
  run: Run,
  deployment: Run['deployments'][number],
  state: StageState,
): Promise<{ readonly notes: readonly string[]; readonly problems: readonly string[] }> {
  const group = deployment.scope.resourceGroup;
  const there = await run.ports.arm.read(scopeId(deployment.scope), '2024-03-01', { signal: run.signal });
  if (group === undefined || there === undefined) return { notes: [], problems: [] };
  const states = deployment.resources.flatMap((node) => state.resources.find((each) => each.node.id === node.id) ?? []);
  const request = await requestFor(run, deployment, states, await templateHashOf(run, deployment));
  const answer = await run.ports.arm.deployments.whatIf(deployment.scope, deployment.name, request, {
    signal: run.signal,
  });
  if ('problem' in answer) return { notes: [], problems: [azureFailure(state.stage.id, answer.problem).message] };
  const byId = new Map(states.map((each) => [each.resourceId.toLowerCase(), each]));
  const owned = (id: string, path: string): boolean => {
    const own = byId.get(id.toLowerCase());
    return own !== undefined && JSON.stringify(own.wanted).includes(`"${path.split(/[.[]/).at(-1) ?? path}"`);
  };
  const notes: string[] = [];
  const problems: string[] = [];
  for (const change of normaliseWhatIf(answer.changes, owned)) {
    const said = comment(change, byId.get(change.resourceId.toLowerCase()));
    if (change.kind === 'delete')
      problems.push(`Azure would delete ${change.resourceId}, which an incremental deployment must not`);
    else if (said !== undefined) notes.push(said);
  }
  return { notes, problems };
}

function comment(change: PlannedChange, own: ResourceState | undefined): string | undefined {
  const name = change.resourceId.split('/').slice(-2).join('/');
  if (change.kind === 'foreign') return `${name} belongs to others and stays`;
  if (change.kind === 'unsupported') return `${name}: Azure gives no forecast: ${change.information.join(', ')}`;
  if (change.kind === 'update' && own !== undefined && isSettled(own)) {
    return `${name}: Azure forecasts changes of ${change.fields.map(({ path }) => path).join(', ')}, and nothing differs`;
  }
  return change.information.length === 0 ? undefined : `${name}: ${change.information.join(', ')}`;
}

/** A plan as it is kept in a file. Holds no secret. */
export interface PlanFile {
  readonly kind: 'holdfast-plan';
  readonly version: 1;
  readonly configHash: string;
  /** Over everything that would be done, and what is there. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly plan: Plan;
}

/** A plan with what is needed to see later whether it still holds. */
export function planFile(run: Run, made: Plan): PlanFile {
  const createdAt = run.ports.clock();
  return {
    kind: 'holdfast-plan',
    version: 1,
    configHash: run.configHash,
    fingerprint: fingerprintOf(made),
    createdAt,
    expiresAt: createdAt + EXPIRES_MS,
    subscriptionId: run.resolved.subscriptionId,
    resourceGroup: run.config.resourceGroup.name,
    plan: made,
  };
}

function fingerprintOf(made: Plan): string {
  return contentHash(made.stages.map(({ id, changes, templateHashes }) => ({ id, changes, templateHashes })));
}

/** @throws MalformedError PLAN_FILE_INVALID */
export function readPlanFile(text: string): PlanFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const file = value as Partial<PlanFile> | undefined;
  const good =
    file?.kind === 'holdfast-plan' &&
    file.version === 1 &&
    typeof file.configHash === 'string' &&
    typeof file.fingerprint === 'string' &&
    typeof file.expiresAt === 'number';
  if (!good) throw new MalformedError('PLAN_FILE_INVALID', 'this is not a plan of this version of holdfast');
  return file as PlanFile;
}

/**
 * Refuses a plan that no longer holds: too old, another configuration, or another state of the cloud.
 * @throws PolicyError PLAN_OUTDATED
 */
export async function assertPlanHolds(run: Run, file: PlanFile): Promise<void> {
  const refuse = (why: string): never => {
    throw new PolicyError('PLAN_OUTDATED', `the plan no longer holds: ${why}`, {
      action: 'Make a new plan, read it, and apply that.',
    });
  };
  if (run.ports.clock() >= file.expiresAt) refuse('it has expired');
  if (file.configHash !== run.configHash) refuse('the configuration is another one');
  const now = await plan(run, { whatIf: false });
  if (fingerprintOf(now) !== file.fingerprint) refuse('what it would change is no longer as it was');
}
