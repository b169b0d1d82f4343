import { describe, expect, it } from 'vitest';

import { generateApiKey, hashApiKey } from '../../src/api-keys/api-key.ts';
import { AuthorizableStore, refusalOf } from '../../src/api-keys/authorizable-store.ts';
import type { Authorizable } from '../../src/api-keys/authorizable-store.ts';
import { seededBytes } from '../fixed-random.ts';

const random = seededBytes('store');

function keyOf(siteId: number): string {
  return generateApiKey({ scope: 'uid2', holder: 'client', environment: 'T', siteId }, random).key;
}

function record(key: string, siteId: number | undefined, changes: Partial<Authorizable> = {}): Authorizable {
  const keySalt = random(32);
  return { keyHash: hashApiKey(key, keySalt), keySalt, siteId, disabled: false, roles: ['MAPPER'], ...changes };
}

describe('AuthorizableStore', () => {
  it('finds the record of a key, again and again', () => {
    const key = keyOf(7);
    const own = record(key, 7);
    const store = new AuthorizableStore();
    store.replace([record(keyOf(7), 7), own, record(keyOf(8), 8)]);
    expect(store.find(key)).toBe(own);
    expect(store.find(key)).toBe(own);
    expect(store.find(keyOf(7))).toBeUndefined();
    expect(store.find(undefined)).toBeUndefined();
    expect(store.size).toBe(3);
  });

  it('tries every salt for a key without a site', () => {
    const legacy = record('an old key', undefined);
    const store = new AuthorizableStore();
    store.replace([record(keyOf(1), 1), legacy]);
    expect(store.find('an old key')).toBe(legacy);
  });

  it('rejects a key whose site has no records, even if another site holds its hash', () => {
    const key = keyOf(11);
    const store = new AuthorizableStore();
    store.replace([record(key, 12), record(key, undefined)]);
    expect(store.find(key)).toBeUndefined();
  });

  it('forgets a revoked key and finds a new one after replace', () => {
    const old = keyOf(3);
    const fresh = keyOf(3);
    const store = new AuthorizableStore();
    store.replace([record(old, 3)]);
    expect(store.find(old)).toBeDefined();
    expect(store.find(fresh)).toBeUndefined();
    store.replace([record(fresh, 3)]);
    expect(store.find(old)).toBeUndefined();
    expect(store.find(fresh)).toBeDefined();
  });

  it('serves the new record of a key it remembers', () => {
    const key = keyOf(3);
    const first = record(key, 3);
    const store = new AuthorizableStore();
    store.replace([first]);
    store.find(key);
    store.replace([{ ...first, disabled: true }]);
    expect(store.find(key)?.disabled).toBe(true);
  });

  it('refuses duplicate hashes and keeps the old records', () => {
    const key = keyOf(4);
    const own = record(key, 4);
    const store = new AuthorizableStore();
    store.replace([own]);
    expect(() => store.replace([own, own])).toThrow(expect.objectContaining({ code: 'API_KEY_HASH_DUPLICATE' }));
    expect(store.find(key)).toBe(own);
  });

  it('keeps answering rightly with a full cache', () => {
    const keys = [keyOf(1), keyOf(1), keyOf(1)];
    const store = new AuthorizableStore({ cacheSize: 2 });
    store.replace(keys.slice(0, 2).map((key) => record(key, 1)));
    for (let round = 0; round < 3; round++) {
      expect(keys.map((key) => store.find(key) !== undefined)).toEqual([true, true, false]);
    }
  });
});

describe('refusalOf', () => {
  it('names the reason in the order unknown, disabled, role', () => {
    const own = record('k', 1);
    expect(refusalOf(undefined, ['MAPPER'])).toBe('unrecognized_key');
    expect(refusalOf({ ...own, disabled: true, roles: [] }, ['MAPPER'])).toBe('key_disabled');
    expect(refusalOf(own, ['GENERATOR'])).toBe('insufficient_role');
    expect(refusalOf(own, ['GENERATOR', 'MAPPER'])).toBeUndefined();
  });
});
