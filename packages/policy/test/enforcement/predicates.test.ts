import { describe, expect, it } from 'vitest';

import type { UserRule } from '../../src/enforcement/policy-container.ts';
import {
  capabilitiesEqual,
  commandMatches,
  envRuleAccepts,
  noNewPrivilegesMatches,
  optionsMatch,
  privilegeAllowed,
  userMatches,
} from '../../src/enforcement/predicates.ts';
import { PatternMatcher } from '../../src/regex/index.ts';

const matcher = new PatternMatcher();

describe('commandMatches', () => {
  it.each([
    [['a', 'b'], ['a', 'b'], true],
    [['a'], ['a', 'b'], false],
    [['a', 'b'], ['a'], false],
    [[], [], true],
    [undefined, [], false],
  ])('compares %o with %o', (policy, request, expected) => {
    expect(commandMatches(policy, request)).toBe(expected);
  });
});

describe('privilegeAllowed and noNewPrivilegesMatches', () => {
  it.each([
    [true, true, true, true],
    [true, false, true, false],
    [false, true, false, true],
    [false, false, true, true],
    [undefined, false, false, false],
  ])('policy %o, request %o', (policy, request, privilege, noNew) => {
    expect(privilegeAllowed(policy, request)).toBe(privilege);
    expect(noNewPrivilegesMatches(policy, request)).toBe(noNew);
  });
});

describe('userMatches', () => {
  const rule = (strategy: string, pattern: string, groups: UserRule['groups'] = []): UserRule => ({
    user: { strategy, pattern },
    groups,
    umask: '0022',
  });
  const request = { user: { id: '1000', name: 'app' }, groups: [{ id: '5', name: 'tty' }], umask: '0022' };
  const any = [{ strategy: 'any', pattern: '' }];

  it.each([
    ['any', '', true],
    ['id', '1000', true],
    ['id', '100', false],
    ['name', 'app', true],
    ['name', 'ap', false],
    ['re2', 'a.+', true],
    ['re2', 'p', false],
    ['other', 'app', false],
  ])('user strategy %s with %s', (strategy, pattern, expected) => {
    expect(userMatches(rule(strategy, pattern, any), request, matcher)).toBe(expected);
  });

  it('needs a rule for every group and the same umask', () => {
    expect(userMatches(rule('any', '', [{ strategy: 'id', pattern: '5' }]), request, matcher)).toBe(true);
    const two = { ...request, groups: [...request.groups, { id: '6', name: 'disk' }] };
    expect(userMatches(rule('any', '', [{ strategy: 'id', pattern: '5' }]), two, matcher)).toBe(false);
    expect(userMatches(rule('any', '', any), { ...request, umask: '0077' }, matcher)).toBe(false);
    expect(userMatches(undefined, request, matcher)).toBe(false);
  });
});

describe('envRuleAccepts', () => {
  const split = {
    form: 'split',
    name: 'A',
    nameStrategy: 'string',
    value: '[0-9]+',
    valueStrategy: 're2',
    required: false,
  } as const;
  it.each([
    ['A=12', true],
    ['A=1=2', false],
    ['A', false],
    ['B=1', false],
  ])('the form with name and value against %s', (variable, expected) => {
    expect(envRuleAccepts(split, variable, matcher)).toBe(expected);
  });
});

describe('optionsMatch and capabilitiesEqual', () => {
  it('lets repeated options trade places but not numbers', () => {
    expect(optionsMatch(['a', 'a', 'b'], ['a', 'b', 'b'])).toBe(true);
    expect(optionsMatch(['a', 'b'], ['a', 'b', 'b'])).toBe(false);
    expect(optionsMatch(['a', 'b'], ['a', 'c'])).toBe(false);
  });

  it('compares each of the five sets', () => {
    const sets = { ambient: [], bounding: ['A'], effective: ['A'], inheritable: [], permitted: ['A'] };
    expect(capabilitiesEqual(sets, { ...sets })).toBe(true);
    for (const name of ['ambient', 'bounding', 'effective', 'inheritable', 'permitted'] as const) {
      expect(capabilitiesEqual(sets, { ...sets, [name]: ['B'] })).toBe(false);
    }
  });
});
