import { MalformedError } from '@holdfast/base';

import { hashApiKey, siteIdOfApiKey } from './api-key.ts';
import type { Role } from './roles.ts';

/** What every holder of a key has: an operator, or a client of one. */
export interface Authorizable {
  /** Base64 of SHA-512 over salt and key. */
  readonly keyHash: string;
  readonly keySalt: Uint8Array;
  readonly siteId: number | undefined;
  readonly disabled: boolean;
  readonly roles: readonly Role[];
}

/** Why a key does not open a route; the words are those of UID2 Core's 401 bodies. */
export type KeyRefusal = 'unrecognized_key' | 'key_disabled' | 'insufficient_role';

interface Snapshot<T> {
  readonly byHash: ReadonlyMap<string, T>;
  readonly saltsBySite: ReadonlyMap<number, readonly Uint8Array[]>;
  readonly allSalts: readonly Uint8Array[];
}

const DEFAULT_CACHE_SIZE = 100_000;

/** Longer texts are no keys; leaving them out of the cache keeps its memory bounded whatever callers send. */
const MAX_CACHED_KEY_LENGTH = 256;

/**
 * Finds the holder of a key among salted hashes. A key that names its site is tried only against that site's salts. What
 * was found, or not found, is remembered for a bounded number of keys; a remembered hash is looked up again after
 * `replace`, so a revoked key stops working with the next snapshot.
 */
export class AuthorizableStore<T extends Authorizable> {
  readonly #cacheSize: number;
  #snapshot: Snapshot<T> = { byHash: new Map(), saltsBySite: new Map(), allSalts: [] };
  /** Key text to hash; the empty text stands for "no such key". */
  #cache = new Map<string, string>();

  constructor(options: { readonly cacheSize?: number } = {}) {
    this.#cacheSize = options.cacheSize ?? DEFAULT_CACHE_SIZE;
  }

  /** How many records the current snapshot holds. */
  get size(): number {
    return this.#snapshot.byHash.size;
  }

  /** All records of the current snapshot. */
  records(): Iterable<T> {
    return this.#snapshot.byHash.values();
  }

  /**
   * Swaps in new records. On failure the old ones stay.
   * @throws MalformedError API_KEY_HASH_DUPLICATE when two records have the same hash
   */
  replace(records: Iterable<T>): void {
    const byHash = new Map<string, T>();
    const saltsBySite = new Map<number, Uint8Array[]>();
    const allSalts: Uint8Array[] = [];
    for (const record of records) {
      if (byHash.has(record.keyHash)) {
        throw new MalformedError('API_KEY_HASH_DUPLICATE', 'two records have the same key_hash', {
          details: { siteId: record.siteId ?? null },
        });
      }
      byHash.set(record.keyHash, record);
      allSalts.push(record.keySalt);
      if (record.siteId === undefined) continue;
      const ofSite = saltsBySite.get(record.siteId);
      if (ofSite === undefined) saltsBySite.set(record.siteId, [record.keySalt]);
      else ofSite.push(record.keySalt);
    }
    this.#snapshot = { byHash, saltsBySite, allSalts };
    for (const [key, hash] of this.#cache) {
      if (hash === '') this.#cache.delete(key);
    }
  }

  /** The record whose key this is, disabled or not; undefined when there is none. */
  find(key: string | undefined): T | undefined {
    if (key === undefined) return undefined;
    const cached = this.#cache.get(key);
    if (cached !== undefined) return this.#snapshot.byHash.get(cached);
    const hash = this.#search(key);
    if (key.length <= MAX_CACHED_KEY_LENGTH) this.#remember(key, hash ?? '');
    return hash === undefined ? undefined : this.#snapshot.byHash.get(hash);
  }

  #search(key: string): string | undefined {
    const { byHash, saltsBySite, allSalts } = this.#snapshot;
    const siteId = siteIdOfApiKey(key);
    const salts = siteId === undefined ? allSalts : (saltsBySite.get(siteId) ?? []);
    for (const salt of salts) {
      const hash = hashApiKey(key, salt);
      if (byHash.has(hash)) return hash;
    }
    return undefined;
  }

  #remember(key: string, hash: string): void {
    if (this.#cache.size >= this.#cacheSize) {
      const oldest = this.#cache.keys().next();
      if (oldest.done !== true) this.#cache.delete(oldest.value);
    }
    this.#cache.set(key, hash);
  }
}

/** Why `record` may not use a route that asks for one of `roles`; undefined when it may. */
export function refusalOf(record: Authorizable | undefined, roles: readonly Role[]): KeyRefusal | undefined {
  if (record === undefined) return 'unrecognized_key';
  if (record.disabled) return 'key_disabled';
  return roles.some((role) => record.roles.includes(role)) ? undefined : 'insufficient_role';
}
