import { errorCodes } from '@holdfast/attestation';

import type { CliIo } from '../context.ts';
import type { Facts } from './describe.ts';
import { KIND_NAMES } from './evidence-item.ts';
import type { EvidenceInput } from './evidence-item.ts';
import type { Judgement } from './judge.ts';

/** Lists what each file is. */
export function renderInputs(inputs: readonly EvidenceInput[], io: CliIo): void {
  const width = Math.max(...inputs.map(({ file }) => file.length));
  for (const { file, item } of inputs) line(io, `${file.padEnd(width)}  ${KIND_NAMES[item.kind]}`);
}

/** One file and the claims of what it holds, a claim a line. */
export function renderFacts(input: EvidenceInput, facts: Facts, io: CliIo): void {
  line(io, `${input.file}: ${KIND_NAMES[input.item.kind]}`);
  const width = Math.min(32, Math.max(0, ...Object.keys(facts).map(({ length }) => length)));
  for (const [name, value] of Object.entries(facts)) line(io, `  ${name.padEnd(width)}  ${spoken(value)}`);
}

/** Every check in order, what was not checked, and the verdict as the last lines. */
export function renderJudgement(judgement: Judgement, now: number, io: CliIo): void {
  line(io, `judged as of ${new Date(now).toISOString()}`);
  line(io, '');
  const labels = judgement.checks.map(({ part, name }) => `${part}: ${name}`);
  const width = Math.max(...labels.map(({ length }) => length));
  for (const [index, { ok, code, reason }] of judgement.checks.entries()) {
    const label = labels[index] ?? '';
    line(io, ok ? `  ok      ${label}` : `  FAILED  ${label.padEnd(width)}  ${reason ?? ''} [${code ?? ''}]`);
  }
  if (judgement.notChecked.length > 0) {
    line(io, '');
    line(io, 'not checked');
    for (const { what, why } of judgement.notChecked) line(io, `  ${what}: ${why}`);
  }
  line(io, '');
  if (judgement.simulated) line(io, 'This evidence stands under a root that --root named, not under AMD or Microsoft.');
  const { failed } = judgement;
  if (failed === undefined) {
    line(io, 'verdict: every check holds');
    return;
  }
  line(io, `verdict: refused. First reason: ${failed.reason ?? failed.name} [${failed.code ?? ''}]`);
  const action = errorCodes[failed.code ?? '']?.action;
  if (action !== undefined) line(io, `next: ${action}`);
}

function spoken(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}

/** Evidence is written by others: nothing of it may steer the terminal. */
function line(io: CliIo, text: string): void {
  io.stdout.write(`${text.replace(/[\p{Cc}\p{Cf}]/gu, '?').trimEnd()}\n`);
}
