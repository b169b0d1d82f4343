import { PlatformError } from '@holdfast/base';
import { runsOf } from '@holdfast/base/testing/thorough';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createRegoEngine, errorCodes, parseRegoModule, RegoSet, regoToJson } from '../../src/index.ts';
import type { RegoEngineOptions, RegoJson, RegoObservation } from '../../src/index.ts';
import { moduleOf, regoCases } from './cases.ts';

function ask(text: string, input?: RegoJson, options: Partial<RegoEngineOptions> = {}): unknown {
  const engine = createRegoEngine({ modules: [parseRegoModule(text, { file: 'policy.rego' })], ...options });
  const value = engine.query('data.policy.p', input === undefined ? {} : { input });
  return value === undefined ? undefined : regoToJson(value);
}

function failure(run: () => unknown): PlatformError {
  try {
    run();
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

const head = 'package policy\nimport rego.v1\n';

describe('createRegoEngine', () => {
  it('calls host functions with JSON values and treats undefined as no value', () => {
    const hostFunctions = {
      query_reference_value: { arity: 1, call: (id: unknown) => (id === 'svn' ? ['1', '2'] : null) },
    };
    expect(ask(`${head}p if "1" in query_reference_value("svn")`, {}, { hostFunctions })).toBe(true);
    expect(ask(`${head}p if "1" in query_reference_value("other")`, {}, { hostFunctions })).toBeUndefined();
    const nothing = { lookup: { arity: 1, call: () => undefined } };
    expect(ask(`${head}p := lookup(1)`, {}, { hostFunctions: nothing })).toBeUndefined();
  });

  it('tells an observer what is compared and which host functions are called, with the rules that wait', () => {
    const text = `${head}p := {"a": a, "b": b}\ndefault a := 0\na := 1 if "x" in lookup("names")\ndefault b := 0\nb := 1 if same(2)\nsame(v) if v >= lookup("least")`;
    const engine = createRegoEngine({
      modules: [parseRegoModule(text, { file: 'p.rego' })],
      hostFunctions: { lookup: { arity: 1, call: (name) => (name === 'names' ? ['y'] : 3) } },
    });
    const seen: RegoObservation[] = [];
    const value = engine.query('data.policy.p', { observe: (observation) => seen.push(observation) });
    expect(value === undefined ? undefined : regoToJson(value)).toEqual({ a: 0, b: 0 });
    const underA = ['data.policy.p', 'data.policy.a'];
    const underB = ['data.policy.p', 'data.policy.b', 'data.policy.same'];
    expect(seen).toMatchObject([
      { kind: 'host-call', name: 'lookup', values: ['names'], result: { items: ['y'] }, rules: underA },
      { kind: 'comparison', operator: 'in', left: 'x', right: { items: ['y'] }, holds: false, rules: underA },
      { kind: 'host-call', name: 'lookup', values: ['least'], result: 3, rules: underB },
      { kind: 'comparison', operator: '>=', left: 2, right: 3, holds: false, rules: underB },
    ]);
  });

  it('says which host function failed', () => {
    const hostFunctions = {
      broken: {
        arity: 0,
        call: (): RegoJson => {
          throw new TypeError('disk');
        },
      },
    };
    expect(failure(() => ask(`${head}p := broken()`, {}, { hostFunctions })).code).toBe('REGO_HOST_FUNCTION_FAILED');
  });

  it('lets a query bring its own data', () => {
    const modules = [parseRegoModule(`${head}p := data.plugin`, { file: 'p.rego' })];
    const engine = createRegoEngine({ modules, data: { plugin: 'a' } });
    expect(engine.query('data.policy.p')).toBe('a');
    expect(engine.query('data.policy.p', { data: { plugin: 'b' } })).toBe('b');
  });

  it('joins modules of several packages and follows imports', () => {
    const texts = [
      'package lib.text\nshout(x) := upper(x)\nname := "x"',
      `${head}import data.lib.text as t\np := t.shout(t.name)`,
    ];
    const modules = texts.map((text, at) => parseRegoModule(text, { file: `${at}.rego` }));
    expect(createRegoEngine({ modules }).query('data.policy.p')).toBe('X');
  });

  it('gives a package as the object of its rules, without functions', () => {
    const modules = [parseRegoModule(`${head}a := 1\nb contains 2\nf(x) := x`, { file: 'p.rego' })];
    const engine = createRegoEngine({ modules, data: { policy: { c: 3 } } });
    const value = engine.query('data.policy');
    expect(value === undefined ? undefined : regoToJson(value)).toEqual({ a: 1, b: [2], c: 3 });
    expect(engine.query('data.policy.b')).toBeInstanceOf(RegoSet);
    expect(engine.hasRule('data.policy.a')).toBe(true);
    expect(engine.hasRule('data.policy.c')).toBe(false);
  });

  it('reads the clock only where it is given', () => {
    expect(ask(`${head}p := time.now_ns()`, {}, { clock: () => 1000 })).toBe(1_000_000_000);
    expect(ask(`${head}p := time.now_ns()`, {})).toBeUndefined();
  });

  it('keeps integers of 64 bits exact', () => {
    expect(ask(`${head}p := input.policy + 1`, { policy: 18446744073709551615n })).toBe(18446744073709551616n);
  });

  it.each([
    ['p := x', 3, 6],
    ['p :=\n  [1, 2', 5, 1],
    ['p := "abc', 3, 6],
    ['p if {\n  a ? b\n}', 4, 5],
    ['p := count(1, 2)', 3, 6],
  ])('names line and column of %j', (rules, line, column) => {
    const error = failure(() => ask(`${head}${rules}\n`));
    expect(error.code).toBe('REGO_SYNTAX_INVALID');
    expect(error.details).toEqual({ file: 'policy.rego', line, column });
    expect(error.message).toMatch(/^policy\.rego:\d+:\d+: .+\.$/);
  });

  it('refuses to replace functions by `with`', () => {
    expect(failure(() => ask(`${head}p if count([]) == 1 with count as f\nf(x) := 1`)).code).toBe(
      'REGO_FEATURE_UNSUPPORTED',
    );
  });

  it.each([
    [
      'an endless product of loops',
      'p := [1 | a := numbers.range(1, 1000)[_]; b := numbers.range(1, 1000)[_]; c := numbers.range(1, 1000)[_]]',
    ],
    ['a long range', 'p := numbers.range(1, 1000000000000)'],
    [
      'doubled texts',
      `p := x40 if { x0 := "aaaaaaaaaaaaaaaa"; ${Array.from({ length: 40 }, (_, at) => `x${at + 1} := concat("", [x${at}, x${at}])`).join('; ')} }`,
    ],
    [
      'doubled arrays',
      `p := x40 if { x0 := [1]; ${Array.from({ length: 40 }, (_, at) => `x${at + 1} := [x${at}, x${at}]`).join('; ')} }`,
    ],
    ['a wide format', 'p := sprintf("%999d", [[1 | numbers.range(1, 100000)[_]; numbers.range(1, 100000)[_]]])'],
    [
      'replacement that grows',
      `p := x9 if { x0 := "aaaaaaaaaaaaaaaa"; ${Array.from({ length: 9 }, (_, at) => `x${at + 1} := replace(x${at}, "a", x${at})`).join('; ')} }`,
    ],
    ['deep nesting', `p := ${'['.repeat(5000)}${']'.repeat(5000)}`],
    [
      'a long chain of rules',
      `p := r0\n${Array.from({ length: 400 }, (_, at) => `r${at} := r${at + 1}`).join('\n')}\nr400 := 1`,
    ],
  ])('ends %s at a limit', (_, rules) => {
    expect(failure(() => ask(`${head}${rules}`)).code).toBe('REGO_LIMIT_EXCEEDED');
  });

  it('only lets errors of its own escape from damaged modules, and ends', () => {
    const texts = regoCases.map(moduleOf);
    const limits = { maxSteps: 20_000 };
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.nat(),
        fc.nat(8),
        fc.string({ maxLength: 6 }),
        (text, at, cut, added) => {
          const position = at % text.length;
          const damaged = text.slice(0, position) + added + text.slice(position + cut);
          try {
            const engine = createRegoEngine({ modules: [parseRegoModule(damaged, { file: 'f', limits })], limits });
            engine.query('data.t', { input: { xs: [1, 2, 3], n: 1 } });
          } catch (error) {
            if (!(error instanceof PlatformError)) throw error;
            expect(errorCodes).toHaveProperty(error.code);
          }
        },
      ),
      { numRuns: runsOf(150, 600) },
    );
  });

  it('orders values by type, then content, whatever the order they come in', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(fc.array(json, { maxLength: 6 }), (values) => {
        const forward = ask(`${head}p := sort(input)`, values);
        const backward = ask(`${head}p := sort(input)`, values.toReversed());
        expect(forward).toEqual(backward);
      }),
      { numRuns: runsOf(25, 100) },
    );
  });
});
