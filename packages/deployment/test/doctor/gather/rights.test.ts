import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { actionMatches, allows, conditionAllowsRole, grantsFor } from '../../../src/doctor/gather/rights.ts';

const WRITE = 'Microsoft.Authorization/roleAssignments/write';

describe('actionMatches', () => {
  it.each([
    ['*', WRITE, true],
    ['*/read', WRITE, false],
    ['Microsoft.Authorization/*/Write', WRITE, true],
    ['microsoft.authorization/roleassignments/WRITE', WRITE, true],
    ['Microsoft.Authorization/roleAssignments/write/more', WRITE, false],
    ['Microsoft.Network/*', WRITE, false],
    ['*/write*write', 'a/write', false],
  ])('%s for %s is %s', (pattern, action, expected) => {
    expect(actionMatches(pattern, action)).toBe(expected);
  });

  it('agrees with a regular expression for any pattern', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), text, (parts, action) => {
        expect(actionMatches(parts.join('*'), action)).toBe(new RegExp(`^${parts.join('.*')}$`).test(action));
      }),
    );
  });
});

describe('rights of the caller', () => {
  const contributor = {
    actions: ['*'],
    notActions: ['Microsoft.Authorization/*/Write', 'Microsoft.Authorization/*/Delete'],
  };

  it('do not include assigning roles for a Contributor', () => {
    expect(allows([contributor], WRITE)).toBe(false);
    expect(allows([contributor], 'Microsoft.Network/virtualNetworks/write')).toBe(true);
  });

  it('are not taken away by the exceptions of another role', () => {
    expect(allows([contributor, { actions: [WRITE], notActions: [] }], WRITE)).toBe(true);
  });

  it('hold below the scope of a grant and nowhere else', () => {
    const grants = [{ scope: '/subscriptions/s/resourceGroups/a', permissions: [contributor] }];
    const action = 'Microsoft.Network/virtualNetworks/write';
    expect(grantsFor(grants, '/subscriptions/s/resourcegroups/A/providers/x', action)).toHaveLength(1);
    expect(grantsFor(grants, '/subscriptions/s/resourceGroups/ab', action)).toHaveLength(0);
    expect(grantsFor([{ scope: '/', permissions: [contributor] }], '/subscriptions/s', action)).toHaveLength(1);
  });
});

describe('addition 7: conditionAllowsRole', () => {
  const listed = '4633458b-17de-408a-b874-0445c86b69e6';
  const other = 'b24988ac-6180-42a0-ab88-20f7382dd24c';
  const condition = (operator: string): string =>
    `((!(ActionMatches{'${WRITE}'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ${operator} {${listed}, a4417e6f-fecd-4de8-b567-7b0420556985}))`;

  it('lets only the listed roles be granted', () => {
    expect(conditionAllowsRole(condition('ForAnyOfAnyValues:GuidEquals'), `/x/roleDefinitions/${listed}`)).toBe(true);
    expect(conditionAllowsRole(condition('ForAnyOfAnyValues:GuidEquals'), `/x/roleDefinitions/${other}`)).toBe(false);
  });

  it('refuses the listed roles where the condition excludes them', () => {
    expect(conditionAllowsRole(condition('ForAnyOfAllValues:GuidNotEquals'), listed.toUpperCase())).toBe(false);
    expect(conditionAllowsRole(condition('ForAnyOfAllValues:GuidNotEquals'), other)).toBe(true);
  });

  it('says nothing about a condition that it does not understand', () => {
    expect(conditionAllowsRole('@Principal[x] StringEquals y', listed)).toBeUndefined();
  });
});
