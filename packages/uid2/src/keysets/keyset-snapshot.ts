import { MalformedError } from '@holdfast/base';

import type { TokenKeySource } from '../tokens/token-key.ts';
import {
  FALLBACK_PUBLISHER_SITE_ID,
  MASTER_KEYSET_ID,
  REFRESH_KEYSET_ID,
  type Keyset,
  type KeysetKey,
} from './keyset.ts';

/** One version of all keysets and their keys, indexed once when it is loaded. Times of questions are ms. */
export class KeysetSnapshot implements TokenKeySource {
  readonly #keysets = new Map<number, Keyset>();
  readonly #keys = new Map<number, KeysetKey>();
  /** Per keyset, by activation; file order breaks ties. */
  readonly #keysByKeyset = new Map<number, KeysetKey[]>();
  readonly #defaults = new Map<number, Keyset[]>();
  /** Keys that may leave the operator at all, by id. */
  readonly #deliverable: readonly (readonly [KeysetKey, Keyset])[];

  constructor(keysets: readonly Keyset[], keys: readonly KeysetKey[]) {
    for (const keyset of keysets) this.#keysets.set(keyset.id, keyset);
    for (const keyset of this.#keysets.values()) {
      if (keyset.enabled && keyset.isDefault) append(this.#defaults, keyset.siteId, keyset);
    }
    for (const key of keys) {
      this.#keys.set(key.id, key);
      append(this.#keysByKeyset, key.keysetId, key);
    }
    for (const list of this.#keysByKeyset.values()) list.sort((a, b) => a.activatesSeconds - b.activatesSeconds);
    this.#deliverable = keys
      .flatMap((key) => {
        const keyset = this.#keysets.get(key.keysetId);
        return keyset === undefined || keyset.id === REFRESH_KEYSET_ID ? [] : [[key, keyset] as const];
      })
      .toSorted(([a], [b]) => a.id - b.id);
  }

  /** A key by its id, whatever its keyset, activation or expiry. */
  keyById(id: number): KeysetKey | undefined {
    return this.#keys.get(id);
  }

  keysetById(id: number): Keyset | undefined {
    return this.#keysets.get(id);
  }

  /** The keyset that owns a key, if both exist. */
  keysetOfKey(keyId: number): Keyset | undefined {
    const key = this.#keys.get(keyId);
    return key === undefined ? undefined : this.#keysets.get(key.keysetId);
  }

  /** Among the keys of a keyset in force at `now` (ms), the one activated last. */
  activeKey(keysetId: number, now: number): KeysetKey | undefined {
    const keys = this.#keysByKeyset.get(keysetId) ?? [];
    return keys.findLast((key) => key.activatesSeconds * 1000 <= now && key.expiresSeconds * 1000 > now);
  }

  /** The key in force at `now` (ms) of every keyset that has one, with the keyset's site. */
  activeKeys(now: number): { readonly siteId: number; readonly key: KeysetKey }[] {
    return [...this.#keysets.values()].flatMap(({ id, siteId }) => {
      const key = this.activeKey(id, now);
      return key === undefined ? [] : [{ siteId, key }];
    });
  }

  masterKey(now: number): KeysetKey | undefined {
    return this.activeKey(MASTER_KEYSET_ID, now);
  }

  refreshKey(now: number): KeysetKey | undefined {
    return this.activeKey(REFRESH_KEYSET_ID, now);
  }

  /**
   * The key that makes a site's tokens: of its default keyset, else of the fallback publisher site.
   * @throws MalformedError KEYSET_DEFAULT_DUPLICATE
   */
  siteKey(siteId: number, now: number): KeysetKey | undefined {
    return this.#activeKeyOfSite(siteId, now) ?? this.#activeKeyOfSite(FALLBACK_PUBLISHER_SITE_ID, now);
  }

  /**
   * The enabled default keyset of a site.
   * @throws MalformedError KEYSET_DEFAULT_DUPLICATE when there are several: seed data contradict themselves
   */
  defaultKeyset(siteId: number): Keyset | undefined {
    const keysets = this.#defaults.get(siteId) ?? [];
    if (keysets.length > 1) {
      throw new MalformedError('KEYSET_DEFAULT_DUPLICATE', `site ${siteId} has ${keysets.length} default keysets`, {
        details: { siteId, keysetIds: keysets.map((keyset) => String(keyset.id)) },
      });
    }
    return keysets[0];
  }

  /**
   * The keys a caller of this site may see, by ascending id and without regard to time.
   * @param roles The caller's roles; `ID_READER` opens keysets without a list of allowed sites.
   */
  accessibleKeys(siteId: number, roles: ReadonlySet<string>): KeysetKey[] {
    const isReader = roles.has('ID_READER');
    return this.#deliverable.filter(([, keyset]) => mayAccess(keyset, siteId, isReader)).map(([key]) => key);
  }

  #activeKeyOfSite(siteId: number, now: number): KeysetKey | undefined {
    const keyset = this.defaultKeyset(siteId);
    return keyset === undefined ? undefined : this.activeKey(keyset.id, now);
  }
}

function mayAccess(keyset: Keyset, siteId: number, isReader: boolean): boolean {
  if (keyset.id === MASTER_KEYSET_ID) return true;
  if (!keyset.enabled) return false;
  return keyset.siteId === siteId || (keyset.allowedSites?.has(siteId) ?? isReader);
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
