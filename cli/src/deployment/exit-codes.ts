import { PlatformError } from '@holdfast/base';

import type { CliContext } from '../context.ts';
import { failureOf, renderFailure } from '../failure.ts';

/** Exit codes of `plan`, `apply`, `status` and the operations beside the general ones. */
export const exitCodes = {
  /** `plan`: something would change; `status`: something is not as written. */
  changes: 2,
  blocked: 3,
  interrupted: 5,
  unconfirmed: 6,
  deadline: 7,
  degraded: 8,
  absent: 9,
} as const;

const byCode: Readonly<Record<string, number>> = {
  DEPLOYMENT_BLOCKED: exitCodes.blocked,
  DEPLOYMENT_INTERRUPTED: exitCodes.interrupted,
  DEPLOYMENT_UNCONFIRMED: exitCodes.unconfirmed,
  DEPLOYMENT_DEADLINE: exitCodes.deadline,
};

/** Runs a command; failures with an exit code of their own are shown and end with it. */
export async function withExitCodes(context: CliContext, json: boolean, command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    const exitCode = error instanceof PlatformError ? byCode[error.code] : undefined;
    if (exitCode === undefined) throw error;
    renderFailure(failureOf(error), json, context.io);
    context.setExitCode(exitCode);
  }
}
