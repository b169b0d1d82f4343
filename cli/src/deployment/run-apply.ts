import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { errorMessage, RequestError } from '@holdfast/base';
import { apply, assertPlanHolds, interrupted, plan, readPlanFile, stageIds } from '@holdfast/deployment';
import type { ApplyResult, Plan, PlanFile, StageId } from '@holdfast/deployment';

import type { ApplyFlags } from '../commands/deployment.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { confirmRun } from './confirm.ts';
import { checksFor } from './engine-checks.ts';
import { withExitCodes } from './exit-codes.ts';
import { canAsk, deploymentStop, offerCancel } from './interruption.ts';
import { connectCloud, openDeployment } from './open-deployment.ts';
import type { Connect } from './open-deployment.ts';
import { eventPrinter } from './progress.ts';

/** `holdfast apply`: brings the cloud to what the configuration, or a plan made before, says. */
export async function runApply(
  context: CliContext,
  flags: ApplyFlags,
  planPath?: string,
  connect?: Connect,
): Promise<void> {
  const { io } = context;
  await withExitCodes(context, flags.json, async () => {
    const stage = stageOf(flags.stage);
    const asks = canAsk(io, flags.json);
    let applying = false;
    const stop = deploymentStop(io, { asks: () => asks && applying });
    const file = planPath === undefined ? undefined : await readPlan(io, planPath);
    // Progress begins once it is confirmed what is going to happen.
    const opened = await openDeployment(io, flags, {
      onEvent: eventPrinter(io, flags.json),
      signal: stop.signal,
      withKey: true,
      adopt: flags.adopt,
      recoverVault: flags.recoverVault,
      connect: connect ?? startingLocally(stop.signal),
    });
    try {
      if (file !== undefined) await assertPlanHolds(opened.run, file);
      if (!flags.yes)
        await confirmRun(io, opened.run, summary(file?.plan ?? (await plan(opened.run, { whatIf: false }))), false);
      applying = true;
      const result = await apply(opened.run, {
        doctor: async () => await checksFor(io, opened),
        ...(stage === undefined ? {} : { stage }),
      });
      report(io, result, flags.json);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      if (applying) await offerCancel(io, opened.run, stop, { asks });
      throw interruptedBy(error);
    } finally {
      stop.release();
      await opened.close();
    }
  });
}

/** Only an apply starts a local cloud, once its configuration could be read: everything else works on what is there. */
function startingLocally(signal: AbortSignal): Connect {
  return async (io, config, target, home) => {
    if (target === 'local') {
      const { ensureLocalCloud } = await import('../up/background-cloud.ts');
      await ensureLocalCloud(io, home, signal);
    }
    return connectCloud(io, config, target, home);
  };
}

/** Whatever a stopped run threw, it was stopped. */
function interruptedBy(error: unknown): unknown {
  const known = error instanceof Error && 'code' in error && error.code === 'DEPLOYMENT_INTERRUPTED';
  return known ? error : interrupted();
}

function stageOf(name: string | undefined): StageId | undefined {
  if (name === undefined) return undefined;
  const stage = stageIds.find((id) => id.toLowerCase() === name.toLowerCase());
  if (stage !== undefined) return stage;
  throw new RequestError('STAGE_UNKNOWN', `there is no stage ${name}`, {
    action: `It is one of ${stageIds.join(', ')}.`,
  });
}

async function readPlan(io: CliIo, path: string): Promise<PlanFile> {
  try {
    return readPlanFile(await readFile(resolve(io.cwd, path), 'utf8'));
  } catch (cause) {
    if (!(cause instanceof Error) || !('syscall' in cause)) throw cause;
    throw new RequestError('INPUT_UNREADABLE', `${path} cannot be read: ${errorMessage(cause)}`, {
      cause,
      action: 'Make a plan with holdfast plan --out.',
    });
  }
}

function summary({ stages }: Plan): string {
  const changes = stages.flatMap((stage) => stage.changes);
  const count = (actions: readonly string[]): number => changes.filter(({ action }) => actions.includes(action)).length;
  const made = count(['create', 'register', 'write-secret']);
  return `holdfast apply makes ${made} things and changes ${count(['update', 'disruptive'])}:`;
}

function report(io: CliIo, { stages, changed, openWork, receipt }: ApplyResult, json: boolean): void {
  if (json) {
    writeJson(io, {
      version: 1,
      changed,
      stages,
      openWork,
      receipt:
        receipt === undefined ? null : { at: receipt.at, healthy: receipt.healthy, release: receipt.release ?? null },
    });
    return;
  }
  io.stdout.write(changed ? 'Everything is as the configuration says.\n' : 'Nothing had to be changed.\n');
  for (const work of openWork) io.stdout.write(`Still to be done: ${work}.\n`);
}
