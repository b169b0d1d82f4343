import { describe, expect, it } from 'vitest';

import { createOperator, setOperatorEnabled, updateOperator } from '../../src/administration/index.ts';
import type { OperatorFields, World } from '../../src/administration/index.ts';
import { AuthorizableStore } from '../../src/index.ts';
import { fixedBytes } from '../fixed-random.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';
import { NAMING, NOW, NOW_SECONDS, testContext, withSite, worldWithSite } from './world-fixture.ts';

const FIELDS: OperatorFields = {
  name: 'Kelp operator',
  protocol: 'azure-cc',
  siteId: 3,
  operatorType: 'PRIVATE',
  roles: ['OPTOUT'],
};

function create(world: World, fields: Partial<OperatorFields> = {}) {
  return createOperator(world, { ...FIELDS, ...fields }, NAMING, testContext(fields.name ?? 'operator'));
}

describe('a new operator', () => {
  it('is found by its key, which no record holds', () => {
    const { world, result } = create(worldWithSite());
    const store = new AuthorizableStore();
    store.replace(world.operators);
    expect(store.find(result.key)).toBe(result.operator);
    expect(result.operator).toMatchObject({ roles: ['OPERATOR', 'OPTOUT'], disabled: false, created: NOW_SECONDS });
    expect(JSON.stringify(world)).not.toContain(result.key);
  });

  it('brings its site a cloud encryption key that is active now, once', () => {
    const first = create(worldWithSite());
    expect(first.world.cloudEncryptionKeys).toMatchObject([
      { id: 1, siteId: 3, activates: NOW_SECONDS, created: NOW_SECONDS },
    ]);
    const second = create(first.world, { name: 'Second' });
    expect(second.world.cloudEncryptionKeys).toBe(first.world.cloudEncryptionKeys);
  });

  it.each([
    [[], ['OPERATOR']],
    [['OPERATOR'], ['OPERATOR']],
    [
      ['OPTOUT', 'OPERATOR'],
      ['OPERATOR', 'OPTOUT'],
    ],
    [['OPTOUT_SERVICE'], ['OPTOUT_SERVICE']],
  ] as const)('may have the roles %j', (roles, held) => {
    expect(create(worldWithSite(), { roles }).result.operator.roles).toEqual(held);
  });

  it.each([
    ['a name that is taken', { name: 'Kelp operator' }, 'ADMIN_RECORD_EXISTS'],
    ['a site that does not exist', { name: 'x', siteId: 9 }, 'ADMIN_RECORD_UNKNOWN'],
    ['a role of clients', { name: 'x', roles: ['MAPPER'] }, 'ADMIN_VALUE_INVALID'],
    ['the opt-out service and more', { name: 'x', roles: ['OPTOUT_SERVICE', 'OPTOUT'] }, 'ADMIN_VALUE_INVALID'],
  ] as const)('is refused with %s', (_what, fields, code) => {
    expect(() => create(create(worldWithSite()).world, fields)).toThrow(expect.objectContaining({ code }));
  });

  it('comes with a warning where it cannot attest, proves nothing, or cannot report opt-outs', () => {
    expect(create(worldWithSite()).notes).toEqual([expect.stringContaining('cannot attest until')]);
    expect(create(worldWithSite(), { protocol: 'trusted' }).notes).toEqual([expect.stringContaining('proves nothing')]);
    expect(create(worldWithSite(), { protocol: 'trusted', roles: [] }).notes).toHaveLength(2);
  });
});

describe.skipIf(!hasVectors)('the key of an operator', () => {
  const vector = coreVector<{ random_bytes_hex: string; operator_key: string; operator_key_id: string }>(
    'key-format-computed',
  );

  it('has the form of the reference', () => {
    const world = { ...worldWithSite(), sites: worldWithSite().sites.map((site) => ({ ...site, id: 42 })) };
    const randomBytes = fixedBytes(Buffer.from(vector.random_bytes_hex, 'hex'));
    const { result } = createOperator(world, { ...FIELDS, siteId: 42 }, NAMING, { now: NOW, randomBytes });
    expect([result.key, result.operator.keyId]).toEqual([vector.operator_key, vector.operator_key_id]);
  });
});

describe('disabling an operator', () => {
  it('says that its instances shut down, and whether anybody is left', () => {
    const one = create(worldWithSite()).world;
    expect(setOperatorEnabled(one, 'Kelp operator', false).consequences).toEqual([
      expect.stringContaining('It is the only one'),
    ]);
    const two = create(one, { name: 'Second' }).world;
    const [sentence] = setOperatorEnabled(two, 'Kelp operator', false).consequences;
    expect([sentence?.includes('shuts down'), sentence?.includes('only one')]).toEqual([true, false]);
  });

  it('of the opt-out service says that opt-outs stop', () => {
    const { world } = create(worldWithSite(), { roles: ['OPTOUT_SERVICE'] });
    expect(setOperatorEnabled(world, 'Kelp operator', false).consequences).toEqual([
      expect.stringContaining('no new opt-outs'),
    ]);
  });

  it('takes a key id too, and enabling cuts nobody off', () => {
    const { world, result } = create(worldWithSite());
    const disabled = setOperatorEnabled(world, result.operator.keyId, false);
    expect(disabled.result.disabled).toBe(true);
    expect(setOperatorEnabled(disabled.world, 'Kelp operator', true)).toMatchObject({
      consequences: [],
      result: { disabled: false },
    });
  });
});

describe('updating an operator', () => {
  it('says that a key which names another site is not found any more, and equips the new site', () => {
    const world = withSite(create(worldWithSite()).world, 'Other');
    const { world: next, consequences } = updateOperator(world, 'Kelp operator', { siteId: 4 }, testContext());
    expect(consequences).toEqual([expect.stringContaining('stops being recognised')]);
    expect(next.cloudEncryptionKeys.map(({ siteId }) => siteId)).toEqual([3, 4]);
  });

  it('says what is lost with a role', () => {
    const { consequences } = updateOperator(
      create(worldWithSite()).world,
      'Kelp operator',
      { roles: [], operatorType: 'PUBLIC' },
      testContext(),
    );
    expect(consequences).toEqual([expect.stringContaining('cannot report opt-outs')]);
  });
});
