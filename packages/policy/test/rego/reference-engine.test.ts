import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PlatformError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { createRegoEngine, parseRegoModule, regoToJson } from '../../src/index.ts';
import { moduleOf, regoCases } from './cases.ts';
import type { RegoCase } from './cases.ts';

type Answer = { readonly value: unknown } | { readonly undefined: true } | { readonly error: true };

const known = JSON.parse(readFileSync(new URL('known-answers.json', import.meta.url), 'utf8')) as Record<
  string,
  Answer
>;

function answerOf(rego: RegoCase): Answer {
  try {
    const modules = [parseRegoModule(moduleOf(rego), { file: 'case.rego' })];
    const engine = createRegoEngine({ modules, data: rego.data ?? {} });
    const value = engine.query('data.t.p', rego.input === undefined ? {} : { input: rego.input });
    return value === undefined ? { undefined: true } : { value: plain(regoToJson(value)) };
  } catch (error) {
    if (error instanceof PlatformError) return { error: true };
    throw error;
  }
}

/** As JSON.parse reads it: the recorded answers have no integers beyond 2^53. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? Number(part) : part)),
  ) as unknown;
}

describe('the interpreter answers as Open Policy Agent 1.4.2 did', () => {
  it.each(regoCases.map((rego) => [rego.name, rego] as const))('%s', (name, rego) => {
    expect(answerOf(rego)).toEqual(known[name]);
  });
});

const opa = process.env['HOLDFAST_OPA'];

/** `HOLDFAST_OPA` names an opa binary, 1.4 or later. */
describe.skipIf(opa === undefined)('the opa binary', () => {
  it('still gives the recorded answers', { timeout: 600_000 }, () => {
    for (const rego of regoCases) expect([rego.name, askOpa(opa ?? '', rego)]).toEqual([rego.name, known[rego.name]]);
  });
});

function askOpa(binary: string, rego: RegoCase): Answer {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-opa-'));
  try {
    writeFileSync(join(folder, 'case.rego'), moduleOf(rego));
    writeFileSync(join(folder, 'data.json'), JSON.stringify(rego.data ?? {}));
    const language = rego.older === true ? ['--v0-compatible'] : [];
    const files = ['-d', join(folder, 'case.rego'), '-d', join(folder, 'data.json'), '--stdin-input'];
    const out = execFileSync(binary, ['eval', '--format', 'json', ...language, ...files, 'data.t.p'], {
      input: JSON.stringify(rego.input ?? null),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const { result } = JSON.parse(out.toString()) as { result?: { expressions: { value: unknown }[] }[] };
    const first = result?.[0]?.expressions[0];
    return first === undefined ? { undefined: true } : { value: first.value };
  } catch {
    return { error: true };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
