import { FALLBACK_PUBLISHER_SITE_ID, MASTER_KEYSET_ID, REFRESH_KEYSET_ID } from '../keysets/keyset.ts';
import { parseLenientJson } from '../envelope/lenient-json.ts';
import type { JsonObject } from '../envelope/lenient-json.ts';
import { parseRecords, writeRecords } from './record-reader.ts';
import type { RecordReader } from './record-reader.ts';

/** Stores that private operators get cut down to their own site. */
export const PRIVATE_STORES = ['sites', 'clients', 'keys', 'keys_acl', 'keysets', 'keyset_keys'] as const;
export type PrivateStore = (typeof PRIVATE_STORES)[number];

/** The texts of the global files; a store that does not exist is missing. */
export type StoreTexts = Partial<Readonly<Record<PrivateStore, string>>>;

/** Master, refresh and fallback publisher: every operator works with their keys. Keysets and sites share these ids. */
const SPECIAL_SITES: ReadonlySet<number> = new Set([MASTER_KEYSET_ID, REFRESH_KEYSET_ID, FALLBACK_PUBLISHER_SITE_ID]);

interface Row {
  /** The record as it stands, members unknown here included. */
  readonly json: JsonObject;
}

interface Keyset extends Row {
  readonly id: number;
  readonly siteId: number;
  readonly allowedSites: readonly number[];
}

interface Acl extends Row {
  readonly siteId: number;
  readonly hasList: boolean;
  readonly allows: (siteId: number) => boolean;
}

/** The global stores, read once, from which the view of any site is cut. */
export class PrivateViews {
  readonly #texts: StoreTexts;
  readonly #sites: readonly (Row & { readonly id: number })[];
  readonly #clients: readonly (Row & {
    readonly siteId: number | undefined;
    readonly enabled: boolean;
    readonly reads: boolean;
  })[];
  readonly #keysets: readonly Keyset[];
  readonly #keysetKeys: readonly (Row & { readonly keysetId: number })[];
  readonly #keys: readonly (Row & { readonly siteId: number })[];
  readonly #acls: readonly Acl[];

  /** @throws MalformedError SEED_FILE_MALFORMED */
  constructor(texts: StoreTexts) {
    this.#texts = texts;
    this.#sites = rows('sites', texts.sites, (record) => ({ id: record.integer('id') }));
    this.#clients = rows('clients', texts.clients, (record) => ({
      siteId: record.optionalInteger('site_id'),
      enabled: !record.booleanOr('disabled', false),
      reads: record.textsOr('roles', []).some((role) => role.toUpperCase() === 'ID_READER'),
    }));
    this.#keysets = rows('keysets', texts.keysets, (record) => ({
      id: record.integer('keyset_id'),
      siteId: record.integer('site_id'),
      // Null lets every reader in on the operator, but carries the keyset into nobody's view.
      allowedSites: record.integersOrNull('allowed_sites') ?? [],
    }));
    this.#keysetKeys = rows('keyset_keys', texts.keyset_keys, (record) => ({ keysetId: record.integer('keyset_id') }));
    this.#keys = rows('keys', texts.keys, (record) => ({ siteId: record.integer('site_id') }));
    // A record with neither list says nothing, and no operator looks at it.
    this.#acls = rows('keys_acl', texts.keys_acl, readAcl).filter(({ hasList }) => hasList);
  }

  /**
   * The file of one store as the private operators of a site get it; undefined when the store does not exist. What belongs to
   * the site itself, what every operator needs, and what other sites share with it.
   */
  fileFor(store: PrivateStore, siteId: number): string | undefined {
    if (this.#texts[store] === undefined) return undefined;
    return writeRecords(this.#rowsFor(store, siteId).map(({ json }) => json));
  }

  #rowsFor(store: PrivateStore, siteId: number): readonly Row[] {
    switch (store) {
      case 'sites':
        return this.#sites.filter(({ id }) => id === siteId || id === FALLBACK_PUBLISHER_SITE_ID);
      case 'clients':
        return this.#clients.filter((client) => client.enabled && client.siteId === siteId);
      case 'keysets':
        return this.#keysets.filter((keyset) => sharesKeyset(keyset, siteId));
      case 'keyset_keys': {
        const shared = new Set(this.#keysets.filter((keyset) => sharesKeyset(keyset, siteId)).map(({ id }) => id));
        return this.#keysetKeys.filter(({ keysetId }) => shared.has(keysetId));
      }
      case 'keys_acl':
        return this.#acls.filter((acl) => acl.siteId === siteId || acl.allows(siteId));
      case 'keys':
        return this.#keys.filter((key) => this.#sharesLegacyKey(key.siteId, siteId));
      default:
        return store satisfies never;
    }
  }

  /** Keys of another site go to everybody its access list allows, if that site has a client that reads. */
  #sharesLegacyKey(owner: number, siteId: number): boolean {
    if (owner === siteId || SPECIAL_SITES.has(owner)) return true;
    if (!this.#clients.some((client) => client.siteId === owner && client.reads)) return false;
    return this.#acls.find((acl) => acl.siteId === owner)?.allows(siteId) ?? true;
  }
}

function sharesKeyset(keyset: Keyset, siteId: number): boolean {
  return keyset.siteId === siteId || SPECIAL_SITES.has(keyset.siteId) || keyset.allowedSites.includes(siteId);
}

function readAcl(record: RecordReader): Omit<Acl, 'json'> {
  const whitelist = record.integersOrNull('whitelist');
  const blacklist = record.integersOrNull('blacklist');
  if (whitelist !== null && blacklist !== null) throw record.fail('blacklist', 'stands beside a whitelist');
  const listed = new Set(whitelist ?? blacklist ?? []);
  return {
    siteId: record.integer('site_id'),
    hasList: whitelist !== null || blacklist !== null,
    allows: (siteId) => listed.has(siteId) === (whitelist !== null),
  };
}

function rows<T extends object>(
  file: string,
  text: string | undefined,
  read: (record: RecordReader) => T,
): readonly (T & Row)[] {
  if (text === undefined) return [];
  const facts = parseRecords(file, text, read);
  const records = parseLenientJson(text) as readonly JsonObject[];
  return facts.map((fact, index) => ({ ...fact, json: records[index] ?? {} }));
}
