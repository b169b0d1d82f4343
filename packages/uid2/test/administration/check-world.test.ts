import { describe, expect, it } from 'vitest';

import { checkWorld, importConsequences, rotateClient, setClientEnabled } from '../../src/administration/index.ts';
import type { World } from '../../src/administration/index.ts';
import { emptyWorld, NAMING, testContext, worldWithSite } from './world-fixture.ts';

function first<T>(records: readonly T[]): T {
  const [record] = records;
  if (record === undefined) throw new Error('there is no record');
  return record;
}

describe('a world', () => {
  it('is consistent as operations leave it', () => {
    expect(() => checkWorld(worldWithSite(['GENERATOR'], ['SHARER']))).not.toThrow();
  });

  it.each<readonly [string, string, (world: World) => Partial<World>]>([
    ['a site twice', 'site 3 exists twice', ({ sites }) => ({ sites: [...sites, ...sites] })],
    ['a client twice', 'client key hash', ({ clients }) => ({ clients: [...clients, ...clients] })],
    ['no master keyset', 'keyset -1 is missing', ({ keysets }) => ({ keysets: keysets.filter(({ id }) => id !== -1) })],
    ['clients of no site', 'belongs to site 3, which does not exist', () => ({ sites: [] })],
    ['keys of no keyset', 'belongs to keyset 4', ({ keysets }) => ({ keysets: keysets.filter(({ id }) => id !== 4) })],
    [
      'two default keysets of a site',
      'default keyset of site 3 exists twice',
      ({ keysets }) => ({ keysets: [...keysets, { ...first(keysets), id: 9, siteId: 3 }] }),
    ],
    [
      'a link of no service',
      'belongs to service 9',
      () => ({
        serviceLinks: [{ serviceId: 9, linkId: 'l', siteId: 3, name: '', roles: [], disabled: false }],
      }),
    ],
  ])('with %s is refused', (_what, problem, damage) => {
    const world = worldWithSite(['GENERATOR']);
    expect(() => checkWorld({ ...world, ...damage(world) })).toThrow(
      expect.objectContaining({ code: 'WORLD_INCONSISTENT', message: expect.stringContaining(problem) }),
    );
  });
});

describe('replacing a world', () => {
  it('by itself, or one with more in it, cuts nobody off', () => {
    const world = worldWithSite(['MAPPER']);
    expect(importConsequences(world, world)).toEqual([]);
    expect(importConsequences(world, rotateClient(world, 'client 1', false, NAMING, testContext()).world)).toEqual([]);
  });

  it('names the client keys that would stop, and counts the keys that would be lost', () => {
    const world = worldWithSite(['GENERATOR']);
    const keyId = first(world.clients).keyId;
    expect(importConsequences(world, setClientEnabled(world, 'client 1', false).world)).toEqual([
      expect.stringContaining(keyId),
    ]);
    expect(importConsequences(world, emptyWorld())).toEqual([
      expect.stringContaining(keyId),
      expect.stringContaining('1 key '),
    ]);
  });

  it('counts a key with the same id and another secret as lost', () => {
    const world = emptyWorld();
    const other = { ...world, keysetKeys: world.keysetKeys.map((key) => ({ ...key, id: (key.id % 3) + 1 })) };
    expect(importConsequences(world, other)).toEqual([expect.stringContaining('3 keys')]);
  });
});
