import { PlatformError } from '@holdfast/base';
import { runsOf } from '@holdfast/base/testing/thorough';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createCceEnforcer, enforcementPoints } from '../../src/enforcement/index.ts';
import { container, containerId, createInput, hash, overlaySteps, policyText } from './policy-fixtures.ts';

const layers = [hash(1), hash(2)];
const target = fc.constantFrom('/run/mounts/scsi/m0', '/run/mounts/scsi/m1', '/elsewhere');
const id = fc.constantFrom(containerId, 'c'.repeat(64));
const variable = fc.constantFrom('PATH=/bin', 'A=1', 'A=2', 'B=', 'C');
const create = fc.record({
  containerID: id,
  envList: fc.array(variable, { maxLength: 4 }),
  workingDir: fc.constantFrom('/', '/srv'),
  argList: fc.constantFrom(['/bin/app'], ['/bin/other'], []),
  privileged: fc.boolean(),
});
const step = fc.oneof(
  fc.record({
    point: fc.constant('mount_device'),
    input: fc.record({ target, deviceHash: fc.constantFrom(...layers, hash(9)) }),
  }),
  fc.record({
    point: fc.constant('mount_overlay'),
    input: fc.record({ containerID: id, layerPaths: fc.array(target, { maxLength: 2 }), target }),
  }),
  create.map((fields) => ({ point: 'create_container', input: createInput(fields) })),
  create.map((fields) => ({ point: 'exec_in_container', input: createInput(fields) })),
  fc.record({
    point: fc.constantFrom('unmount_device', 'unmount_overlay', 'scratch_unmount', 'plan9_unmount'),
    input: fc.record({ unmountTarget: target }),
  }),
  fc.record({ point: fc.constant('scratch_mount'), input: fc.record({ target, encrypted: fc.boolean() }) }),
  fc.record({ point: fc.constant('shutdown_container'), input: fc.record({ containerID: id }) }),
  fc.record({
    point: fc.constant('signal_container_process'),
    input: fc.record({
      containerID: id,
      signal: fc.constantFrom(9, 15),
      isInitProcess: fc.boolean(),
      argList: fc.constant([]),
    }),
  }),
);
const policy = policyText({
  containers: [
    container({ layers: [hash(1)] }),
    container({ layers: [hash(2), hash(1)], signals: [15], env_rules: [{ pattern: 'A=.+', strategy: 're2' }] }),
  ],
  flags: { allow_environment_variable_dropping: true },
});

describe('createCceEnforcer', () => {
  it('never changes its state when it denies, and always says why', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const enforcer = createCceEnforcer(policy);
        for (const next of steps) {
          const before = enforcer.snapshot();
          const decision = enforcer.enforce(next);
          if (!decision.allowed) expect(enforcer.snapshot()).toBe(before);
          expect(decision.causes.length > 0).toBe(!decision.allowed);
          expect(decision.denial !== undefined).toBe(!decision.allowed);
        }
      }),
      { numRuns: runsOf(75, 300) },
    );
  });

  it('does not care about the order of variables', () => {
    fc.assert(
      fc.property(fc.array(variable, { maxLength: 6 }), fc.boolean(), (variables, dropping) => {
        const decide = (envList: readonly string[]): unknown => {
          const enforcer = createCceEnforcer(policyText({ flags: { allow_environment_variable_dropping: dropping } }));
          for (const next of overlaySteps()) enforcer.enforce(next);
          const decision = enforcer.enforce({ point: 'create_container', input: createInput({ envList }) });
          return [decision.allowed, new Set(decision.keptEnv), decision.errors.length];
        };
        expect(decide([...variables].reverse())).toEqual(decide(variables));
      }),
    );
  });

  it('keeps only variables of the request', () => {
    fc.assert(
      fc.property(fc.array(variable, { maxLength: 6 }), (envList) => {
        const enforcer = createCceEnforcer(policy);
        for (const next of overlaySteps()) enforcer.enforce(next);
        const { keptEnv = [] } = enforcer.enforce({ point: 'create_container', input: createInput({ envList }) });
        expect(keptEnv.every((kept) => (envList as string[]).includes(kept))).toBe(true);
      }),
    );
  });

  it('lets only its own errors escape, whatever policy and input say', () => {
    const mutated = fc
      .tuple(fc.nat({ max: policy.length }), fc.string({ maxLength: 6 }))
      .map(([at, insert]) => policy.slice(0, at) + insert + policy.slice(at + 1));
    const strange = fc
      .jsonValue()
      .map((value) => policyText({ containers: [container({ env_rules: value, mounts: value, user: value })] }));
    const points = fc.constantFrom(...Object.keys(enforcementPoints), 'extend_default_mounts', 'other');
    fc.assert(
      fc.property(
        fc.oneof(mutated, strange),
        fc.array(fc.record({ point: points, input: fc.jsonValue() })),
        fc.array(step),
        (text, wild, tame) => {
          try {
            const enforcer = createCceEnforcer(text);
            for (const next of [...tame, ...wild]) enforcer.enforce(next);
          } catch (error) {
            expect(error).toBeInstanceOf(PlatformError);
          }
        },
      ),
      { numRuns: runsOf(100, 400) },
    );
  });

  it('ends on patterns that make backtracking engines run forever', () => {
    const env_rules = [{ pattern: 'A=(a+)+(a+)+(a+)+b', strategy: 're2' }];
    const enforcer = createCceEnforcer(policyText({ containers: [container({ env_rules })] }));
    for (const next of overlaySteps()) enforcer.enforce(next);
    const envList = [`A=${'a'.repeat(100_000)}`];
    expect(enforcer.enforce({ point: 'create_container', input: createInput({ envList }) }).allowed).toBe(false);
  });

  it('ends on many rules and many variables', () => {
    const env_rules = Array.from({ length: 5000 }, (_, index) => ({ pattern: `NAME_${index}=1`, strategy: 'string' }));
    const enforcer = createCceEnforcer(policyText({ containers: [container({ env_rules })] }));
    for (const next of overlaySteps()) enforcer.enforce(next);
    const envList = Array.from({ length: 5000 }, (_, index) => `NAME_${index}=1`);
    const decision = enforcer.enforce({ point: 'create_container', input: createInput({ envList }) });
    expect(decision.keptEnv?.length).toBe(5000);
  });

  it('refuses a decision that would cost too much', () => {
    const env_rules = [{ pattern: 'A=(((a{0,9}){0,9}){0,9})', strategy: 're2' }];
    const enforcer = createCceEnforcer(policyText({ containers: [container({ env_rules })] }));
    for (const next of overlaySteps()) enforcer.enforce(next);
    const input = createInput({ envList: [`A=${'a'.repeat(900_000)}!`] });
    const before = enforcer.snapshot();
    expect(() => enforcer.enforce({ point: 'create_container', input })).toThrow(
      expect.objectContaining({ code: 'REGEX_BUDGET_EXCEEDED' }),
    );
    expect(enforcer.snapshot()).toBe(before);
  });
});
