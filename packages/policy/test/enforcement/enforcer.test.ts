import { describe, expect, it } from 'vitest';

import type { Decision } from '../../src/enforcement/index.ts';
import { createCceEnforcer, envRuleFor } from '../../src/enforcement/index.ts';
import {
  container,
  containerId,
  createInput,
  hash,
  overlaySteps,
  policyText,
  unprivileged,
} from './policy-fixtures.ts';
import type { Fields, PolicyParts } from './policy-fixtures.ts';

function last(parts: PolicyParts, ...steps: readonly { point: string; input?: unknown }[]): Decision {
  const enforcer = createCceEnforcer(policyText(parts), { denialLimit: 0 });
  const decisions = steps.map((step) => enforcer.enforce(step));
  const decision = decisions.at(-1);
  if (decision === undefined) throw new Error('no step');
  return decision;
}

function created(parts: PolicyParts, input: Fields = {}): Decision {
  return last(parts, ...overlaySteps(), { point: 'create_container', input: createInput(input) });
}

const dropping = { allow_environment_variable_dropping: true };

describe('create_container', () => {
  it('keeps the larger environment when candidates accept different ones', () => {
    const rules = (...patterns: string[]): Fields[] => patterns.map((pattern) => ({ pattern, strategy: 'string' }));
    const containers = [container({ env_rules: rules('A=1') }), container({ env_rules: rules('A=1', 'B=1') })];
    const decision = created({ containers, flags: dropping }, { envList: ['A=1', 'B=1', 'C=1'] });
    expect(decision.keptEnv).toEqual(['A=1', 'B=1']);
    expect(decision.droppedEnvironment).toEqual([{ name: 'C', why: 'no-rule', rules: [] }]);
  });

  it('denies when candidates would keep different environments of the same size', () => {
    const rules = (pattern: string): Fields[] => [{ pattern, strategy: 'string' }];
    const containers = [container({ env_rules: rules('A=1') }), container({ env_rules: rules('B=1') })];
    const decision = created({ containers, flags: dropping }, { envList: ['A=1', 'B=1'] });
    expect(decision.allowed).toBe(false);
    expect(decision.errors).toEqual(['invalid env list']);
    expect(decision.causes[0]?.code).toBe('ENVIRONMENT_AMBIGUOUS');
  });

  it('reports three texts for a required variable with the wrong value', () => {
    const env_rules = [{ pattern: 'MODE=a', strategy: 'string', required: true }];
    const decision = created({ containers: [container({ env_rules })], flags: dropping }, { envList: ['MODE=b'] });
    expect(decision.errors).toEqual([
      'invalid env list',
      'invalid env list: MODE',
      'missing required environment variable',
    ]);
  });

  it('denies fewer capabilities than the policy lists even when dropping is on', () => {
    const fewer = { ...unprivileged, bounding: unprivileged.bounding.slice(1) };
    const decision = created({}, { capabilities: fewer });
    expect(decision.errors).toEqual(["capabilities don't match"]);
    expect(decision.causes).toMatchObject([{ predicate: 'capabilities', offending: ['bounding'] }]);
  });

  it('denies candidates that differ in capabilities alone', () => {
    const one = { ...unprivileged, ambient: ['CAP_A'] };
    const other = { ...unprivileged, ambient: ['CAP_B'] };
    const containers = [container({ capabilities: one }), container({ capabilities: other })];
    const decision = created({ containers }, { capabilities: { ...unprivileged, ambient: ['CAP_A', 'CAP_B'] } });
    expect(decision.errors).toEqual(['containers only distinguishable by capabilties']);
  });

  it('denies candidates that differ in standard streams alone', () => {
    const containers = [container(), container({ allow_stdio_access: false })];
    expect(created({ containers }).errors).toEqual(['containers only distinguishable by allow_stdio_access']);
  });

  it('lets textual anchoring accept what follows a top-level alternative', () => {
    const env_rules = [{ pattern: 'A=1|B=2', strategy: 're2' }];
    const containers = [container({ env_rules })];
    expect(created({ containers }, { envList: ['A=1zzz', 'xB=2'] }).allowed).toBe(true);
    expect(created({ containers }, { envList: ['zA=1'] }).allowed).toBe(false);
  });

  it('treats a rule with an invalid pattern as one that matches nothing', () => {
    const env_rules = [{ pattern: 'A=(', strategy: 're2' }];
    expect(created({ containers: [container({ env_rules })] }, { envList: ['A=('] }).allowed).toBe(false);
  });

  it('accepts a sandbox mount only below the sandbox of the request', () => {
    const mount = { destination: '/data', options: ['rbind', 'rw'], source: 'sandbox:///tmp/v/.+', type: 'bind' };
    const containers = [container({ mounts: [mount] })];
    const at = (source: string): Decision => created({ containers }, { mounts: [{ ...mount, source }] });
    expect(at(`/run/gcs/c/${'a'.repeat(64)}/sandboxMounts/tmp/v/1`).allowed).toBe(true);
    expect(at(`/run/gcs/c/${'c'.repeat(64)}/sandboxMounts/tmp/v/1`).errors).toEqual(['invalid mount list: /data']);
  });

  it('accepts a 9p mount that was made for this container', () => {
    const mount = { destination: '/s', options: ['rbind', 'ro'], source: 'plan9://', type: 'bind' };
    const target = `/run/gcs/c/${containerId}/mounts/m0`;
    const parts = { containers: [container({ mounts: [mount] })] };
    const create = { point: 'create_container', input: createInput({ mounts: [{ ...mount, source: target }] }) };
    expect(last(parts, ...overlaySteps(), create).allowed).toBe(false);
    expect(last(parts, ...overlaySteps(), { point: 'plan9_mount', input: { target } }, create).allowed).toBe(true);
  });

  it('names the failing test, the policy value and the request value as causes', () => {
    const decision = created({}, { workingDir: '/srv' });
    expect(decision.causes).toMatchObject([
      {
        code: 'PREDICATE_FAILED',
        predicate: 'workingDir',
        policyValue: '/',
        requestValue: '/srv',
        error: 'invalid working directory',
      },
    ]);
    expect(decision.causes[0]?.container).toMatchObject({ name: 'app', source: 'policy', index: 0 });
  });
});

describe('policies other than generated ones', () => {
  it('answers constants of an allow-all policy without keeping state', () => {
    const open =
      'package policy\napi_version := "0.10.0"\nmount_device := {"allowed": true}\ncreate_container := {"allowed": true, "env_list": null, "allow_stdio_access": true}';
    const enforcer = createCceEnforcer(open);
    const step = { point: 'create_container', input: createInput({ envList: ['X=1'] }) };
    expect(enforcer.enforce(step)).toMatchObject({ allowed: true, keptEnv: ['X=1'], allowStdio: true });
    expect(enforcer.enforce(step).allowed).toBe(true);
    const device = { target: `/run/gcs/c/${hash(1)}`, encrypted: false, ensureFilesystem: true, filesystem: 'ext4' };
    expect(enforcer.enforce({ point: 'rw_mount_device', input: device }).allowed).toBe(false);
    expect(enforcer.enforce({ point: 'host_network' }).allowed).toBe(false);
    expect(
      enforcer.enforce({ point: 'mount_overlay', input: { containerID: 'x', layerPaths: [], target: '/x' } }),
    ).toMatchObject({
      allowed: false,
      policyError: 'rule for mount_overlay is missing from policy',
    });
  });

  it('refuses to judge custom Rego instead of guessing', () => {
    const custom = `${policyText()}\n\nextra if { input.rule == "create_container" }\n`;
    expect(() => createCceEnforcer(custom)).toThrow(expect.objectContaining({ code: 'REGO_CUSTOM_RULE' }));
    const bound = policyText({ assignments: { create_container: 'yes' } });
    expect(() => createCceEnforcer(bound)).toThrow(expect.objectContaining({ code: 'CCE_POLICY_VALUE' }));
  });

  it.each([
    [{ frameworkVersion: '0.6.0' }],
    [{ apiVersion: '1.0.0' }],
    [{ os: 'windows' }],
    [{ frameworkVersion: 'new' }],
  ])('refuses a guest it does not know: %o', (options) => {
    expect(() => createCceEnforcer(policyText(), options)).toThrow(
      expect.objectContaining({ code: 'CCE_GUEST_UNSUPPORTED' }),
    );
  });

  it('adds signals 9 and 15 for the init process of older policies only', () => {
    const signal = {
      point: 'signal_container_process',
      input: { containerID: containerId, signal: 15, isInitProcess: true, argList: [] },
    };
    const create = { point: 'create_container', input: createInput() };
    const older = { assignments: { framework_version: '0.4.0' } };
    expect(last(older, ...overlaySteps(), create, signal).allowed).toBe(true);
    expect(last({}, ...overlaySteps(), create, signal).allowed).toBe(false);
  });

  it('loses containers of an older policy that lack a field it should have', () => {
    const { signals: _signals, ...incomplete } = container();
    const parts = { containers: [incomplete], assignments: { framework_version: '0.2.3' } };
    expect(last(parts, ...overlaySteps()).errors).toEqual(['no matching containers for overlay']);
  });
});

describe('load_fragment', () => {
  const entry = { issuer: 'did:x', feed: 'f', includes: ['containers'], minimum_svn: '2' };
  const rego = (svn: string): string =>
    `package infra\n\n${svn}framework_version := "0.5.0"\n\ncontainers := ${JSON.stringify([container({ layers: [hash(7)] })])}`;
  const load = (fields: Fields, fragments: readonly unknown[] = [entry]): Decision =>
    last({ fragments }, { point: 'load_fragment', input: { issuer: 'did:x', feed: 'f', ...fields } });

  it('takes the security version from the header when the text has none', () => {
    expect(load({ rego: rego(''), headerSvn: 2 }).allowed).toBe(true);
  });

  it('denies a low version in the header without a text', () => {
    expect(load({ rego: rego(''), headerSvn: 1 })).toMatchObject({ allowed: false, errors: [] });
  });

  it('denies versions that contradict each other', () => {
    const decision = load({ rego: rego('svn := "3"\n'), headerSvn: 2 });
    expect(decision.errors).toContain('svn in header 2 does not match svn in fragment rego 3');
  });

  it('denies a number against a semantic version with its own text', () => {
    const decision = load({ rego: rego('svn := "3"\n') }, [{ ...entry, minimum_svn: '1.0.0' }]);
    expect(decision.errors).toEqual(['fragment svn and the specified minimum are different types']);
  });

  it('is ambiguous for two imports that include different parts', () => {
    const decision = load({ rego: rego('svn := "3"\n') }, [entry, { ...entry, includes: ['containers', 'fragments'] }]);
    expect(decision.allowed).toBe(false);
    expect(decision.causes[0]?.code).toBe('POLICY_CONFLICT');
  });

  it('admits only the parts that the import includes', () => {
    const device = { point: 'mount_device', input: { target: '/run/mounts/scsi/m0', deviceHash: hash(7) } };
    const step = { point: 'load_fragment', input: { issuer: 'did:x', feed: 'f', rego: rego('svn := "2"\n') } };
    expect(last({ fragments: [entry] }, step, device).allowed).toBe(true);
    expect(last({ fragments: [{ ...entry, includes: ['fragments'] }] }, step, device).allowed).toBe(false);
  });

  it('asks for the receipts of the import', () => {
    const guarded = [{ ...entry, required_receipts: ['ledger.test', '*'] }];
    const fields = { rego: rego('svn := "2"\n') };
    expect(load(fields, guarded).errors).toEqual(['missing receipt from *', 'missing receipt from ledger.test']);
    expect(load({ ...fields, receipts: ['ledger.test'] }, guarded).allowed).toBe(true);
  });
});

describe('steps', () => {
  it('rejects an unknown point and an input of the wrong shape', () => {
    const enforcer = createCceEnforcer(policyText());
    expect(() => enforcer.enforce({ point: 'reboot' })).toThrow(expect.objectContaining({ code: 'CCE_POINT_UNKNOWN' }));
    expect(() => enforcer.enforce({ point: 'mount_device', input: { target: 1 } })).toThrow(
      expect.objectContaining({ code: 'CCE_REQUEST_INVALID' }),
    );
  });

  it('restores a snapshot after a failed multi-step operation', () => {
    const enforcer = createCceEnforcer(policyText());
    const before = enforcer.snapshot();
    for (const step of overlaySteps()) expect(enforcer.enforce(step).allowed).toBe(true);
    enforcer.restore(before);
    for (const step of overlaySteps()) expect(enforcer.enforce(step).allowed).toBe(true);
  });

  it('suggests a rule that admits the variable it is made for', () => {
    const env_rules = [envRuleFor('A.B')];
    const containers = [container({ env_rules })];
    expect(created({ containers }, { envList: ['A.B=1'] }).allowed).toBe(true);
    expect(created({ containers }, { envList: ['AxB=1'] }).allowed).toBe(false);
  });
});
