import { dirname, join } from 'node:path';

import { loadVectors, vectorsFolder } from '@holdfast/base/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { policyWorkspace } from './workspace.ts';
import type { PolicyWorkspace } from './workspace.ts';

interface VectorCase {
  readonly id: string;
  readonly kind: string;
  readonly file?: string;
  readonly files?: readonly string[];
  readonly verdicts?: readonly boolean[];
  readonly computed?: { readonly policyData: string };
  readonly cases?: readonly { readonly allowed: boolean }[];
}

interface Decisions {
  readonly decisions: readonly { readonly allowed: boolean; readonly errors: readonly string[] | null }[];
}

const folder = vectorsFolder();
const cases = folder === undefined ? [] : (loadVectors('policy/index.json') as { cases: readonly VectorCase[] }).cases;
const ofKind = (kind: string) => cases.filter((entry) => entry.kind === kind);

let workspace: PolicyWorkspace;
beforeAll(async () => {
  workspace = await policyWorkspace();
});
afterAll(() => workspace.remove());

async function evaluate(args: readonly string[]): Promise<Decisions> {
  const { exitCode, stdout, stderr } = await workspace.policy(['evaluate', ...args]);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Decisions;
}

const pathOf = (file: string): string => join(folder ?? '', 'policy', file);

describe.skipIf(folder === undefined)('holdfast policy evaluate answers as recorded', () => {
  it.each(ofKind('cce-decision'))('for $id', async ({ file = '' }) => {
    const recording = loadVectors(`policy/${file}`) as { steps: readonly { allowed: boolean; errors?: unknown }[] };
    const { decisions } = await evaluate(['--type', 'cce', pathOf(file)]);
    expect(decisions.map(({ allowed }) => allowed)).toEqual(recording.steps.map(({ allowed }) => allowed));
    for (const [index, { errors }] of recording.steps.entries()) {
      if (errors !== undefined) expect(decisions[index]?.errors).toEqual(errors);
    }
  });

  it.each(ofKind('kata-ms-decision'))('for $id', async ({ file = '', cases: recorded = [] }) => {
    const { decisions } = await evaluate(['--type', 'kata', pathOf(file)]);
    expect(decisions.map(({ allowed }) => allowed)).toEqual(recorded.map(({ allowed }) => allowed));
  });

  it.each(ofKind('kata-eval'))('for $id', async ({ id, files = [], computed, cases: recorded = [] }) => {
    const policyData = pathOf(computed?.policyData ?? '');
    const requests = join(dirname(policyData), 'requests.normalised.json');
    expect(files.length).toBeGreaterThan(0);
    // Only the sequences about state belong to one sandbox.
    const separate = id.includes('/state__') ? [] : ['--separate'];
    const { decisions } = await evaluate(['--type', 'kata', '--policy', policyData, ...separate, requests]);
    expect(decisions.map(({ allowed }) => allowed)).toEqual(recorded.map(({ allowed }) => allowed));
  });

  it('names the errors of a denied Kata request', async () => {
    const [first] = ofKind('kata-ms-decision');
    const { decisions } = await evaluate(['--type', 'kata', pathOf(first?.file ?? '')]);
    const denied = decisions.filter(({ allowed }) => !allowed);
    expect(denied.length).toBeGreaterThan(0);
    for (const { errors } of denied) expect(errors).not.toEqual([]);
  });
});

describe('holdfast policy evaluate', () => {
  it('takes a recording that carries its policy, from standard input', async () => {
    const policyText = 'package policy\n\napi_version := "0.10.0"\n\ncreate_container := {"allowed": true}\n';
    const recording = { policyText, steps: [{ point: 'dump_stacks', input: {} }] };
    const { exitCode, stdout } = await workspace.policy(['evaluate', '-'], { stdin: JSON.stringify(recording) });
    expect(exitCode).toBe(0);
    expect((JSON.parse(stdout) as Decisions).decisions).toMatchObject([{ point: 'dump_stacks', allowed: false }]);
  });

  it.each([
    ['{"steps": [{"point": "dump_stacks"}]}', 'POLICY_INPUT|CCE_REPLAY_INVALID'],
    ['{"steps": 1}', 'CCE_REPLAY_INVALID'],
    ['{"cases": []}', 'KATA_REQUEST_MALFORMED'],
    ['no JSON', 'POLICY_INPUT_UNREADABLE'],
  ])('ends with 3 for %s', async (text, code) => {
    const { exitCode, stderr } = await workspace.policy(['evaluate', '-'], { stdin: text });
    expect(stderr).toMatch(new RegExp(code, 'u'));
    expect(exitCode).toBe(3);
  });

  it('ends with 4 for a policy with rules of its own', async () => {
    const recording = { policyText: 'package policy\nallow { true }\n', steps: [] };
    const { exitCode, stderr } = await workspace.policy(['evaluate', '-'], { stdin: JSON.stringify(recording) });
    expect(stderr).toContain('REGO_CUSTOM_RULE');
    expect(exitCode).toBe(4);
  });
});
