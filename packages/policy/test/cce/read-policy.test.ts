import { damagedText } from '@holdfast/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  type CceContainer,
  cceGenerations,
  infrastructureFragment,
  pauseContainer,
  readCcePolicy,
  writePolicy,
} from '../../src/cce/index.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const texts = fc.array(text, { maxLength: 4 });

const container: fc.Arbitrary<CceContainer> = fc.record({
  id: text,
  name: text,
  layers: texts,
  command: fc.option(texts, { nil: null }),
  env_rules: fc.array(
    fc.record({ pattern: text, strategy: fc.constantFrom('string', 're2'), required: fc.boolean() }),
    { maxLength: 4 },
  ),
  working_dir: text,
  mounts: fc.array(fc.record({ destination: text, options: texts, source: text, type: fc.constant('bind') }), {
    maxLength: 3,
  }),
  allow_elevated: fc.boolean(),
  exec_processes: fc.array(fc.record({ command: texts, signals: fc.array(fc.nat(64)) }), { maxLength: 3 }),
  signals: fc.array(fc.nat(64), { maxLength: 3 }),
  user: fc.constant(pauseContainer.user),
  capabilities: fc.option(fc.constant(pauseContainer.capabilities), { nil: null }),
  seccomp_profile_sha256: text,
  allow_stdio_access: fc.boolean(),
  no_new_privileges: fc.boolean(),
});

const parts = fc.record({
  generation: fc.constantFrom(...Object.values(cceGenerations)),
  containers: fc.array(container, { maxLength: 3 }),
  fragments: fc.constantFrom([], [infrastructureFragment]),
  debugMode: fc.boolean(),
});

describe('readCcePolicy', () => {
  it('reads back what writePolicy wrote, compact and pretty, with nothing left over', () => {
    fc.assert(
      fc.property(parts, fc.constantFrom('compact' as const, 'pretty' as const), (written, format) => {
        const policy = readCcePolicy(writePolicy(written, format));
        expect(policy.containers).toEqual(written.containers);
        expect(policy.fragments).toEqual(written.fragments);
        expect(policy).toMatchObject({
          apiVersion: written.generation.apiVersion,
          frameworkVersion: written.generation.frameworkVersion,
        });
        expect([policy.customRules.length, policy.others.size]).toEqual([0, 0]);
        expect(policy.flags.get('allow_dump_stacks')).toBe(written.debugMode);
      }),
    );
  });

  it('writes the same bytes again from what it read', () => {
    fc.assert(
      fc.property(parts, (written) => {
        const once = writePolicy(written);
        const { containers, fragments } = readCcePolicy(once);
        const again = writePolicy({
          ...written,
          containers: containers as unknown as CceContainer[],
          fragments: fragments as never,
        });
        expect(again).toBe(once);
      }),
    );
  });

  it('never takes a policy that was cut off for a whole one', () => {
    const whole = writePolicy({ generation: cceGenerations.G4, containers: [], fragments: [infrastructureFragment] });
    const { points } = readCcePolicy(whole);
    for (let end = 0; end < whole.length; end += 1) {
      let found: ReturnType<typeof readCcePolicy> | undefined;
      try {
        found = readCcePolicy(whole.slice(0, end));
      } catch (error) {
        expect((error as { code?: string }).code).toMatch(/^(?:REGO|CCE)_/);
      }
      // A text without its last statement is a document; it just says less.
      if (found?.customRules.length === 0) expect(found.points.size <= points.size).toBe(true);
    }
  });

  it('lets only its own errors escape from damaged policies', () => {
    const valid = writePolicy({
      generation: cceGenerations.G3,
      containers: [{ ...pauseContainer, signals: [9] }],
      fragments: [],
    });
    fc.assert(
      fc.property(damagedText(valid), (damaged) => {
        try {
          readCcePolicy(damaged);
        } catch (error) {
          expect((error as { code?: string }).code).toMatch(/^(?:REGO|CCE)_/);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('reports custom Rego', () => {
    const policy = readCcePolicy(
      'package policy\ncontainers := []\ncreate_container := {"allowed": true} {\n  input.x == 1\n}\n',
    );
    expect(policy.customRules).toMatchObject([{ name: 'create_container', line: 3 }]);
  });

  it('reads the old names of the versions', () => {
    expect(readCcePolicy('package policy\napi_svn := "0.10.0"\nframework_svn := "0.1.0"\n')).toMatchObject({
      apiVersion: '0.10.0',
      frameworkVersion: '0.1.0',
    });
  });
});
