import { describe, expect, it } from 'vitest';

import { chartCompatibility, newestMinorOf } from '../../src/rules/kubernetes-versions.ts';
import { nameProblem } from '../../src/rules/names.ts';
import type { NameKind } from '../../src/rules/names.ts';
import { chineseRegions, deniedRegion, europeanRegions } from '../../src/rules/regions.ts';
import { runDoctor } from '../../src/index.ts';
import { sameRole } from '../../src/rules/roles.ts';
import { configOf } from '../configs.ts';

describe('acceptance 12: regions', () => {
  it.each([...europeanRegions, ...chineseRegions])('%s is denied whatever Azure says', (name) => {
    expect(deniedRegion(name)).toBeDefined();
    expect(deniedRegion(name, { name, geographyGroup: 'US', geography: 'United States' })).toBeDefined();
  });

  it('what Azure says can add a denial', () => {
    expect(deniedRegion('newregion', { name: 'newregion', geographyGroup: 'Europe' })).toContain('Europe');
    expect(deniedRegion('newregion', { name: 'newregion', geographyGroup: 'UK' })).toContain('UK');
    expect(deniedRegion('newregion', { name: 'newregion', geography: 'China' })).toContain('China');
    expect(deniedRegion('newregion', { name: 'newregion', geographyGroup: 'US' })).toBeUndefined();
  });

  it('eastasia, which is in Hong Kong, is warned of and not denied', () => {
    const [result] = runDoctor(configOf('uid2-vn2', 'location: eastasia\n'), {}, new Set(['LO-02']));
    expect(result).toMatchObject({ verdict: 'failed', severity: 'warning' });
    expect(deniedRegion('eastasia')).toBeUndefined();
  });

  it('spelling does not matter', () => {
    expect(deniedRegion('UK South')).toBeDefined();
    expect(deniedRegion('East US')).toBeUndefined();
  });
});

describe('names', () => {
  const good: readonly (readonly [NameKind, string])[] = [
    ['resourceGroup', 'grüße_(1)'],
    ['virtualNetwork', 'v1'],
    ['networkPart', 'a'],
    ['cluster', 'my_cluster-1'],
    ['nodePool', 'oprnodepool'],
    ['vault', 'my-vn-aks-vault'],
    ['secret', 'a-1'],
    ['kubernetes', 'default'],
  ];
  it.each(good)('%s takes %s', (kind, name) => {
    expect(nameProblem(kind, name)).toBeUndefined();
  });

  const bad: readonly (readonly [NameKind, string, string])[] = [
    ['resourceGroup', 'ends.', 'is not'],
    ['virtualNetwork', 'v', 'has 1 characters'],
    ['nodePool', 'Pool', '"P" at position 1'],
    ['nodePool', '1pool', 'is not'],
    ['nodePool', 'thirteenchars', 'has 13 characters'],
    ['vault', 'my--vault', 'is not'],
    ['vault', 'a-vault-name-that-is-too-long', 'has 29 characters'],
    ['vault', 'my_vault', '"_" at position 3'],
    ['secret', 'my.secret', '"." at position 3'],
    ['kubernetes', '-a', 'is not'],
  ];
  it.each(bad)('%s refuses %s', (kind, name, why) => {
    expect(nameProblem(kind, name)).toContain(why);
  });
});

describe('versions of the virtual node', () => {
  it('follow the table of its makers', () => {
    expect(chartCompatibility('1.3409.26080501', 34)).toBe('ok');
    expect(chartCompatibility('1.3409.26080501', 32)).toBe('unknown');
    expect(chartCompatibility('1.3409.26080501', 31)).toBe('incompatible');
    expect(chartCompatibility('1.3409.26080501', 35)).toBe('incompatible');
    expect(chartCompatibility('1.3410.26081102', 35)).toBe('ok');
    expect(chartCompatibility('1.3306.26010101', 34)).toBe('incompatible');
    expect(chartCompatibility('1.3307.26033004', 34)).toBe('ok');
    expect(chartCompatibility('1.3409.26080501', 36)).toBe('newer-than-table');
  });

  it('name the newest minor that works', () => {
    expect(newestMinorOf('1.3409.26080501')).toBe(34);
  });
});

it('roles are the same whatever the scope and case of their id', () => {
  expect(sameRole('/subscriptions/a/providers/x/roleDefinitions/ABC', '/providers/x/roleDefinitions/abc')).toBe(true);
  expect(sameRole('abc', 'abd')).toBe(false);
});
