import { PolicyError } from '@holdfast/base';

import type { CheckResult } from '../doctor/doctor.ts';
import type { Stage, StageId } from '../graph/stages.ts';
import { isComplete, lookAt } from './completion.ts';
import type { StageState } from './completion.ts';
import { interrupted, stageIncomplete } from './errors.ts';
import { Journal } from './journal.ts';
import { isMakeable, makeReleaseKey } from './release-key.ts';
import { LiveResources, resourceState } from './resources.ts';
import { makeReceipt, saveReceipt } from './receipts.ts';
import type { Receipt } from './receipts.ts';
import type { Run } from './run.ts';
import { runDeployment } from './stages/arm-stage.ts';
import { writeDirectly } from './stages/direct-writes.ts';
import { runHealth } from './stages/health.ts';
import { runKubernetesStage } from './stages/kubernetes-stage.ts';
import { recoverVault } from './stages/recover-vault.ts';
import { runRegistrations } from './stages/registrations.ts';
import { waitFor } from './waits.ts';

export interface ApplyOptions {
  /** The checks of the doctor with what could be found out; errors stop before anything is written. */
  readonly doctor?: () => Promise<readonly CheckResult[]>;
  /** Only this stage. */
  readonly stage?: StageId;
}

export interface AppliedStage {
  readonly id: StageId;
  readonly title: string;
  readonly outcome: 'already' | 'done';
}

export interface ApplyResult {
  readonly stages: readonly AppliedStage[];
  /** Whether anything was written. */
  readonly changed: boolean;
  /** What this tool cannot do and somebody has to. */
  readonly openWork: readonly string[];
  readonly receipt: Receipt | undefined;
}

/**
 * Brings the cloud to what the configuration says, stage by stage. A complete stage is skipped; one that ran and is not
 * complete afterwards is an error. Nothing local is needed to go on after an interruption.
 * @throws PolicyError DEPLOYMENT_BLOCKED, BUNDLE_MISSING, DEPLOYMENT_REPLACE_NEEDED
 * @throws RequestError DEPLOYMENT_INTERRUPTED when the signal of the run was aborted, DEPLOYMENT_LOCKED, OPERATOR_KEY_MISSING
 * @throws DependencyError DEPLOYMENT_FAILED, DEPLOYMENT_DEADLINE, DEPLOYMENT_STAGE_INCOMPLETE
 */
export async function apply(run: Run, options: ApplyOptions = {}): Promise<ApplyResult> {
  const journal = await Journal.open(run.ports.state, run.journalName, run.configHash);
  let current: Stage | undefined;
  try {
    requireRelease(run, options);
    const results: AppliedStage[] = [];
    const openWork = new Set<string>();
    for (const stage of run.stages) {
      if (options.stage !== undefined && stage.id !== options.stage && stage.id !== 'S0') continue;
      current = stage;
      const { outcome, open } = await applyStage(run, stage, journal, options);
      results.push({ id: stage.id, title: stage.title, outcome });
      for (const work of open) openWork.add(work);
    }
    const changed = results.some(({ outcome }) => outcome === 'done');
    const receipt = await finish(run, journal, changed, [...openWork], options.stage === undefined);
    return { stages: results, changed, openWork: [...openWork], receipt };
  } catch (error) {
    if (!run.signal.aborted) {
      run.emit(current?.id ?? 'S0', 'failed', { detail: error instanceof Error ? error.message : String(error) });
      throw error;
    }
    const stage = current?.id ?? 'S0';
    run.emit(stage, 'interrupted', { detail: 'what Azure has begun goes on' });
    await journal.append(run.ports.clock(), { stage, event: 'interrupted' });
    throw interrupted(stage);
  }
}

/** The operator is not brought up halfway: what it consists of has to be known before anything is made. */
function requireRelease(run: Run, { stage }: ApplyOptions): void {
  if (run.config.profile !== 'uid2-vn2' || run.bundle !== undefined) return;
  if (stage !== undefined && stage !== 'S8' && stage !== 'S9') return;
  throw new PolicyError('BUNDLE_MISSING', 'the configuration names no release of the operator', {
    action: 'Set operator.bundle to what UID2 sent, or apply single stages with --stage.',
  });
}

async function applyStage(
  run: Run,
  stage: Stage,
  journal: Journal,
  options: ApplyOptions,
): Promise<{ readonly outcome: AppliedStage['outcome']; readonly open: readonly string[] }> {
  run.signal.throwIfAborted();
  run.emit(stage.id, 'started', { detail: stage.title });
  if (stage.id === 'S0') {
    await passDoctor(run, options);
    run.emit(stage.id, 'done', { detail: stage.done });
    return { outcome: 'already', open: [] };
  }
  const state = await lookAt(run, stage);
  if (isComplete(state)) {
    for (const work of state.openWork) run.emit(stage.id, 'warning', { detail: `open: ${work}` });
    run.emit(stage.id, 'already', { detail: doneText(stage, state.openWork) });
    return { outcome: 'already', open: state.openWork };
  }
  await journal.append(run.ports.clock(), { stage: stage.id, event: 'started' });
  const open = await runStage(run, stage, state, journal);
  await settle(run, stage);
  for (const work of open) run.emit(stage.id, 'warning', { detail: `open: ${work}` });
  run.emit(stage.id, 'done', { detail: doneText(stage, open) });
  await journal.append(run.ports.clock(), { stage: stage.id, event: 'done' });
  return { outcome: 'done', open };
}

/** What a complete stage means; with open work nobody may think that all of it is so. */
function doneText(stage: Stage, open: readonly string[]): string {
  return open.length === 0 ? stage.done : 'done, but for what is open';
}

async function passDoctor(run: Run, { doctor }: ApplyOptions): Promise<void> {
  const results = (await doctor?.()) ?? [];
  const blocking = results.filter(({ verdict, severity }) => verdict === 'failed' && severity === 'error');
  for (const { check, verdict, severity, findings } of results) {
    if (verdict !== 'failed' || severity !== 'warning') continue;
    for (const { message } of findings) run.emit('S0', 'warning', { detail: `${check.id}: ${message}` });
  }
  if (blocking.length > 0) throw blockedBy(blocking);
}

/** The error for checks that stand in the way. */
export function blockedBy(blocking: readonly CheckResult[]): PolicyError {
  const lines = blocking.flatMap(({ check, findings }) => findings.map(({ message }) => `${check.id}: ${message}`));
  return new PolicyError('DEPLOYMENT_BLOCKED', `checks stand in the way: ${lines.join('; ')}`, {
    details: { checks: lines },
    action: 'Run holdfast doctor for the remedies.',
  });
}

/** Does what a stage consists of, and answers what somebody else has to do. */
async function runStage(run: Run, stage: Stage, state: StageState, journal: Journal): Promise<readonly string[]> {
  if (stage.tests.some(({ kind }) => kind === 'healthy')) {
    await runHealth(run, stage);
    return [];
  }
  if (state.sets.length > 0) return await runKubernetesStage(run, stage, state);
  if (state.registrations.length > 0) {
    await runRegistrations(run, stage, state);
    return [];
  }
  if (stage.id === 'S2') {
    for (const resource of state.resources) await writeDirectly(run, stage, resource);
    return [];
  }
  if (run.recoverVault) await recoverVault(run, stage);
  for (const deployment of run.deployments) {
    if (deployment.stage === stage.id) await runDeployment(run, stage, deployment, journal);
  }
  // What is only added to comes after what is made (an adopted cluster after its pool, a subnet after its gateway), and is
  // read anew: what was made may have changed it.
  for (const { node } of state.resources) {
    if (node.merge === true) await writeDirectly(run, stage, await resourceState(run, new LiveResources(run), node));
  }
  for (const key of state.keys) if (isMakeable(key)) await makeReleaseKey(run, stage, key);
  return state.openWork;
}

/** What was written may take a moment to be read; what is not there then is an error, never a silent pass. */
async function settle(run: Run, stage: Stage): Promise<void> {
  let missing: readonly string[] = [];
  try {
    await waitFor(run, {
      wait: 'settling',
      stage: stage.id,
      what: stage.title,
      probe: async () => {
        const state = await lookAt(run, stage);
        missing = [...state.unmet, ...(state.written ? [] : unwritten(state))];
        return isComplete(state) ? { done: true } : { pending: missing.join('; ') };
      },
    });
  } catch (error) {
    const late = error instanceof Error && 'code' in error && error.code === 'DEPLOYMENT_DEADLINE';
    throw late ? stageIncomplete(stage.id, missing) : error;
  }
}

function unwritten(state: StageState): readonly string[] {
  const objects = state.sets.flatMap(({ open, objects: own }) =>
    open === undefined ? own.filter(({ change }) => change !== 'none') : [],
  );
  return [
    ...state.resources.filter(({ live }) => live === undefined).map(({ node }) => `${node.id} does not exist`),
    ...objects.map(({ object, fields }) => {
      const where = fields.map(({ path }) => path).join(', ');
      return `${object.kind} ${object.metadata.name} is not as written${where === '' ? '' : `: ${where}`}`;
    }),
    ...state.keys.filter(isMakeable).map(({ name }) => `the key ${name} does not exist`),
    ...(state.secret === undefined || state.secret === 'current' ? [] : [`the secret is ${state.secret}`]),
  ];
}

async function finish(
  run: Run,
  journal: Journal,
  changed: boolean,
  openWork: readonly string[],
  whole: boolean,
): Promise<Receipt | undefined> {
  if (!whole) return undefined;
  const receipt = await makeReceipt(run, { command: 'apply', healthy: openWork.length === 0, openWork });
  if (changed) {
    await saveReceipt(run.ports.state, run.config, receipt);
    await journal.append(run.ports.clock(), { stage: 'S9', event: 'finished' });
  }
  return receipt;
}
