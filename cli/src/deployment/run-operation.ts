import { RequestError } from '@holdfast/base';
import { interrupted } from '@holdfast/deployment';
import type { Uid2Vn2Config } from '@holdfast/deployment';

import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { stopRequests } from '../up/run-up.ts';
import { withExitCodes } from './exit-codes.ts';
import { openDeployment } from './open-deployment.ts';
import type { CloudFlags, Connect, OpenDeployment } from './open-deployment.ts';
import { eventPrinter } from './progress.ts';

/** Flags of every operation that changes something. */
export interface OperationFlags extends CloudFlags {
  readonly yes: boolean;
}

/** Opens the deployment of the flags, works on it, and ends with the exit code that fits what was thrown. */
export async function onDeployment(
  context: CliContext,
  flags: CloudFlags,
  work: (opened: OpenDeployment) => Promise<void>,
  connect?: Connect,
): Promise<void> {
  const { io } = context;
  await withExitCodes(context, flags.json, async () => {
    const stop = stopRequests(io);
    const opened = await openDeployment(io, flags, {
      onEvent: eventPrinter(io, flags.json),
      signal: stop.signal,
      withKey: false,
      ...(connect === undefined ? {} : { connect }),
    });
    try {
      await work(opened);
    } catch (error) {
      throw stop.signal.aborted ? interrupted() : error;
    } finally {
      stop.release();
      await opened.close();
    }
  });
}

/** @throws RequestError PROFILE_UNSUPPORTED */
export function operatorConfig({ run }: OpenDeployment, command: string): Uid2Vn2Config {
  if (run.config.profile === 'uid2-vn2') return run.config;
  throw new RequestError(
    'PROFILE_UNSUPPORTED',
    `${command} is for the profile uid2-vn2, and this is ${run.config.profile}`,
    {
      action: 'Name the configuration of an operator with -f.',
    },
  );
}

/** The result: with `json` one object, otherwise a sentence and what is left to do. */
export function report(
  { io }: CliContext,
  json: boolean,
  sentence: string,
  result: object,
  openWork: readonly string[] = [],
): void {
  if (json) {
    writeJson(io, { version: 1, ...result });
    return;
  }
  io.stdout.write(`${sentence}\n`);
  for (const work of openWork) io.stdout.write(`Still to be done: ${work}\n`);
}
