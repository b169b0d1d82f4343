import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { DependencyError } from '@holdfast/base';

import type { CliIo } from '../context.ts';
import { readLocalCloud } from '../deployment/local-target.ts';
import { runningCloud } from './running-cloud.ts';

/** Everything that a deployed operator needs; the operator itself is deployed. */
const PARTS = 'azure,attestation,core,optout';
const POLL_MS = 100;
/** A new world takes its time on a slow machine. */
const DEADLINE_MS = 300_000;

/**
 * Makes sure that a local cloud runs in `home`: when none does, starts one that outlives this command, and says how to stop it.
 * @throws DependencyError LOCAL_CLOUD_NOT_STARTED with the last line of its log
 */
export async function ensureLocalCloud(io: CliIo, home: string, signal: AbortSignal): Promise<void> {
  if ((await runningCloud(home)) !== undefined) return;
  const log = join(home, 'logs', 'cloud.log');
  mkdirSync(join(home, 'logs'), { recursive: true, mode: 0o700 });
  io.stderr.write(`No local cloud runs in ${home}: starting one in the background.\n`);
  const output = openSync(log, 'w', 0o600);
  const [program, ...args] = [...io.serveCommand.slice(0, -1), 'up', '--only', PARTS, '--home', home];
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...io.env, NO_COLOR: '1' },
    cwd: io.cwd,
  });
  closeSync(output);
  const ended: { how?: string } = {};
  child.once('error', (error) => {
    ended.how = error.message;
  });
  child.once('exit', (code, by) => {
    ended.how = by === null ? `it ended with exit code ${code ?? 0}` : `it ended with signal ${by}`;
  });
  child.unref();
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await isReady(home, child.pid))) {
    if (signal.aborted) child.kill();
    signal.throwIfAborted();
    if (ended.how !== undefined) throw await notStarted(log, ended.how);
    if (performance.now() > deadline) {
      child.kill();
      throw await notStarted(log, `it was not ready within ${DEADLINE_MS / 1000} s`);
    }
    await setTimeout(POLL_MS);
  }
  io.stderr.write(`It runs (process ${child.pid ?? 0}, log ${log}). holdfast down stops it.\n`);
}

/** `ready.json` is there from the moment when everything runs until it stops. */
async function isReady(home: string, pid: number | undefined): Promise<boolean> {
  try {
    await readFile(join(home, 'ready.json'));
    return (await readLocalCloud(home)).pid === pid;
  } catch {
    return false; // not yet
  }
}

async function notStarted(log: string, reason: string): Promise<DependencyError> {
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
  return new DependencyError('LOCAL_CLOUD_NOT_STARTED', `the local cloud was not started: ${reason}: ${lines.at(-1)}`, {
    retryable: false,
    action: `Read ${log}.`,
  });
}
