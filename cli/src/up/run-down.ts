import { setTimeout } from 'node:timers/promises';

import { DependencyError } from '@holdfast/base';
import { isRunning } from '@holdfast/process';

import type { DownFlags } from '../commands/down.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { homeFolder } from '../home-folder.ts';
import { runningCloud } from './running-cloud.ts';

const POLL_MS = 50;
const DEADLINE_MS = 60_000;

/** `holdfast down`: stops the local cloud that runs in a home folder, wherever it was started. What it holds stays. */
export async function runDown({ io }: CliContext, flags: DownFlags): Promise<void> {
  const home = homeFolder(io, flags.home);
  const pid = await runningCloud(home);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    await ended(pid);
  }
  if (flags.json) writeJson(io, { version: 1, home, stopped: pid ?? null });
  else
    io.stdout.write(
      pid === undefined ? `No local cloud runs in ${home}.\n` : `The local cloud in ${home} is stopped.\n`,
    );
}

async function ended(pid: number): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (isRunning(pid)) {
    if (performance.now() > deadline) {
      throw new DependencyError(
        'LOCAL_CLOUD_NOT_STOPPED',
        `process ${pid} is still running after ${DEADLINE_MS / 1000} s`,
        {
          retryable: true,
          details: { pid },
          action: 'Read logs/cloud.log of the home folder, or end the process.',
        },
      );
    }
    await setTimeout(POLL_MS);
  }
}
