import { setTimeout } from 'node:timers/promises';

import { status } from '@holdfast/deployment';
import type { Status, StatusState } from '@holdfast/deployment';

import type { StatusFlags } from '../commands/deployment.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { exitCodes } from './exit-codes.ts';
import { lookingAt } from './looking-at.ts';
import type { Connect } from './open-deployment.ts';

const WATCH_MS = 10_000;

const exits: Readonly<Record<Status['state'], number>> = {
  healthy: 0,
  drift: exitCodes.changes,
  degraded: exitCodes.degraded,
  absent: exitCodes.absent,
};

/** How a row is shown; what only informs needs no word. */
const words: Readonly<Record<StatusState, string>> = {
  absent: 'missing',
  degraded: 'degraded',
  drift: 'differs',
  healthy: 'ok',
  unknown: 'unknown',
  information: '',
};

/** `holdfast status`: what is there and how it is; with `--watch` again and again until Ctrl-C. */
export async function runStatus(context: CliContext, flags: StatusFlags, connect?: Connect): Promise<void> {
  await lookingAt(context, flags, connect, async ({ run }, signal) => {
    try {
      for (;;) {
        const found = await status(run);
        show(context.io, found, flags);
        context.setExitCode(exits[found.state]);
        if (!flags.watch) break;
        await setTimeout(WATCH_MS, undefined, { signal });
      }
    } catch (error) {
      // Watching ends with Ctrl-C, and with what was seen last.
      if (!flags.watch || !signal.aborted) throw error;
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
    lines.push(`  ${words[row.state].padEnd(8)} ${row.name}: ${row.detail}`);
  }
  const healthy = rows.filter((row) => row.state === 'healthy').length;
  const judged = rows.filter((row) => row.state !== 'information').length;
  lines.push(`${state}; ${healthy} of ${judged} as they should be.`);
  io.stdout.write(`${lines.join('\n')}\n`);
}
