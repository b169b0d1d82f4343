import { describe, expect, it } from 'vitest';

import { activeKeyOf, addKey, DEFAULT_KEY_SCHEDULE, expireKey, rotateKeys } from '../../src/administration/index.ts';
import type { KeyRotation, KeySelection, World } from '../../src/administration/index.ts';
import { DAY_SECONDS, emptyWorld, NOW, NOW_SECONDS, testContext, worldWithSite } from './world-fixture.ts';

const HOUR = 3600;
const ROTATION: KeyRotation = { ...DEFAULT_KEY_SCHEDULE, minAgeSeconds: 0, force: false, dropExpired: false };

function rotate(world: World, selection: KeySelection, rotation: Partial<KeyRotation> = {}) {
  return rotateKeys(world, selection, { ...ROTATION, ...rotation }, testContext());
}

const master: KeySelection = { kind: 'master' };

describe('a rotation of keys', () => {
  it('gives master and refresh a key each that takes over in a day and lives a month', () => {
    const { world, result, consequences } = rotate(emptyWorld(), master);
    expect(result.added).toMatchObject([
      { id: 4, keysetId: -1, activatesSeconds: NOW_SECONDS + DAY_SECONDS },
      { id: 5, keysetId: -2, expiresSeconds: NOW_SECONDS + 31 * DAY_SECONDS, createdSeconds: NOW_SECONDS },
    ]);
    expect(world.maxKeyId).toBe(5);
    expect(world.keysetKeys.slice(0, 3)).toEqual(emptyWorld().keysetKeys);
    expect(activeKeyOf(world, -1, NOW)?.id).toBe(1);
    expect(activeKeyOf(world, -1, NOW + DAY_SECONDS * 1000)?.id).toBe(4);
    expect(consequences).toEqual([]);
  });

  it('gives each key a secret of its own', () => {
    const { result } = rotate(emptyWorld(), master);
    const [first, second] = result.added;
    expect(first?.secret.symmetricKeySize).toBe(32);
    expect(first !== undefined && second !== undefined && first.secret.equals(second.secret)).toBe(false);
  });

  it('never gives an id again, even of keys that are gone', () => {
    const world = { ...emptyWorld(), maxKeyId: 70 };
    expect(rotate(world, { kind: 'keyset', keysetId: 2 }).result.added[0]?.id).toBe(71);
  });

  it('leaves keysets alone whose newest key is too young, unless forced', () => {
    const age = { minAgeSeconds: 2 * DAY_SECONDS };
    const { result, world } = rotate(emptyWorld(), master, age);
    expect(result).toMatchObject({ added: [], skipped: [{ keysetId: -1 }, { keysetId: -2 }] });
    expect(world.keysetKeys).toEqual(emptyWorld().keysetKeys);
    expect(rotate(emptyWorld(), master, { ...age, force: true }).result.added).toHaveLength(2);
    expect(rotate(emptyWorld(), master, { minAgeSeconds: DAY_SECONDS - 1 }).result.added).toHaveLength(2);
    expect(rotate(emptyWorld(), master, { minAgeSeconds: DAY_SECONDS }).result.added).toHaveLength(0);
  });

  it('judges the age by the newest key, also by one that has yet to take over', () => {
    const { world } = rotate(emptyWorld(), master);
    expect(rotate(world, master).result.added).toEqual([]);
    const forced = rotate(world, master, { force: true, activatesInSeconds: 2 * HOUR });
    expect(forced.notes).toEqual([
      expect.stringContaining('takes over from key 6 later'),
      expect.stringContaining('takes over from key 7 later'),
    ]);
  });

  it('of all sites takes the keysets of participants and the fallback publisher, not master and refresh', () => {
    const { added } = rotate(worldWithSite(['GENERATOR']), { kind: 'all-sites' }, { force: true }).result;
    expect(added.map(({ keysetId }) => keysetId)).toEqual([2, 4]);
  });

  it('of one site takes its keysets, and refuses a site without any', () => {
    const world = worldWithSite(['GENERATOR']);
    const { added } = rotate(world, { kind: 'site', siteId: 3 }, { force: true }).result;
    expect(added.map(({ keysetId }) => keysetId)).toEqual([4]);
    expect(() => rotate(worldWithSite(['MAPPER']), { kind: 'site', siteId: 3 })).toThrow(
      expect.objectContaining({ code: 'ADMIN_RECORD_UNKNOWN' }),
    );
    expect(() => rotate(world, { kind: 'keyset', keysetId: 99 })).toThrow(
      expect.objectContaining({ code: 'ADMIN_RECORD_UNKNOWN' }),
    );
  });

  it('says who cannot read new tokens when the key takes over before readers fetch keys again', () => {
    const soon = rotate(emptyWorld(), master, { activatesInSeconds: HOUR - 1 });
    // Refresh keys never leave operators, so nobody is cut off from those.
    expect(soon.consequences).toEqual([expect.stringContaining('keyset -1')]);
    expect(rotate(emptyWorld(), master, { activatesInSeconds: HOUR }).consequences).toEqual([]);
  });

  it('drops keys that expired more than 37 days ago, when asked to', () => {
    const world = emptyWorld();
    const expiring = (days: number) => ({
      ...world,
      keysetKeys: world.keysetKeys.map((key) =>
        key.id === 3 ? { ...key, expiresSeconds: NOW_SECONDS - days * DAY_SECONDS } : key,
      ),
    });
    expect(rotate(expiring(38), master, { dropExpired: true }).result.droppedKeyIds).toEqual([3]);
    expect(rotate(expiring(37), master, { dropExpired: true }).result.droppedKeyIds).toEqual([]);
    expect(rotate(expiring(38), master).result.droppedKeyIds).toEqual([]);
  });
});

describe('the first key of a keyset', () => {
  it('is added after the usual delay', () => {
    const world = { ...emptyWorld(), keysetKeys: emptyWorld().keysetKeys.filter(({ keysetId }) => keysetId !== 2) };
    expect(addKey(world, 2, DEFAULT_KEY_SCHEDULE, testContext()).result).toMatchObject({
      id: 4,
      activatesSeconds: NOW_SECONDS + DAY_SECONDS,
    });
  });

  it('is refused where there is a key', () => {
    expect(() => addKey(emptyWorld(), 2, DEFAULT_KEY_SCHEDULE, testContext())).toThrow(
      expect.objectContaining({ code: 'ADMIN_VALUE_INVALID' }),
    );
  });
});

describe('expiring a key', () => {
  it.each([
    [1, 'no operator can make a token for anybody'],
    [2, 'no operator can make a refresh token'],
    [3, 'sites without a keyset of their own get no tokens'],
  ])('%d, the last active one of its keyset, says what stops', (id, sentence) => {
    const { consequences, world } = expireKey(emptyWorld(), id, testContext());
    expect(consequences).toEqual([expect.stringContaining(sentence)]);
    expect(world.keysetKeys).toHaveLength(3);
  });

  it('with another active one cuts nobody off', () => {
    const { world } = rotate(emptyWorld(), master, { activatesInSeconds: 0 });
    const { consequences, world: next } = expireKey(world, 4, testContext());
    expect([consequences, activeKeyOf(next, -1, NOW)?.id]).toEqual([[], 1]);
  });

  it('that does not exist, or has expired, is refused', () => {
    expect(() => expireKey(emptyWorld(), 9, testContext())).toThrow(
      expect.objectContaining({ code: 'ADMIN_RECORD_UNKNOWN' }),
    );
    const { world } = expireKey(emptyWorld(), 1, testContext());
    expect(() => expireKey(world, 1, testContext())).toThrow(expect.objectContaining({ code: 'ADMIN_VALUE_INVALID' }));
  });
});
