import { setTimeout } from 'node:timers/promises';

import { errorMessage } from '@holdfast/base';
import { cancelDeployment, runningDeployments } from '@holdfast/deployment';
import type { Run, StageDeployment } from '@holdfast/deployment';

import type { CliIo } from '../context.ts';
import { EXIT_INTERRUPTED } from '../failure.ts';
import { readLine } from '../read-line.ts';

/** npm and the terminal may both deliver the same Ctrl-C; only a later one is another one. */
const SAME_REQUEST_MS = 1_000;
/** How long a second Ctrl-C is waited for. */
const GRACE_MS = 5_000;
const QUESTION_MS = 15_000;
const CANCEL_MS = 10 * 60_000;

/** Ctrl-C while something is deployed: the first stops waiting, the second is about what Azure is doing, the third ends. */
export interface DeploymentStop {
  /** Aborts at the first. */
  readonly signal: AbortSignal;
  /** Resolves at the second. */
  readonly again: Promise<void>;
  release(): void;
}

export interface StopOptions {
  /** Whether the second can be answered by a question now; otherwise it ends the process. */
  readonly asks: () => boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** Listens for Ctrl-C until it is released. */
export function deploymentStop(io: CliIo, { asks, now = () => performance.now() }: StopOptions): DeploymentStop {
  const stop = new AbortController();
  const again = Promise.withResolvers<void>();
  let count = 0;
  let last = -Infinity;
  const release = io.onStopRequest(() => {
    const at = now();
    if (at - last < SAME_REQUEST_MS) return;
    last = at;
    count += 1;
    if (count === 1) stop.abort();
    else if (count === 2 && asks()) again.resolve();
    else io.exit(EXIT_INTERRUPTED);
  });
  return { signal: stop.signal, again: again.promise, release };
}

/** Whether there is somebody who can be asked. */
export function canAsk(io: CliIo, json: boolean): boolean {
  return !json && io.stdin.isTTY === true && io.stderr.isTerminal;
}

/**
 * After an interruption: says what Azure goes on with and how to cancel that. On a terminal a second Ctrl-C within five
 * seconds asks whether to cancel it now; what it has made stays. Never throws: the interruption is what the command ends with.
 */
export async function offerCancel(
  io: CliIo,
  run: Run,
  stop: DeploymentStop,
  { asks, graceMs = GRACE_MS }: { readonly asks: boolean; readonly graceMs?: number },
): Promise<void> {
  try {
    const running = await runningDeployments(run, { signal: AbortSignal.timeout(QUESTION_MS) });
    for (const deployment of running) {
      run.emit(deployment.stage, 'interrupted', { resource: deployment.name, detail: howToCancel(deployment) });
      if (!asks || !(await secondRequest(io, stop, graceMs))) continue;
      io.stderr.write(`Cancel ${deployment.name} now? What it has made stays. [y/N] `);
      if (!/^y(?:es)?$/i.test((await readLine(io)).trim())) continue;
      const { provisioningState } = await cancelDeployment(run, deployment, { signal: AbortSignal.timeout(CANCEL_MS) });
      run.emit(deployment.stage, 'done', { resource: deployment.name, detail: `is ${provisioningState}` });
    }
  } catch (error) {
    run.emit('S0', 'warning', { detail: `Azure could not be asked what it goes on with: ${errorMessage(error)}` });
  }
}

async function secondRequest(io: CliIo, stop: DeploymentStop, graceMs: number): Promise<boolean> {
  io.stderr.write(`Ctrl-C once more within ${Math.ceil(graceMs / 1_000)} s to cancel it.\n`);
  const waiting = new AbortController();
  const over = setTimeout(graceMs, false, { signal: waiting.signal }).catch(() => false);
  const pressed = await Promise.race([stop.again.then(() => true), over]);
  waiting.abort();
  return pressed;
}

function howToCancel({ scope, name }: StageDeployment): string {
  const subscription = `--subscription ${scope.subscriptionId}`;
  const command =
    scope.resourceGroup === undefined
      ? `az deployment sub cancel ${subscription} --name ${name}`
      : `az deployment group cancel ${subscription} --resource-group ${scope.resourceGroup} --name ${name}`;
  return `goes on in Azure, and the same command goes on with it; to cancel it: ${command}`;
}
