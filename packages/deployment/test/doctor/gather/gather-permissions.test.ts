import { describe, expect, it } from 'vitest';

import { runDoctor } from '../../../src/index.ts';
import { AT, config, deployedCloud, emptyCloud, factsOf, grant, GROUP, OWNER, verdicts } from './clouds.ts';

describe('the permissions of the caller', () => {
  const CONTRIBUTOR = `${AT}/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c`;
  const withoutRoles = {
    actions: ['*'],
    notActions: ['Microsoft.Authorization/*/Write', 'Microsoft.Authorization/*/Delete'],
  };

  it('of a Contributor lack the assignment of roles everywhere', async () => {
    const facts = await factsOf(grant(emptyCloud(), CONTRIBUTOR, withoutRoles));
    expect(facts.permissions).toMatchObject({ createGroup: 'allowed', missingActions: [], writeSecret: 'allowed' });
    expect(facts.permissions?.noAssignmentsAt).toContain(`${AT}${GROUP}`);
    expect(verdicts(facts)).toMatchObject({ 'PM-02': 'passed', 'PM-03': 'failed', 'PM-08': 'failed' });
  });

  it('with a condition are judged role by role', async () => {
    const condition = `@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {4633458b-17de-408a-b874-0445c86b69e6}`;
    const facts = await factsOf(grant(emptyCloud(), OWNER, { actions: ['*'], notActions: [] }, { condition }));
    const refused = facts.permissions?.conditional.flatMap(({ refused: names }) => names);
    expect([...new Set(refused)].sort()).toEqual(['contributor', 'networkContributor']);
  });

  it('without any grant in sight are unknown, and nothing is said to be missing', async () => {
    const arm = emptyCloud().set('/providers/Microsoft.Authorization/roleAssignments', []);
    const facts = await factsOf(arm);
    expect(facts.permissions).toMatchObject({
      createGroup: 'unknown',
      missingActions: undefined,
      noAssignmentsAt: undefined,
      writeSecret: 'unknown',
      registerProviders: 'unknown',
    });
    expect(verdicts(facts)).toMatchObject({ 'PM-01': 'failed', 'PM-02': 'not-checked', 'PM-03': 'not-checked' });
    const [first] = runDoctor(config, { azure: facts }, new Set(['PM-01']));
    expect(first?.severity).toBe('warning');
  });

  it('on a group that exists come from what Azure says about the group', async () => {
    const arm = deployedCloud()
      .set('/providers/Microsoft.Authorization/roleAssignments', [])
      .set(`${GROUP}/providers/Microsoft.Authorization/permissions`, [{ actions: ['*'], notActions: [] }]);
    expect((await factsOf(arm)).permissions).toMatchObject({ missingActions: [], writeSecret: 'allowed' });
  });

  it('come with the policies that are likely to be in the way', async () => {
    const policy = (displayName: string, enforcementMode = 'Default') => ({
      properties: { displayName, enforcementMode },
    });
    const arm = emptyCloud().set('/providers/Microsoft.Authorization/policyAssignments', [
      policy('Allowed locations'),
      policy('Audit tags'),
      policy('Deny public IP', 'DoNotEnforce'),
    ]);
    expect((await factsOf(arm)).permissions?.denyingPolicies).toEqual(['Allowed locations']);
  });

  it('are known although the policies may not be read', async () => {
    const facts = await factsOf(emptyCloud().refuse('/policyAssignments'));
    expect(facts.permissions).toMatchObject({ createGroup: 'allowed', denyingPolicies: undefined });
    expect(verdicts(facts)).toMatchObject({ 'PM-02': 'passed', 'PM-07': 'not-checked' });
  });
});
