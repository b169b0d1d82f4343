import { describe, expect, it } from 'vitest';

import { KeysetSnapshot } from '../../src/keysets/keyset-snapshot.ts';
import { MASTER_KEYSET_ID, MASTER_KEYSET_ID_FOR_SDKS, type Keyset, type KeysetKey } from '../../src/keysets/keyset.ts';
import { prepareSecret } from '../../src/tokens/token-key.ts';
import { KEYSET_WORLD } from '../keyset-fixture.ts';
import { thrownBy, vectorGroup, vectorsMissing } from '../operator-vectors.ts';

interface AccessVector {
  caller_site_id: number;
  caller_has_id_reader: boolean;
  default_keyset_id: number | null;
  keys: readonly { id: number; site_id_in_key_latest: number; keyset_id_in_key_sharing?: number }[];
}

const keyset = (id: number, siteId: number, more: Partial<Keyset> = {}): Keyset => ({
  id,
  siteId,
  name: '',
  allowedSites: new Set(),
  createdSeconds: 0,
  enabled: true,
  isDefault: true,
  ...more,
});

const key = (id: number, keysetId: number, activatesSeconds = 0, expiresSeconds = 1000): KeysetKey => ({
  id,
  keysetId,
  createdSeconds: 0,
  activatesSeconds,
  expiresSeconds,
  secret: prepareSecret(new Uint8Array(32)),
});

const ids = (keys: readonly KeysetKey[]) => keys.map(({ id }) => id);
const READER = new Set(['ID_READER']);
const SHARER = new Set(['SHARER']);

describe.skipIf(vectorsMissing)('known answers', () => {
  it.each(vectorGroup<AccessVector>('key_access'))(
    'site $caller_site_id with ID_READER $caller_has_id_reader sees its keys',
    (vector) => {
      const roles = vector.caller_has_id_reader ? READER : SHARER;
      const keys = KEYSET_WORLD.accessibleKeys(vector.caller_site_id, roles);
      // What key/latest and key/sharing say about each key's owner follows from the keyset.
      const described = keys.map(({ id }) => {
        const owner = KEYSET_WORLD.keysetOfKey(id);
        const isMaster = owner?.id === MASTER_KEYSET_ID;
        const isOwn = owner?.siteId === vector.caller_site_id;
        return {
          id,
          site_id_in_key_latest: owner?.siteId,
          ...(isMaster ? { keyset_id_in_key_sharing: MASTER_KEYSET_ID_FOR_SDKS } : {}),
          ...(isOwn ? { keyset_id_in_key_sharing: owner.id } : {}),
        };
      });
      expect(described).toEqual(vector.keys);
      expect(KEYSET_WORLD.defaultKeyset(vector.caller_site_id)?.id ?? null).toBe(vector.default_keyset_id);
    },
  );

  it.each(
    vectorGroup<{
      case: string;
      keys: readonly { id: number; activates: number; expires: number }[];
      now: number;
      selected_id: number | null;
    }>('active_key_selection'),
  )('activeKey: $case', (vector) => {
    const keys = vector.keys.map(({ id, activates, expires }) => key(id, 5, activates, expires));
    const selected = new KeysetSnapshot([keyset(5, 5)], keys).activeKey(5, vector.now * 1000);
    expect(selected?.id ?? null).toBe(vector.selected_id);
  });
});

describe('KeysetSnapshot.accessibleKeys', () => {
  it('opens a missing list to readers only, and an empty list to the owner only', () => {
    const snapshot = new KeysetSnapshot(
      [keyset(10, 10, { allowedSites: undefined }), keyset(20, 20)],
      [key(1, 10), key(2, 20)],
    );
    expect(ids(snapshot.accessibleKeys(99, READER))).toEqual([1]);
    expect(ids(snapshot.accessibleKeys(99, SHARER))).toEqual([]);
    expect(ids(snapshot.accessibleKeys(20, SHARER))).toEqual([2]);
  });

  it('never gives out refresh keys, keys of disabled keysets or keys without a keyset', () => {
    const snapshot = new KeysetSnapshot(
      [keyset(-2, -2, { allowedSites: undefined }), keyset(10, 10, { enabled: false })],
      [key(1, -2), key(2, 10), key(3, 11)],
    );
    expect(ids(snapshot.accessibleKeys(10, READER))).toEqual([]);
    expect(ids(snapshot.accessibleKeys(-2, READER))).toEqual([]);
    expect(snapshot.keyById(3)?.id).toBe(3);
    expect(snapshot.keysetOfKey(3)).toBeUndefined();
  });

  it('gives out the master keys even when their keyset is disabled, ordered by id and regardless of time', () => {
    const snapshot = new KeysetSnapshot(
      [keyset(-1, -1, { enabled: false })],
      [key(9, -1, 5000, 6000), key(3, -1, 0, 1), key(5, -1)],
    );
    expect(ids(snapshot.accessibleKeys(99, SHARER))).toEqual([3, 5, 9]);
  });
});

describe('KeysetSnapshot.siteKey', () => {
  const now = 500_000;

  it('falls back to site 2 when the site has no default keyset or no active key in it', () => {
    const snapshot = new KeysetSnapshot(
      [
        keyset(2, 2),
        keyset(10, 10),
        keyset(11, 11, { isDefault: false }),
        keyset(12, 12, { enabled: false }),
        keyset(13, 13),
      ],
      [key(1, 2), key(2, 10, 0, 500), key(3, 11), key(4, 12), key(5, 13)],
    );
    expect([10, 11, 12, 13, 99].map((site) => snapshot.siteKey(site, now)?.id)).toEqual([1, 1, 1, 5, 1]);
  });

  it('is missing when site 2 has none either', () => {
    expect(new KeysetSnapshot([], []).siteKey(10, now)).toBeUndefined();
    expect(new KeysetSnapshot([], []).masterKey(now)).toBeUndefined();
    expect(new KeysetSnapshot([], []).refreshKey(now)).toBeUndefined();
  });

  it('refuses a site with two default keysets and leaves other sites alone', () => {
    const snapshot = new KeysetSnapshot([keyset(10, 10), keyset(11, 10), keyset(13, 13)], [key(1, 10), key(2, 13)]);
    expect(thrownBy(() => snapshot.siteKey(10, now))).toMatchObject({
      code: 'KEYSET_DEFAULT_DUPLICATE',
      details: { siteId: 10, keysetIds: ['10', '11'] },
    });
    expect(snapshot.siteKey(13, now)?.id).toBe(2);
  });
});

describe('activeKeys', () => {
  it('names the key in force of every keyset that has one', () => {
    const snapshot = new KeysetSnapshot(
      [keyset(-1, -1), keyset(5, 50), keyset(6, 50, { enabled: false }), keyset(7, 70)],
      [key(1, -1), key(2, 5, 10), key(3, 5, 20), key(4, 6, 900), key(9, 99)],
    );
    expect(snapshot.activeKeys(30_000).map(({ siteId, key: { id } }) => [siteId, id])).toEqual([
      [-1, 1],
      [50, 3],
    ]);
    expect(snapshot.activeKeys(1_000_000)).toEqual([]);
  });
});
