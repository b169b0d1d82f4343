import { resolve } from 'node:path';

import { removeReadyFile, startLocalCloud, writeReadyFile } from '@holdfast/local';
import type { LocalCloud, ProvedCheck } from '@holdfast/local';

import type { UpFlags } from '../commands/up.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_INTERRUPTED } from '../failure.ts';
import { homeFolder } from '../home-folder.ts';
import { deployOperator } from './deploy-operator.ts';
import { portBaseOf } from './port-base.ts';
import { progressPrinter, seconds } from './progress.ts';
import { NEXT_STEPS, summary } from './summary.ts';

/** npm and the terminal may both deliver the same Ctrl-C; only a later one is a second one. */
const SAME_REQUEST_MS = 1000;

/** `holdfast up`: brings the local cloud up, proves it, and keeps it until it is told to stop. */
export async function runUp(context: CliContext, flags: UpFlags): Promise<void> {
  const { io } = context;
  const stop = stopRequests(io);
  const readyFile = flags.readyFile === undefined ? undefined : resolve(io.cwd, flags.readyFile);
  if (readyFile !== undefined) await removeReadyFile(readyFile);
  const begun = performance.now();
  const print = flags.json ? undefined : progressPrinter(io);
  let cloud: LocalCloud | undefined;
  try {
    cloud = await startLocalCloud({
      home: homeFolder(io, flags.home),
      portBase: flags.portBase ?? portBaseOf(io.env),
      salts: flags.salts,
      only: flags.only,
      keepPolicy: flags.keepPolicy,
      serve: io.serveCommand,
      deploy: deployOperator(io),
      failFast: flags.check,
      environment: io.env,
      signal: stop.signal,
      killSignal: stop.killSignal,
      ...(print === undefined ? {} : { onProgress: print }),
    });
    const checks = await cloud.verify();
    stop.signal.throwIfAborted();
    if (readyFile !== undefined) await writeReadyFile(readyFile, cloud.ready);
    showReady(io, flags, cloud, checks, performance.now() - begun);
    if (!flags.check) await stop.requested;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    context.setExitCode(EXIT_INTERRUPTED);
  } finally {
    await takeDown(io, flags, cloud, readyFile);
    stop.release();
  }
}

function showReady(io: CliIo, flags: UpFlags, cloud: LocalCloud, checks: readonly ProvedCheck[], tookMs: number): void {
  if (flags.json) {
    writeJson(io, { version: 1, ready: cloud.ready, salts: cloud.salts, checks, tookMs: Math.round(tookMs) });
    return;
  }
  io.stderr.write('\n');
  io.stdout.write(summary(cloud, checks, tookMs));
  if (!flags.check) io.stderr.write(NEXT_STEPS);
}

async function takeDown(
  io: CliIo,
  flags: UpFlags,
  cloud: LocalCloud | undefined,
  readyFile: string | undefined,
): Promise<void> {
  if (readyFile !== undefined && !flags.check) await removeReadyFile(readyFile);
  if (cloud === undefined) return;
  const begun = performance.now();
  if (!flags.json) io.stderr.write('\nstopping …\n');
  await cloud.stop();
  if (!flags.json) io.stderr.write(`everything is stopped (${seconds(performance.now() - begun)})\n`);
}

export interface StopRequests {
  /** Aborts at the first request. */
  readonly signal: AbortSignal;
  /** Aborts at the second, after which the process ends. */
  readonly killSignal: AbortSignal;
  readonly requested: Promise<void>;
  release(): void;
}

/** What Ctrl-C means while something runs: once to stop it in order, a second time to end at once. */
export function stopRequests(io: CliIo): StopRequests {
  const stop = new AbortController();
  const kill = new AbortController();
  const requested = Promise.withResolvers<void>();
  let first: number | undefined;
  const release = io.onStopRequest(() => {
    const now = performance.now();
    if (first === undefined) {
      first = now;
      stop.abort();
      requested.resolve();
    } else if (now - first > SAME_REQUEST_MS) {
      kill.abort();
      io.exit(EXIT_INTERRUPTED);
    }
  });
  return { signal: stop.signal, killSignal: kill.signal, requested: requested.promise, release };
}
