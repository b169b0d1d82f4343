import { diffCcePolicies, diffKataPolicies } from '@holdfast/policy';

import type { DiffFlags } from '../commands/policy.ts';
import { writeJson } from '../context.ts';
import type { CliContext, CliIo } from '../context.ts';
import { EXIT_FAILED } from '../failure.ts';
import { findPolicies } from './found-policies.ts';
import type { FoundPolicy } from './found-policies.ts';
import { optionsConflict, readInputText } from './input-file.ts';
import { kataDocument } from './predict-kata.ts';
import { counted, painted, say } from './terminal.ts';

interface Change {
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before: unknown;
  readonly after: unknown;
  readonly effect: 'loosens' | 'tightens' | 'neutral' | 'unknown';
}

interface Comparison {
  readonly before: string;
  readonly after: string;
  readonly measurementChanges: boolean;
  readonly changes: readonly Change[];
}

/** `holdfast policy diff`: what one policy lets through more or less than another; exit code 1 when they differ in meaning. */
export async function runDiff(context: CliContext, flags: DiffFlags, a: string, b: string): Promise<void> {
  const { io } = context;
  const before = findPolicies(await readInputText(io, a), flags.type);
  const after = findPolicies(await readInputText(io, b), flags.type);
  const comparisons = pairs(before, after).map(([left, right]) => compare(left, right));
  if (comparisons.some(({ changes }) => changes.length > 0)) context.setExitCode(EXIT_FAILED);
  if (flags.json) {
    writeJson(io, { version: 1, comparisons });
    return;
  }
  for (const comparison of comparisons) sayComparison(io, comparison);
}

/** Policies of two files belong together by their order when there are equally many, else by who carries them. */
function pairs(before: readonly FoundPolicy[], after: readonly FoundPolicy[]): (readonly [FoundPolicy, FoundPolicy])[] {
  if (before.length === after.length) return before.map((left, index) => [left, after[index] ?? left] as const);
  const paired = before.flatMap((left) => {
    const right = after.find(({ owner }) => owner === left.owner);
    return right === undefined ? [] : [[left, right] as const];
  });
  if (paired.length > 0) return paired;
  throw optionsConflict(`one file holds ${before.length} policies and the other ${after.length}, under other names`);
}

function compare(left: FoundPolicy, right: FoundPolicy): Comparison {
  const places = { before: left.where, after: right.where };
  const { text: a } = left;
  const { text: b } = right;
  if (a === undefined || b === undefined) {
    throw optionsConflict(`${a === undefined ? left.where : right.where} carries no policy to compare`);
  }
  if (left.type !== right.type) throw optionsConflict('a CCE policy and a Kata policy cannot be compared');
  if (left.type === 'cce') {
    const { changes, measurementChanges } = diffCcePolicies(a, b);
    return { ...places, changes, measurementChanges };
  }
  const [from, to] = [kataDocument(a), kataDocument(b)];
  if (from === undefined || to === undefined) {
    const changes: readonly Change[] =
      a === b ? [] : [{ path: 'rules', kind: 'changed', before: undefined, after: undefined, effect: 'unknown' }];
    return { ...places, changes, measurementChanges: left.hostData !== right.hostData };
  }
  const { changes } = diffKataPolicies(from, to);
  return { ...places, changes, measurementChanges: left.hostData !== right.hostData };
}

const COLOURS = { loosens: 'error', tightens: 'ok', neutral: 'info', unknown: 'warning' } as const;

function sayComparison(io: CliIo, { before, after, measurementChanges, changes }: Comparison): void {
  say(io, `${before} -> ${after}`);
  for (const { path, kind, before: old, after: now, effect } of changes) {
    const what = kind === 'added' ? shown(now) : kind === 'removed' ? shown(old) : `${shown(old)} -> ${shown(now)}`;
    io.stdout.write(`  ${painted(io, COLOURS[effect], effect.padEnd(8))}  `);
    say(io, `${kind.padEnd(7)}  ${path}: ${what}`);
  }
  if (changes.length === 0) say(io, '  the same meaning');
  const loosening = changes.filter(({ effect }) => effect === 'loosens').length;
  if (loosening > 0) say(io, `  ${counted(loosening, 'change')} let more through`);
  say(
    io,
    measurementChanges
      ? '  The measurement changes: keys and operators have to know the new one.'
      : '  The measurement stays the same.',
  );
}

const LONGEST = 160;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
