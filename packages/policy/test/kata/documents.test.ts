import { createHash } from 'node:crypto';

import { MalformedError, UnsupportedError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, it } from 'vitest';

import { diffKataPolicies } from '../../src/kata/diff.ts';
import { createKataEnforcer } from '../../src/kata/evaluate/enforcer.ts';
import { applyJsonPatch } from '../../src/kata/json-patch.ts';
import { lintKataPolicy, lintPolicyData, lintRules } from '../../src/kata/lint.ts';
import type { KataPolicyData } from '../../src/kata/policy-data.ts';
import { parseKataPolicy, textSha256, writeKataPolicy } from '../../src/kata/policy-document.ts';
import { compareUtf8, writePolicyJson } from '../../src/kata/policy-json.ts';
import { knownRules, nativeKataRules } from '../../src/kata/rules.ts';
import { defaultKataSettings, parseKataSettings } from '../../src/kata/settings.ts';
import { smallPolicy } from './small-policy.ts';

describe('writePolicyJson', () => {
  it('keeps the order of members, sorts maps by bytes, and escapes only what JSON must', ({ expect }) => {
    const value = {
      b: 1,
      a: [],
      Annotations: { '10': 'x', '2': 'y', '\u{1f600}': '', '\uffee': '' },
      text: '<é&\u2028"\\\n\u0001>',
    };
    expect(writePolicyJson(value)).toBe(
      [
        '{',
        '  "b": 1,',
        '  "a": [],',
        '  "Annotations": {',
        '    "10": "x",',
        '    "2": "y",',
        '    "\uffee": "",',
        '    "\u{1f600}": ""',
        '  },',
        String.raw`  "text": "<é&${'\u2028'}\"\\\n\u0001>"`,
        '}',
      ].join('\n'),
    );
  });

  it('writes JSON that reads back as the same value', ({ expect }) => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(writePolicyJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('orders texts as their UTF-8 bytes', ({ expect }) => {
    expect(['\u{10000}', '\uffff', 'a', 'B'].toSorted(compareUtf8)).toEqual(['B', 'a', '\uffff', '\u{10000}']);
  });
});

describe('writeKataPolicy', () => {
  it('puts a line feed between the rules and policy_data and none at the end', async ({ expect }) => {
    const text = writeKataPolicy('package agent_policy\n', await smallPolicy());
    expect(text.startsWith('package agent_policy\n\npolicy_data := {\n  "containers": [\n')).toBe(true);
    expect(text.endsWith('\n}')).toBe(true);
  });

  it('is undone by parseKataPolicy, which measures both parts', async ({ expect }) => {
    const policy = await smallPolicy();
    const text = writeKataPolicy(nativeKataRules('ms'), policy);
    const parsed = parseKataPolicy(text);
    expect(parsed.policyData).toEqual(policy);
    expect(parsed.rulesSha256).toBe(textSha256(nativeKataRules('ms')));
    expect(parsed.sha256).toBe(createHash('sha256').update(text).digest('hex'));
  });
});

describe('parseKataPolicy', () => {
  it('lets only its own error out when a policy is cut or changed anywhere', async ({ expect }) => {
    const text = writeKataPolicy(nativeKataRules('ms'), await smallPolicy());
    const at = fc.integer({ min: 0, max: text.length - 1 });
    fc.assert(
      fc.property(at, fc.boolean(), (place, cut) => {
        const changed = cut ? text.slice(0, place) : `${text.slice(0, place)}\u0000${text.slice(place + 1)}`;
        try {
          expect(parseKataPolicy(changed).sha256).not.toBe(textSha256(text));
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(MalformedError);
        }
      }),
    );
  });
});

describe('createKataEnforcer', () => {
  it('chooses the profile by the digest of the rules and refuses rules it does not know', async ({ expect }) => {
    const policy = await smallPolicy();
    expect(createKataEnforcer(writeKataPolicy(nativeKataRules('ms'), policy)).profile).toBe('ms');
    const changed = writeKataPolicy(`${nativeKataRules('ms')}# more\n`, policy);
    expect(() => createKataEnforcer(changed)).toThrow(UnsupportedError);
    expect(() => createKataEnforcer(writeKataPolicy(nativeKataRules('ms'), policy), 'upstream')).toThrow(
      UnsupportedError,
    );
  });

  it('evaluates a policy of constants as it is written', ({ expect }) => {
    const text =
      'package agent_policy\n\ndefault CreateContainerRequest := true\ndefault ExecProcessRequest := false\n';
    const enforcer = createKataEnforcer(text);
    expect(enforcer.enforce({ type: 'CreateContainerRequest', input: {} }).allowed).toBe(true);
    expect(enforcer.enforce({ type: 'ExecProcessRequest', input: {} }).allowed).toBe(false);
    expect(enforcer.enforce({ type: 'SetPolicyRequest', input: {} }).allowed).toBe(false);
  });

  it('denies whatever is not a request, and throws nothing', async ({ expect }) => {
    const enforcer = createKataEnforcer(await smallPolicy(), 'ms');
    const type = fc.constantFrom(
      'CreateContainerRequest',
      'ExecProcessRequest',
      'CopyFileRequest',
      'CreateSandboxRequest',
      'x',
    );
    const input = fc.oneof(
      fc.jsonValue(),
      fc.record({ OCI: fc.jsonValue(), process: fc.jsonValue(), path: fc.jsonValue() }),
    );
    fc.assert(
      fc.property(type, input, (name, value) => {
        const decision = enforcer.enforce({ type: name, input: value });
        if (name === 'CreateContainerRequest' || name === 'ExecProcessRequest' || name === 'x') {
          expect(decision.allowed).toBe(false);
        }
      }),
    );
  });

  it('denies instead of hanging when patterns of the policy are too costly', async ({ expect }) => {
    const policy = await smallPolicy();
    const costly: KataPolicyData = {
      ...policy,
      request_defaults: {
        ...policy.request_defaults,
        CopyFileRequest: ['^((((a{0,100}){0,10}){0,10}){0,10})$', `${'(a|b|ab)*'.repeat(300)}c`],
      },
    };
    const decision = createKataEnforcer(costly, 'ms').enforce({
      type: 'CopyFileRequest',
      input: { path: 'ab'.repeat(500_000) },
    });
    expect(decision.allowed).toBe(false);
  });
});

describe('lintKataPolicy', () => {
  it('names what the AKS defaults leave open and nothing else', async ({ expect }) => {
    const parsed = parseKataPolicy(writeKataPolicy(nativeKataRules('ms'), await smallPolicy()));
    expect(lintKataPolicy(parsed).map(({ code }) => code)).toEqual(['KATA-READSTREAM']);
  });

  it('finds a policy that is too long for an annotation', async ({ expect }) => {
    const parsed = parseKataPolicy(writeKataPolicy(nativeKataRules('ms'), await smallPolicy()));
    expect(lintKataPolicy(parsed, 1000).map(({ code }) => code)).toContain('KATA-SIZE');
  });

  it('finds rules that fail open and rules that nobody knows', ({ expect }) => {
    const rules = 'package agent_policy\ndefault AllowRequestsFailingPolicy := true\nx := 1\n';
    const codes = lintRules(rules, textSha256(rules)).map(({ code }) => code);
    expect(codes).toEqual(['KATA-FAILOPEN', 'KATA-RULES-UNKNOWN']);
    const open = 'package agent_policy\ndefault CreateContainerRequest := true\n';
    expect(lintRules(open, textSha256(open)).map(({ code }) => code)).toContain('KATA-ALLOWALL');
  });

  it('finds loose patterns, unbound layers, secrets and privileged containers', async ({ expect }) => {
    const policy = applyJsonPatch(await smallPolicy(), [
      { op: 'replace', path: '/containers/1/storages', value: [] },
      { op: 'add', path: '/containers/1/OCI/Process/Env/-', value: 'DB_PASSWORD=hunter2' },
      { op: 'replace', path: '/containers/1/OCI/Process/Capabilities/Bounding', value: ['$(privileged_caps)'] },
      { op: 'replace', path: '/request_defaults/ExecProcessRequest/regex', value: ['ls', '^(', '^A=.*$'] },
    ]) as KataPolicyData;
    const codes = lintPolicyData(policy, 'ms').map(({ code }) => code);
    for (const code of [
      'LAYERS-EMPTY',
      'SECRET-IN-POLICY',
      'PRIVILEGED',
      'EXEC-REGEX',
      'PATTERN-UNANCHORED',
      'PATTERN-INVALID',
      'WILDCARD-ENV',
    ]) {
      expect(codes).toContain(`KATA-${code}`);
    }
  });
});

describe('diffKataPolicies', () => {
  async function diffOf(patch: unknown): Promise<ReturnType<typeof diffKataPolicies>> {
    const policy = await smallPolicy();
    const changed = applyJsonPatch(policy, patch) as KataPolicyData;
    const rules = nativeKataRules('ms');
    return diffKataPolicies(
      parseKataPolicy(writeKataPolicy(rules, policy)),
      parseKataPolicy(writeKataPolicy(rules, changed)),
    );
  }

  it('finds nothing between equal policies', async ({ expect }) => {
    expect(await diffOf([])).toEqual({ changes: [], measurementChanges: false });
  });

  it('says what a changed variable, switch and path does', async ({ expect }) => {
    const { changes, measurementChanges } = await diffOf([
      { op: 'add', path: '/containers/1/OCI/Process/Env/-', value: 'MORE=1' },
      { op: 'remove', path: '/containers/1/OCI/Linux/MaskedPaths/0' },
      { op: 'replace', path: '/containers/1/OCI/Process/Args', value: ['other'] },
      { op: 'replace', path: '/request_defaults/ReadStreamRequest', value: false },
    ]);
    expect(measurementChanges).toBe(true);
    expect(changes.map(({ path, kind, effect }) => `${path} ${kind} ${effect}`)).toEqual([
      'containers[1].OCI.Process.Args changed unknown',
      'containers[1].OCI.Process.Env added loosens',
      'containers[1].OCI.Linux.MaskedPaths removed loosens',
      'request_defaults.ReadStreamRequest changed tightens',
    ]);
  });

  it('pairs containers by name and lists those that come or go', async ({ expect }) => {
    const removed = await diffOf([{ op: 'remove', path: '/containers/1' }]);
    expect(removed.changes).toMatchObject([{ path: 'containers[1]', kind: 'removed', effect: 'tightens' }]);
    const added = await diffOf([
      { op: 'copy', from: '/containers/1', path: '/containers/1' },
      { op: 'replace', path: '/containers/1/OCI/Annotations/io.kubernetes.cri.container-name', value: 'second' },
    ]);
    expect(added.changes).toMatchObject([{ path: 'containers[1]', kind: 'added', effect: 'loosens' }]);
  });

  it('treats the order of variables as meaning nothing, though it is measured', async ({ expect }) => {
    const diff = await diffOf([
      { op: 'move', from: '/containers/1/OCI/Process/Env/0', path: '/containers/1/OCI/Process/Env/1' },
    ]);
    expect(diff).toEqual({ changes: [], measurementChanges: true });
  });
});

describe('parseKataSettings', () => {
  it('applies JSON Patch files in order', ({ expect }) => {
    const base = JSON.stringify(defaultKataSettings('upstream'));
    const read = parseKataSettings('upstream', base, [
      [{ op: 'replace', path: '/cluster_config/guest_pull', value: false }],
      [{ op: 'replace', path: '/kata_config/oci_version', value: '1.2.0' }],
    ]);
    expect(read).toMatchObject({ cluster_config: { guest_pull: false }, kata_config: { oci_version: '1.2.0' } });
  });

  it('refuses what is not settings, and the old name of allowed commands', ({ expect }) => {
    expect(() => parseKataSettings('ms', '{')).toThrow(MalformedError);
    expect(() => parseKataSettings('ms', '{}')).toThrow(MalformedError);
    const base = JSON.stringify(defaultKataSettings('upstream'));
    const patch = [{ op: 'add', path: '/request_defaults/ExecProcessRequest/commands', value: ['ls'] }];
    expect(() => parseKataSettings('upstream', base, [patch])).toThrow(MalformedError);
  });
});

describe('applyJsonPatch', () => {
  it('applies the six operations and leaves its input alone', ({ expect }) => {
    const before = { a: [1, 2], b: { 'x/y': 1, 'm~n': 2 } };
    const after = applyJsonPatch(before, [
      { op: 'test', path: '/a/1', value: 2 },
      { op: 'add', path: '/a/-', value: 3 },
      { op: 'remove', path: '/b/x~1y' },
      { op: 'replace', path: '/b/m~0n', value: null },
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'move', from: '/c/0', path: '/d' },
    ]);
    expect(after).toEqual({ a: [1, 2, 3], b: { 'm~n': null }, c: [2, 3], d: 1 });
    expect(before).toEqual({ a: [1, 2], b: { 'x/y': 1, 'm~n': 2 } });
  });

  it('refuses patches that do not apply', ({ expect }) => {
    const patches: unknown[] = [
      {},
      [{ op: 'x', path: '' }],
      [{ op: 'add', path: 'a', value: 1 }],
      [{ op: 'add', path: '/a/9', value: 1 }],
      [{ op: 'add', path: '/a/01', value: 1 }],
      [{ op: 'add', path: '/missing/x', value: 1 }],
      [{ op: 'remove', path: '/a/-' }],
      [{ op: 'remove', path: '' }],
      [{ op: 'test', path: '/a', value: [] }],
      [{ op: 'replace', path: '/a' }],
      [{ op: 'move', from: '/a', path: '/a/0' }],
      [{ op: 'copy', path: '/b' }],
      [{ op: 'add', path: '/toString/x', value: 1 }],
    ];
    for (const patch of patches)
      expect(() => applyJsonPatch({ a: [1] }, patch), JSON.stringify(patch)).toThrow(MalformedError);
  });

  it('does not reach prototypes', ({ expect }) => {
    const after = applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]);
    expect(Object.getPrototypeOf(after)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('nativeKataRules', () => {
  it('is known by its digest for both profiles', ({ expect }) => {
    for (const profile of ['ms', 'upstream'] as const) {
      expect(knownRules(textSha256(nativeKataRules(profile)))).toMatchObject({ profile });
    }
  });
});
