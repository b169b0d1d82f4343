import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  type CceContainer,
  cceGenerations,
  compareWithInput,
  diffCcePolicies,
  type Effect,
  infrastructureFragment,
  pauseContainer,
  type PolicyParts,
  writeAllowAll,
  writePolicy,
} from '../../src/cce/index.ts';

const rule = (pattern: string, strategy: 'string' | 're2' = 'string', required = false) => ({
  pattern,
  strategy,
  required,
});
const mount = (destination: string, access: 'ro' | 'rw') => ({
  destination,
  options: ['rbind', access],
  source: 's',
  type: 'bind',
});

const app: CceContainer = {
  ...pauseContainer,
  id: 'i:1',
  name: 'app',
  layers: ['ab'.repeat(32), 'cd'.repeat(32)],
  command: ['/a', 'b'],
  env_rules: [rule('A=1'), rule('B=.*', 're2')],
  mounts: [mount('/m', 'ro')],
  exec_processes: [{ command: ['p'], signals: [2] }],
  signals: [9, 15],
};
const other: CceContainer = { ...app, name: 'other', id: 'j' };

const document = (container: Partial<CceContainer> = {}, parts: Partial<PolicyParts> = {}) =>
  writePolicy({
    generation: cceGenerations.G4,
    fragments: [infrastructureFragment],
    containers: [{ ...app, ...container }, other],
    ...parts,
  });

const summary = (before: string, after: string) =>
  diffCcePolicies(before, after).changes.map(({ path, kind, effect }) => `${kind} ${path} ${effect}`);

describe('diffCcePolicies', () => {
  it.each<[string, Partial<CceContainer>, string[]]>([
    ['a new variable', { env_rules: [...app.env_rules, rule('C=1')] }, ['added env_rules loosens']],
    ['a variable less', { env_rules: [rule('A=1')] }, ['removed env_rules tightens']],
    ['another value', { env_rules: [rule('A=2'), rule('B=.*', 're2')] }, ['changed env_rules unknown']],
    ['a pattern for a value', { env_rules: [rule('A=.', 're2'), rule('B=.*', 're2')] }, ['changed env_rules loosens']],
    ['a value for a pattern', { env_rules: [rule('A=1'), rule('B=x')] }, ['changed env_rules tightens']],
    [
      'a variable that is now required',
      { env_rules: [rule('A=1', 'string', true), rule('B=.*', 're2')] },
      ['changed env_rules tightens'],
    ],
    ['layers in another order', { layers: app.layers.toReversed() }, ['changed layers unknown']],
    ['arguments in another order', { command: ['b', '/a'] }, ['changed command unknown']],
    ['a command that can never start', { command: null }, ['changed command tightens']],
    ['a writable mount', { mounts: [mount('/m', 'rw')] }, ['changed mounts loosens']],
    ['another mount', { mounts: [mount('/n', 'ro')] }, ['removed mounts tightens', 'added mounts loosens']],
    [
      'another process',
      { exec_processes: [...app.exec_processes, { command: ['sh'], signals: [] }] },
      ['added exec_processes loosens'],
    ],
    [
      'a signal less for a process',
      { exec_processes: [{ command: ['p'], signals: [] }] },
      ['changed exec_processes tightens'],
    ],
    [
      'other signals for a process',
      { exec_processes: [{ command: ['p'], signals: [1] }] },
      ['changed exec_processes unknown'],
    ],
    ['a signal more', { signals: [15, 9, 1] }, ['added signals loosens']],
    ['privilege', { allow_elevated: true }, ['changed allow_elevated loosens']],
    ['no new privileges', { no_new_privileges: true }, ['changed no_new_privileges tightens']],
    ['a seccomp profile', { seccomp_profile_sha256: 'ab' }, ['changed seccomp_profile_sha256 tightens']],
    [
      'a fixed user',
      { user: { ...app.user, user_idname: { pattern: '1', strategy: 'id' } } },
      ['changed user.user_idname tightens'],
    ],
    [
      'a capability less',
      { capabilities: { ...app.capabilities!, bounding: app.capabilities!.bounding.slice(1) } },
      ['removed capabilities.bounding tightens'],
    ],
    ['another id', { id: 'i:2' }, ['changed id neutral']],
  ])('judges %s', (_name, container, expected) => {
    const [after, before] = [document(container), document()];
    expect(summary(before, after)).toEqual(expected.map((line) => line.replace(' ', ' containers[app].')));
  });

  it('turns every loosening around when the policies change places', () => {
    const turned: Record<Effect, Effect> = {
      loosens: 'tightens',
      tightens: 'loosens',
      neutral: 'neutral',
      unknown: 'unknown',
    };
    const variants: Partial<CceContainer>[] = [
      { env_rules: [] },
      { signals: [] },
      { allow_elevated: true },
      { mounts: [] },
      { command: null },
      { layers: [] },
    ];
    for (const variant of variants) {
      const effects = (a: string, b: string) =>
        diffCcePolicies(a, b)
          .changes.map(({ effect }) => effect)
          .toSorted();
      expect(effects(document(variant), document())).toEqual(
        effects(document(), document(variant))
          .map((effect) => turned[effect])
          .toSorted(),
      );
    }
  });

  it('finds nothing in order and format, and still says that the measurement changes', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(app.env_rules as CceContainer['env_rules'][number][], { minLength: 2 }),
        fc.boolean(),
        (rules, swap) => {
          const changed: CceContainer = {
            ...app,
            env_rules: rules,
            mounts: app.mounts.map((entry) => ({ ...entry, options: entry.options.toReversed() })),
            signals: [15, 9],
          };
          const containers = swap ? [other, changed] : [changed, other];
          const diff = diffCcePolicies(
            document(),
            writePolicy({ generation: cceGenerations.G4, fragments: [infrastructureFragment], containers }, 'pretty'),
          );
          expect(diff.changes).toEqual([]);
          expect(diff.measurementChanges).toBe(true);
        },
      ),
    );
    expect(diffCcePolicies(document(), document()).measurementChanges).toBe(false);
  });

  it('pairs a renamed container by its id, and a moved image by its layers', () => {
    expect(summary(document(), document({ name: 'renamed' }))).toEqual(['changed containers[app].name neutral']);
    const layers = ['ef'.repeat(32)];
    expect(summary(document({ layers }), document({ layers, name: 'x', id: 'y' }))).toEqual([
      'changed containers[app].id neutral',
      'changed containers[app].name neutral',
    ]);
  });

  it('judges containers, fragments, flags and enforcement points', () => {
    expect(summary(document(), document({}, { containers: [app] }))).toEqual(['removed containers[other] tightens']);
    expect(summary(document({}, { containers: [app] }), document())).toEqual(['added containers[other] loosens']);
    expect(
      summary(document(), document({}, { fragments: [{ ...infrastructureFragment, minimum_svn: '10' }] })),
    ).toEqual([`changed fragments[${infrastructureFragment.feed}].minimum_svn tightens`]);
    expect(summary(document(), document({}, { fragments: [] }))).toEqual([
      `removed fragments[${infrastructureFragment.feed}] tightens`,
    ]);
    expect(summary(document(), document({}, { flags: { allow_dump_stacks: true } }))).toEqual([
      'changed allow_dump_stacks loosens',
    ]);
    expect(summary(document(), writeAllowAll(cceGenerations.G4))).toContain('changed create_container loosens');
  });

  it('does not vouch for custom Rego', () => {
    const custom = 'package policy\ncreate_container {\n  input.a\n}\n';
    expect(summary(custom, custom.replace('input.a', 'input.b'))).toEqual(['changed custom rules unknown']);
    expect(summary(custom, custom)).toEqual([]);
  });

  it('compares long lists in bounded time', () => {
    const rules = Array.from({ length: 5000 }, (_, n) => rule(`A=${n}`));
    expect(diffCcePolicies(document({ env_rules: rules }), document({ env_rules: [] })).changes).toHaveLength(5000);
  });
});

describe('compareWithInput', () => {
  it('accepts what differs only in order, id and patterns that are found', () => {
    const input = { ...app, id: 'x', layers: app.layers.toReversed(), env_rules: [rule('A=1'), rule('xB=anything')] };
    expect(compareWithInput(document(), [input])).toMatchObject([{ name: 'app', accepted: true }]);
  });

  it('names what differs for the nearest candidate', () => {
    const input = { ...app, working_dir: '/w', signals: [9], env_rules: [rule('Z=1'), rule('Y=.', 're2')] };
    const [found] = compareWithInput(document(), [input]);
    expect(found?.differences).toEqual([
      { path: 'signals[]', category: 'removed', policy_value: 15 },
      { path: 'working_dir', category: 'changed', policy_value: '/', tested_value: '/w' },
    ]);
    expect(found?.env).toHaveLength(2);
  });

  it('says of every container of an input that an allow-all policy lacks it', () => {
    expect(compareWithInput(writeAllowAll(), [app])).toMatchObject([
      { accepted: false, missing: 'i:1 not found in policy' },
    ]);
  });
});
