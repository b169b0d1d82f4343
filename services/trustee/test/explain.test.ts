import { createRegoEngine, parseRegoModule } from '@holdfast/policy';
import type { RegoJson } from '@holdfast/policy';
import { describe, expect, it } from 'vitest';

import { unmetReferences } from '../src/appraisal/explain.ts';
import type { UnmetReference } from '../src/appraisal/explain.ts';

const HEAD = 'package policy\n\nimport rego.v1\n';

function explain(
  rules: string,
  references: Readonly<Record<string, RegoJson>>,
  vector: Readonly<Record<string, number>>,
  evidence: Readonly<Record<string, string | number | boolean>> = {},
): readonly UnmetReference[] {
  const engine = createRegoEngine({
    modules: [parseRegoModule(`${HEAD}${rules}`, { file: 'policy.rego' })],
    hostFunctions: {
      query_reference_value: { arity: 1, call: (name) => references[typeof name === 'string' ? name : ''] ?? null },
    },
  });
  return unmetReferences(vector, engine, evidence);
}

describe('unmetReferences', () => {
  it('names claim, reference value, and both sides', () => {
    const rules =
      'default executables := 33\nexecutables := 3 if input.a in query_reference_value("a")\ntrust_claims := {"executables": executables}';
    expect(explain(rules, { a: ['x', 'y'] }, { executables: 33 }, { a: 'z' })).toEqual([
      { claim: 'executables', reference: 'a', expected: '["x","y"]', received: '"z"' },
    ]);
    expect(explain(rules, {}, { executables: 33 }, { a: 'z' })).toEqual([
      { claim: 'executables', reference: 'a', expected: 'nothing', received: '"z"' },
    ]);
    expect(explain(rules, { a: ['z'] }, { executables: 33 }, { a: 'z' })).toEqual([]);
  });

  it('follows reference values through variables, functions and loops', () => {
    const rules = `
default hardware := 97
hardware := 2 if {
  wanted := query_reference_value("svn")
  input.svn >= wanted
}
default configuration := 36
configuration := 2 if same(input.debug, "debug")
same(value, name) if value == query_reference_value(name)
default executables := 33
executables := 3 if {
  some allowed in query_reference_value("images")
  input.image == allowed
}
trust_claims := {"hardware": hardware, "configuration": configuration, "executables": executables}
`;
    const references = { svn: 5, debug: false, images: ['one', 'two'] };
    const evidence = { svn: 4, debug: true, image: 'three' };
    expect(explain(rules, references, { hardware: 97, configuration: 36, executables: 33 }, evidence)).toEqual([
      { claim: 'hardware', reference: 'svn', expected: '5', received: '4' },
      { claim: 'configuration', reference: 'debug', expected: 'false', received: 'true' },
      { claim: 'executables', reference: 'images', expected: '["one","two"]', received: '"three"' },
    ]);
  });

  it('leaves out what is affirmed, and what is compared with anything but a reference value', () => {
    const rules = `
default executables := 33
executables := 3 if {
  input.mode == "strict"
  input.a in query_reference_value("a")
}
default hardware := 97
hardware := 2 if input.b in query_reference_value("b")
hardware := 2 if input.c in query_reference_value("c")
trust_claims := {"executables": executables, "hardware": hardware}
`;
    const evidence = { mode: 'loose', a: 1, b: 2, c: 3 };
    expect(explain(rules, { a: [1], b: [0], c: [3] }, { executables: 33, hardware: 2 }, evidence)).toEqual([]);
  });

  it('says which reference value was looked at and is not there, without a comparison', () => {
    const rules =
      'default hardware := 97\nhardware := 2 if not is_null(query_reference_value("svn"))\ntrust_claims := {"hardware": hardware}';
    expect(explain(rules, {}, { hardware: 97 })).toEqual([
      { claim: 'hardware', reference: 'svn', expected: 'nothing' },
    ]);
  });

  it('keeps to a few lines of bounded length, whatever the policy and the evidence', () => {
    const rules = `
default hardware := 97
hardware := 2 if {
  some n in numbers.range(1, 500)
  input.long in query_reference_value(sprintf("name%d", [n]))
}
trust_claims := {"hardware": hardware}
`;
    const references = Object.fromEntries(
      Array.from({ length: 500 }, (_, at) => [`name${at + 1}`, ['x'.repeat(5000)]]),
    );
    const found = explain(rules, references, { hardware: 97 }, { long: 'y'.repeat(5000) });
    expect(found).toHaveLength(16);
    for (const { expected, received = '' } of found) {
      expect(expected.length).toBeLessThan(250);
      expect(received.length).toBeLessThan(250);
    }
  });
});
