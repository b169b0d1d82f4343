import { setTimeout } from 'node:timers/promises';

import { status } from '@holdfast/deployment';
import type { Status } from '@holdfast/deployment';

import type { StatusFlags } from '../commands/deployment.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { stopRequests } from '../up/run-up.ts';
import { exitCodes, withExitCodes } from './exit-codes.ts';
import { openDeployment } from './open-deployment.ts';
import type { Connect } from './open-deployment.ts';

const WATCH_MS = 10_000;

const exits: Readonly<Record<Status['state'], number>> = {
  healthy: 0,
  drift: exitCodes.changes,
  degraded: exitCodes.degraded,
  absent: exitCodes.absent,
};

/** `holdfast status`: what is there and how it is; with `--watch` again and again until Ctrl-C. */
export async function runStatus(context: CliContext, flags: StatusFlags, connect?: Connect): Promise<void> {
  const { io } = context;
  await withExitCodes(context, flags.json, async () => {
    const stop = stopRequests(io);
    const opened = await openDeployment(io, flags, {
      onEvent: () => undefined,
      signal: stop.signal,
      withKey: false,
      ...(connect === undefined ? {} : { connect }),
    });
    try {
      for (;;) {
        const found = await status(opened.run);
        show(io, found, flags);
        context.setExitCode(exits[found.state]);
        if (!flags.watch) break;
        await setTimeout(WATCH_MS, undefined, { signal: stop.signal });
      }
    } catch (error) {
      // Watching ends with Ctrl-C, and with what was seen last.
      if (!flags.watch || !stop.signal.aborted) throw error;
    } finally {
      stop.release();
      await opened.close();
    }
  });
}

function show(io: CliIo, { at, state, rows }: Status, flags: StatusFlags): void {
  if (flags.json) {
    writeJson(io, { version: 1, ts: new Date(at).toISOString(), state, rows });
    return;
  }
  const lines: string[] = [];
  let area: string | undefined;
  for (const row of rows) {
    if (row.state === 'healthy' && !flags.verbose) continue;
    if (row.area !== area) lines.push(row.area);
    area = row.area;
    lines.push(`  ${row.state.padEnd(11)} ${row.name}: ${row.detail}`);
  }
  const healthy = rows.filter((row) => row.state === 'healthy').length;
  lines.push(`${state}; ${healthy} of ${rows.length} as they should be.`);
  io.stdout.write(`${lines.join('\n')}\n`);
}
