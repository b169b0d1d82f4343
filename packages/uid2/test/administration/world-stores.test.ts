import { describe, expect, it } from 'vitest';

import {
  changedStores,
  createClient,
  keyNamingOf,
  readWorld,
  setClientEnabled,
  updateSite,
  WORLD_STORES,
  writeLegacyKeys,
} from '../../src/administration/index.ts';
import type { World } from '../../src/administration/index.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';
import { emptyWorld, NAMING, testContext, worldWithSite } from './world-fixture.ts';

function write(world: World): ReadonlyMap<string, string> {
  return new Map(WORLD_STORES.map(({ directory, write }) => [directory, write(world, undefined)]));
}

describe('the stores of a world', () => {
  it('read back as they were written', () => {
    const world = worldWithSite(['GENERATOR'], ['SHARER']);
    const read = readWorld(write(world), 0);
    expect(write(read)).toEqual(write(world));
    expect(read.maxKeyId).toBe(world.maxKeyId);
  });

  it('remember key ids that are gone', () => {
    expect(readWorld(write(emptyWorld()), 77).maxKeyId).toBe(77);
  });

  it('differ only where an operation changed something', () => {
    const before = worldWithSite(['MAPPER']);
    const names = (after: World) => changedStores(before, after).map(({ directory }) => directory);
    expect(names(before)).toEqual([]);
    expect(names(setClientEnabled(before, 'client 1', false).world)).toEqual(['clients']);
    const fields = { name: 'c', siteId: 3, roles: ['GENERATOR' as const], serviceId: 0 };
    const { world } = createClient(before, fields, NAMING, testContext());
    // Keys come before the keyset that has them, and both before the client that needs them.
    expect(names(world)).toEqual(['keyset_keys', 'keysets', 'clients']);
  });

  it('keep members that nothing here knows', () => {
    const world = worldWithSite();
    const sites = WORLD_STORES.find(({ directory }) => directory === 'sites');
    const [record] = JSON.parse(sites?.write(world, undefined) ?? '[]') as object[];
    const previous = JSON.stringify([{ ...record, description: 'a house of kelp' }]);
    const { world: renamed } = updateSite(world, 3, { name: 'Renamed' });
    expect(JSON.parse(sites?.write(renamed, previous) ?? '')).toEqual([
      { ...record, name: 'Renamed', description: 'a house of kelp' },
    ]);
  });

  it('tell how keys are named', () => {
    expect(keyNamingOf(worldWithSite(['MAPPER']))).toEqual(NAMING);
    expect(keyNamingOf(emptyWorld())).toBeUndefined();
  });
});

describe('the legacy keys', () => {
  it('mirror the keyset keys by site, and keep what is theirs', () => {
    const world = worldWithSite(['GENERATOR']);
    const previous = JSON.stringify([
      { id: 1, site_id: -1, note: 'kept' },
      { id: 99, site_id: 5 },
    ]);
    const written = JSON.parse(writeLegacyKeys(world, previous)) as Record<string, unknown>[];
    expect(written.map(({ id, site_id }) => [id, site_id])).toEqual([
      [1, -1],
      [2, -2],
      [3, 2],
      [4, 3],
    ]);
    expect(written[0]).toMatchObject({ note: 'kept', secret: expect.any(String) });
    expect(written.some((key) => 'keyset_id' in key)).toBe(false);
  });
});

describe.skipIf(!hasVectors)('the clients of the reference', () => {
  const vector = coreVector<{ plaintext_utf8: string }>('cloud-file-clients');
  const clients = WORLD_STORES.find(({ directory }) => directory === 'clients');

  it('are written with every member they had', () => {
    const world = readWorld(new Map([['clients', vector.plaintext_utf8]]), 0);
    const disabled = setClientEnabled(world, 'Publisher', false).world;
    const [record] = JSON.parse(vector.plaintext_utf8) as Record<string, unknown>[];
    const [written] = JSON.parse(clients?.write(disabled, vector.plaintext_utf8) ?? '') as Record<string, unknown>[];
    expect(written).toEqual({ ...record, disabled: true, roles: ['GENERATOR', 'ID_READER'] });
  });
});
