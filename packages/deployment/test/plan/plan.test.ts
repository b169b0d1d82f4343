import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { asWhatIf, normaliseWhatIf, ownedDifferences } from '../../src/index.ts';
import type { JsonValue, WhatIfChange, WhatIfPropertyChange } from '../../src/index.ts';

const json = fc.jsonValue().map((value) => value as JsonValue);
const cluster = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c';

describe('differences of written fields', () => {
  it('equal values have none', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(ownedDifferences(value, structuredClone(value))).toEqual([]);
      }),
    );
  });

  it('what others add is none', () => {
    const wanted = {
      tags: { a: '1' },
      properties: { subnets: [{ name: 'aks', properties: { addressPrefix: '10.1.0.0/16' } }] },
    };
    const live = {
      tags: { a: '1', b: '2' },
      properties: {
        subnets: [
          { name: 'other', properties: { addressPrefix: '10.9.0.0/16' } },
          { name: 'AKS', properties: { addressPrefix: '10.1.0.0/16', serviceEndpoints: [] } },
        ],
        provisioningState: 'Succeeded',
      },
    };
    expect(ownedDifferences(wanted, live)).toEqual([]);
  });

  it('names the field, what is there and what it means', () => {
    const wanted = { location: 'eastus', properties: { dnsPrefix: 'a', tier: 'Free', list: [{ name: 'x', size: 1 }] } };
    const live = { location: 'East US', properties: { dnsPrefix: 'b', list: [{ name: 'x', size: 2 }] } };
    expect(
      ownedDifferences(wanted, live, {
        immutable: ['properties.dnsPrefix'],
        consequences: { 'properties.list[].size': 'moves' },
      }),
    ).toEqual([
      {
        path: 'properties.dnsPrefix',
        live: 'b',
        wanted: 'a',
        kind: 'replace',
        note: 'cannot be changed: the resource would have to be made anew',
      },
      { path: 'properties.tier', live: undefined, wanted: 'Free', kind: 'update' },
      { path: 'properties.list[x].size', live: 2, wanted: 1, kind: 'disruptive', note: 'moves' },
    ]);
  });

  it('leaves alone what is written at creation only, what is not known yet, and patch versions', () => {
    const wanted = { count: 2, principalId: "[reference('x').principalId]", version: '1.33' };
    expect(
      ownedDifferences(wanted, { count: 5, principalId: 'abc', version: '1.33.4' }, { createOnly: ['count'] }),
    ).toEqual([]);
    expect(ownedDifferences({ version: '1.34' }, { version: '1.33.4' })).toHaveLength(1);
  });
});

const leaf: fc.Arbitrary<WhatIfPropertyChange> = fc.record({
  path: fc.constantFrom(
    'properties.powerState',
    'properties.kubernetesVersion',
    'tags.owner',
    'properties.dnsPrefix',
    'location',
  ),
  propertyChangeType: fc.constantFrom('Create', 'Delete', 'Modify', 'NoEffect'),
  before: fc.constantFrom<JsonValue>('1.33', 'eastus', 'a', 5, "[reference('x').y]"),
  after: fc.constantFrom<JsonValue>('1.33.4', 'East US', 'b', 6),
});

const change: fc.Arbitrary<WhatIfChange> = fc.record({
  resourceId: fc.constantFrom(cluster, '/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v'),
  changeType: fc.constantFrom('Create', 'Delete', 'Ignore', 'NoChange', 'Modify', 'Unsupported'),
  delta: fc.array(leaf, { maxLength: 5 }),
});

const ownsPrefix = (_id: string, path: string): boolean => path === 'properties.dnsPrefix';

describe('what Azure forecasts', () => {
  it('is the same when it is normalised again', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        const once = normaliseWhatIf(changes, ownsPrefix);
        const twice = normaliseWhatIf(once.map(asWhatIf), ownsPrefix);
        const essence = (all: typeof once): unknown =>
          all.map(({ resourceId, kind, fields }) => ({ resourceId, kind, fields }));
        expect(essence(twice)).toEqual(essence(once));
      }),
    );
  });

  const modify = (...delta: readonly WhatIfPropertyChange[]): WhatIfChange => ({
    resourceId: cluster,
    changeType: 'Modify',
    delta,
  });
  const ruled = (change: WhatIfChange): unknown => normaliseWhatIf([change], ownsPrefix)[0]?.dropped;

  it.each([
    ['N1', { path: 'properties.somethingOfTheService', propertyChangeType: 'Delete', before: 1 }],
    ['N2', { path: 'properties.identityProfile', propertyChangeType: 'Delete', before: {} }],
    ['N5', { path: 'tags.owner', propertyChangeType: 'Delete', before: 'me' }],
    ['N6', { path: 'location', propertyChangeType: 'Modify', before: 'eastus', after: 'East US' }],
    ['N7', { path: 'properties.kubernetesVersion', propertyChangeType: 'Modify', before: '1.33.4', after: '1.33' }],
    ['NoEffect', { path: 'properties.x', propertyChangeType: 'NoEffect', before: 1, after: 2 }],
  ] as const)('rule %s leaves noise out', (rule, delta) => {
    expect(ruled(modify(delta as WhatIfPropertyChange))).toEqual([{ path: delta.path, rule }]);
    expect(normaliseWhatIf([modify(delta as WhatIfPropertyChange)], ownsPrefix)[0]?.kind).toBe('none');
  });

  it('shows what is decided while deploying, without calling it a change', () => {
    const [planned] = normaliseWhatIf(
      [modify({ path: 'properties.a', propertyChangeType: 'Modify', before: 'x', after: "[reference('y').z]" })],
      ownsPrefix,
    );
    expect(planned).toMatchObject({ kind: 'none', fields: [{ path: 'properties.a', knownAfterApply: true }] });
  });

  it('a field that is written and would vanish is a change', () => {
    const [planned] = normaliseWhatIf(
      [modify({ path: 'properties.dnsPrefix', propertyChangeType: 'Delete', before: 'x' })],
      ownsPrefix,
    );
    expect(planned?.kind).toBe('update');
  });

  it('follows nested changes into arrays', () => {
    const nested: WhatIfPropertyChange = {
      path: 'properties.agentPoolProfiles',
      propertyChangeType: 'Array',
      children: [
        {
          path: '0',
          propertyChangeType: 'Modify',
          children: [{ path: 'vmSize', propertyChangeType: 'Modify', before: 'a', after: 'b' }],
        },
      ],
    };
    expect(normaliseWhatIf([modify(nested)], ownsPrefix)[0]?.fields).toEqual([
      { path: 'properties.agentPoolProfiles[0].vmSize', before: 'a', after: 'b', knownAfterApply: false },
    ]);
  });

  it('calls a deletion a defect, and the resources of others foreign', () => {
    const kinds = normaliseWhatIf(
      [
        { resourceId: 'a', changeType: 'Delete' },
        { resourceId: 'b', changeType: 'Ignore' },
        { symbolicName: 'c', changeType: 'Unsupported', unsupportedReason: 'nested' },
      ],
      ownsPrefix,
    );
    expect(kinds.map(({ resourceId, kind }) => [resourceId, kind])).toEqual([
      ['a', 'delete'],
      ['b', 'foreign'],
      ['c', 'unsupported'],
    ]);
  });
});
