import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';

import { DependencyError, PlatformError } from '@holdfast/base';

import type { DownFlags } from '../commands/down.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { readLocalCloud } from '../deployment/local-target.ts';
import { homeFolder } from '../home-folder.ts';

const POLL_MS = 50;
const DEADLINE_MS = 60_000;
const CONNECT_DEADLINE_MS = 5_000;

/** `holdfast down`: stops the local cloud that runs in a home folder, wherever it was started. What it holds stays. */
export async function runDown({ io }: CliContext, flags: DownFlags): Promise<void> {
  const home = homeFolder(io, flags.home);
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

/** Undefined also when the process of a cloud that was cut off is gone and another has its number: then nobody listens. */
async function pidOf(home: string): Promise<number | undefined> {
  try {
    const { pid, armUrl } = await readLocalCloud(home);
    return (await isListening(new URL(armUrl))) ? pid : undefined;
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'LOCAL_CLOUD_ABSENT') return undefined;
    throw error;
  }
}

function isListening({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const answer = (listening: boolean) => (): void => {
      socket.destroy();
      resolve(listening);
    };
    socket.setTimeout(CONNECT_DEADLINE_MS, answer(false));
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
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

/** A process that has ended stays in the list of its parent until that looks, which some containers' first process never does. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
