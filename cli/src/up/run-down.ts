import { resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { DependencyError, PlatformError } from '@holdfast/base';

import type { DownFlags } from '../commands/down.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { readLocalCloud } from '../deployment/local-target.ts';

const DEFAULT_HOME = '.holdfast';
const POLL_MS = 50;
const DEADLINE_MS = 60_000;

/** `holdfast down`: stops the local cloud that runs in a home folder, wherever it was started. What it holds stays. */
export async function runDown({ io }: CliContext, flags: DownFlags): Promise<void> {
  const home = resolve(io.cwd, flags.home ?? DEFAULT_HOME);
  const pid = await pidOf(home);
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

async function pidOf(home: string): Promise<number | undefined> {
  try {
    return (await readLocalCloud(home)).pid;
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'LOCAL_CLOUD_ABSENT') return undefined;
    throw error;
  }
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

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
