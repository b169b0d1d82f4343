import { describe, expect, it } from 'vitest';

import { createClient, createKeyset, setKeysetEnabled, updateKeyset } from '../../src/administration/index.ts';
import { DAY_SECONDS, NAMING, NOW_SECONDS, testContext, withSite, worldWithSite } from './world-fixture.ts';

/** Site 3 with keyset 4, and site 4 with a client that reads. */
function twoSites() {
  const world = withSite(worldWithSite(['GENERATOR']), 'Limpet DSP');
  const reader = { name: 'reader', siteId: 4, roles: ['ID_READER' as const], serviceId: 0 };
  return createClient(world, reader, NAMING, testContext('reader')).world;
}

describe('a new keyset', () => {
  it('gets the next id from 4 on and a first key that is active at once', () => {
    const { result, world } = createKeyset(
      withSite(worldWithSite(), 'Limpet'),
      4,
      { name: 'K', allowedSites: [3] },
      testContext(),
    );
    expect(result.keyset).toMatchObject({
      id: 4,
      siteId: 4,
      allowedSites: new Set([3]),
      enabled: true,
      isDefault: true,
    });
    expect(result.key).toMatchObject({ keysetId: 4, activatesSeconds: NOW_SECONDS });
    expect(world.keysets).toHaveLength(4);
  });

  it.each([
    ['a second one for a site', worldWithSite(['GENERATOR']), 3, [], 'ADMIN_RECORD_EXISTS'],
    ['a site that does not exist', worldWithSite(), 9, [], 'ADMIN_RECORD_UNKNOWN'],
    ['a reader that does not exist', worldWithSite(), 3, [8], 'ADMIN_RECORD_UNKNOWN'],
    ['the owner as a reader', worldWithSite(), 3, [3], 'ADMIN_VALUE_INVALID'],
  ])('is refused for %s', (_what, world, siteId, allowedSites, code) => {
    expect(() => createKeyset(world, siteId, { name: 'K', allowedSites }, testContext())).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

describe('an update of a keyset', () => {
  it('makes it as new, with another key that takes over after the usual delay', () => {
    const { result } = updateKeyset(twoSites(), 4, { allowedSites: [4] }, testContext());
    expect(result.keyset).toMatchObject({ createdSeconds: NOW_SECONDS, allowedSites: new Set([4]) });
    expect(result.key).toMatchObject({ activatesSeconds: NOW_SECONDS + DAY_SECONDS });
  });

  it('says which sites with readers are shut out', () => {
    const world = twoSites();
    expect(updateKeyset(world, 4, { allowedSites: [] }, testContext()).consequences).toEqual([
      expect.stringContaining('4 (Limpet DSP)'),
    ]);
    expect(updateKeyset(world, 4, { allowedSites: [4] }, testContext()).consequences).toEqual([]);
    expect(updateKeyset(world, 4, { name: 'Renamed' }, testContext()).consequences).toEqual([]);
  });

  it.each([-1, -2, 2])('refuses keyset %d, which belongs to the framework', (id) => {
    expect(() => updateKeyset(twoSites(), id, { name: 'x' }, testContext())).toThrow(
      expect.objectContaining({ code: 'ADMIN_KEYSET_RESERVED' }),
    );
    expect(() => setKeysetEnabled(twoSites(), id, false)).toThrow(
      expect.objectContaining({ code: 'ADMIN_KEYSET_RESERVED' }),
    );
  });
});

describe('disabling a keyset', () => {
  it('says that its tokens can no longer be read', () => {
    const { world, consequences } = setKeysetEnabled(twoSites(), 4, false);
    expect(world.keysets.find(({ id }) => id === 4)?.enabled).toBe(false);
    expect(consequences).toEqual([expect.stringContaining('can no longer be read')]);
    expect(setKeysetEnabled(world, 4, false).consequences).toEqual([]);
    expect(setKeysetEnabled(world, 4, true)).toMatchObject({ consequences: [], result: { enabled: true } });
  });
});
