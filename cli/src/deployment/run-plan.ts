import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { plan, planFile } from '@holdfast/deployment';
import type { Plan, PlanChange } from '@holdfast/deployment';
import { writeFileAtomic } from '@holdfast/process';

import type { PlanFlags } from '../commands/deployment.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { checksFor } from './engine-checks.ts';
import { exitCodes } from './exit-codes.ts';
import { lookingAt } from './looking-at.ts';
import type { Connect } from './open-deployment.ts';

/** `holdfast plan`: what an apply would do. Ends with 0 when nothing changes, 2 when something does, 3 when checks block. */
export async function runPlan(context: CliContext, flags: PlanFlags, connect?: Connect): Promise<void> {
  const { io } = context;
  await lookingAt(context, flags, connect, async (opened) => {
    const made = await plan(opened.run, { doctor: async () => await checksFor(io, opened) });
    const file = planFile(opened.run, made);
    if (flags.out !== undefined) {
      const path = resolve(io.cwd, flags.out);
      await mkdir(dirname(path), { recursive: true });
      await writeFileAtomic(path, `${JSON.stringify(file)}\n`, { mode: 0o600 });
    }
    if (flags.json) writeJson(io, file);
    else io.stdout.write(planText(made, flags.out));
    if (!made.possible) context.setExitCode(exitCodes.blocked);
    else if (made.changed) context.setExitCode(exitCodes.changes);
  });
}

const signs: Readonly<Record<PlanChange['action'], string>> = {
  register: '+',
  create: '+',
  update: '~',
  disruptive: '!',
  replace: '✘',
  upgrade: '↑',
  'write-secret': '*',
};

function planText(made: Plan, out: string | undefined): string {
  const lines: string[] = [];
  for (const { id, title, changes, notes, problems } of made.stages) {
    if (changes.length === 0 && notes.length === 0 && problems.length === 0) continue;
    lines.push(`${id}  ${title}`);
    for (const change of changes) lines.push(...changeLines(change));
    for (const problem of problems) lines.push(`    blocked: ${problem}`);
    for (const note of notes) lines.push(`    note: ${note}`);
  }
  for (const check of made.blocked) lines.push(`blocked: ${check}`);
  const count = made.stages.reduce((sum, { changes }) => sum + changes.length, 0);
  lines.push(count === 0 ? 'Nothing changes.' : `${count} ${count === 1 ? 'change' : 'changes'}.`);
  if (out !== undefined) lines.push(`The plan holds for 30 minutes: holdfast apply ${out}`);
  return `${lines.join('\n')}\n`;
}

function changeLines({ action, resource, name, fields }: PlanChange): readonly string[] {
  const own = resource === name || resource.endsWith(`/${name}`) ? resource : `${resource} ${name}`;
  const lines = [`  ${signs[action]} ${action} ${own}`];
  for (const { path, before, after, note } of fields) {
    lines.push(`      ${path}: ${shown(before)} → ${shown(after)}${note === undefined ? '' : ` (${note})`}`);
  }
  return lines;
}

function shown(value: unknown): string {
  const text =
    value === undefined || value === null ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 97)}…` : text;
}
