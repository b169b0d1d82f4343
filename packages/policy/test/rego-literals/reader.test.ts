import { PlatformError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FrameworkReference, readLiteralPolicy, requireLiteralsOnly } from '../../src/rego-literals/index.ts';

const read = (body: string): ReturnType<typeof readLiteralPolicy> => readLiteralPolicy(`package policy\n${body}`);
const failure = (code: string): unknown => expect.objectContaining({ code });

describe('readLiteralPolicy', () => {
  it('reads package, imports, JSON values and framework references', () => {
    const policy = read(
      'import future.keywords.every\nimport data.x as y\na := {"k": [1, -2.5e1, true, null, "\\u00e9"],}\nb := data.framework.b\n' +
        'reason := {"errors": data.framework.errors}',
    );
    expect(policy.package).toBe('policy');
    expect(policy.imports).toEqual(['future.keywords.every', 'data.x as y']);
    expect(policy.assignments.get('a')).toEqual({ k: [1, -25, true, null, 'é'] });
    expect(policy.assignments.get('b')).toEqual(new FrameworkReference('b'));
    expect(policy.assignments.get('reason')).toEqual({ errors: new FrameworkReference('errors') });
    expect(policy.lines.get('b')).toBe(5);
    expect(policy.rules).toEqual([]);
  });

  it('tolerates comments, tabs, trailing commas, CRLF, a byte order mark and values over several lines', () => {
    const text = '\uFEFF# head\r\npackage policy # name\r\n\r\na :=\t[ # first\r\n  1,\r\n  2, # last\r\n]\r\n';
    expect(readLiteralPolicy(text).assignments.get('a')).toEqual([1, 2]);
  });

  it('reads raw strings without escapes', () => {
    expect(read('a := `x\\d"`').assignments.get('a')).toBe('x\\d"');
  });

  it.each([
    ['a rule with a body', 'allow if { input.x }', 'allow'],
    ['an older rule with a body', 'allow { input.x }', 'allow'],
    ['a default', 'default allow := false', 'default'],
    ['a function', 'f(x) := x + 1', 'f'],
    ['an expression', 'a := 1 + 2', 'a'],
    ['a comprehension', 'a := [x | x := input.y[_]]', 'a'],
    ['a set', 'a := {1, 2}', 'a'],
    ['another reference', 'a := input.x', 'a'],
    ['a deeper reference', 'a := data.framework.x.y', 'a'],
    ['an equality', 'a = 1', 'a'],
    ['a value with a body', 'a := {"allowed": true} if { input.x }', 'a'],
    ['a call', 'a := parameter("x")', 'a'],
    ['a statement without a name', '[1]', undefined],
    ['a body with a brace in a string and a comment', 'allow if {\n x == "}" # }\n}', 'allow'],
  ])('reports %s as custom Rego with its line and reads on', (_what, statement, name) => {
    const policy = read(`before := 1\n${statement}\nafter := 2`);
    expect(policy.rules).toMatchObject([{ name, line: 3 }]);
    expect([...policy.assignments.keys()]).toEqual(['before', 'after']);
    expect(() => {
      requireLiteralsOnly(policy, 'policy');
    }).toThrow(failure('REGO_CUSTOM_RULE'));
  });

  it.each([
    ['no package line', 'a := 1'],
    ['an empty text', ''],
    ['two words after package', 'package a b'],
    ['an unclosed string', 'package p\na := "x'],
    ['a line break in a string', 'package p\na := "x\ny"'],
    ['a bad escape', 'package p\na := "\\x"'],
    ['an unclosed bracket', 'package p\na := [1, (2'],
    ['a bracket that closes nothing', 'package p\na := ]'],
    ['crossed brackets', 'package p\na := [(1])'],
    ['a name assigned twice', 'package p\na := 1\na := 2'],
    ['a key twice with different values', 'package p\na := {"k": 1, "k": 2}'],
  ])('rejects %s', (_what, text) => {
    expect(() => readLiteralPolicy(text)).toThrow(failure('REGO_MALFORMED'));
  });

  it('accepts a key twice with the same value and a key named __proto__', () => {
    const value = read('a := {"k": [1], "k": [1], "__proto__": {"x": 1}}').assignments.get('a');
    expect(JSON.stringify(value)).toBe('{"k":[1],"__proto__":{"x":1}}');
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it('limits length, depth and number of statements', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(() => read(`a := ${deep}`)).toThrow(failure('REGO_TOO_LARGE'));
    expect(() => readLiteralPolicy('package p\na := 1', { maxLength: 10 })).toThrow(failure('REGO_TOO_LARGE'));
    const many = Array.from({ length: 30 }, (_, index) => `a${index} := 1`).join('\n');
    expect(() => readLiteralPolicy(`package p\n${many}`, { maxStatements: 20 })).toThrow(failure('REGO_TOO_LARGE'));
  });

  it('reads back every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 2), (value, indent) => {
        expect(JSON.stringify(read(`a := ${JSON.stringify(value, null, indent)}`).assignments.get('a'))).toBe(
          JSON.stringify(value),
        );
      }),
    );
  });

  it('answers or throws one of its errors for any text', () => {
    const piece = fc.constantFrom(
      'package p\n',
      'a := ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '`',
      '\\',
      '#',
      '\n',
      ',',
      ':',
      '1',
      'data.framework.x',
      'if ',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }), (pieces) => {
        try {
          readLiteralPolicy(`package p\n${pieces.join('')}`);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
