import { MalformedError } from '@holdfast/base';

import { isJsonObject, parseLenientJson } from '../envelope/lenient-json.ts';
import type { JsonObject, JsonValue } from '../envelope/lenient-json.ts';
import { parseKeysetKeys, parseKeysets } from '../keysets/parse-keysets.ts';
import { parseClientSideKeypairs, writeClientSideKeypairs } from '../seed-files/client-side-keypairs.ts';
import { parseClients, writeClients } from '../seed-files/clients.ts';
import { parseCloudEncryptionKeys, writeCloudEncryptionKeys } from '../seed-files/cloud-encryption-keys.ts';
import { parseEnclaves, writeEnclaves } from '../seed-files/enclaves.ts';
import { writeKeysetKeys, writeKeysets } from '../seed-files/keysets.ts';
import { parseOperators, writeOperators } from '../seed-files/operators.ts';
import { writeRecords } from '../seed-files/record-reader.ts';
import { parseServiceLinks, writeServiceLinks } from '../seed-files/service-links.ts';
import { parseServices, writeServices } from '../seed-files/services.ts';
import { parseSites, writeSites } from '../seed-files/sites.ts';
import type { World, WorldRecords } from './world.ts';

/** One store of Core's bucket as administration sees it. */
export interface WorldStore {
  /** The folder of `metadata.json` and of the content. */
  readonly directory: string;
  /** The store's name in its metadata. */
  readonly member: string;
  /** Whether a world without it is none. */
  readonly required: boolean;
  readonly records: keyof WorldRecords;
  /** @throws MalformedError naming the record that is wrong */
  readonly read: (text: string) => Partial<WorldRecords>;
  /** The content for `world`. Members of `previous`, the content before, that no record has are kept. */
  readonly write: (world: WorldRecords, previous: string | undefined) => string;
}

/**
 * The stores in the order in which a change is published: keys before the keysets that name them and before the clients
 * that need both, so that an interruption in between leaves nothing pointing nowhere.
 */
export const WORLD_STORES: readonly WorldStore[] = [
  store('cloudEncryptionKeys', 'cloud_encryption_keys', 'cloud_encryption_keys', ['id'], {
    parse: parseCloudEncryptionKeys,
    write: writeCloudEncryptionKeys,
    required: false,
  }),
  store('sites', 'sites', 'sites', ['id'], { parse: parseSites, write: writeSites }),
  store('keysetKeys', 'keyset_keys', 'keyset_keys', ['id'], {
    parse: (text) => parseKeysetKeys(parseLenientJson(text)),
    write: writeKeysetKeys,
  }),
  store('keysets', 'keysets', 'keysets', ['keyset_id'], {
    parse: (text) => parseKeysets(parseLenientJson(text)),
    write: writeKeysets,
  }),
  store('services', 'services', 'services', ['service_id'], {
    parse: parseServices,
    write: writeServices,
    required: false,
  }),
  store('serviceLinks', 'service_links', 'service_links', ['service_id', 'link_id'], {
    parse: parseServiceLinks,
    write: writeServiceLinks,
    required: false,
  }),
  store('clientSideKeypairs', 'client_side_keypairs', 'client_side_keypairs', ['subscription_id'], {
    parse: parseClientSideKeypairs,
    write: writeClientSideKeypairs,
    required: false,
  }),
  store('clients', 'clients', 'client_keys', ['key_hash'], { parse: parseClients, write: writeClients }),
  store('enclaves', 'enclaves', 'enclaves', ['protocol', 'identifier'], { parse: parseEnclaves, write: writeEnclaves }),
  store('operators', 'operators', 'operators', ['key_hash'], { parse: parseOperators, write: writeOperators }),
];

const NO_RECORDS: WorldRecords = {
  sites: [],
  clients: [],
  operators: [],
  enclaves: [],
  keysets: [],
  keysetKeys: [],
  clientSideKeypairs: [],
  services: [],
  serviceLinks: [],
  cloudEncryptionKeys: [],
};

/**
 * The world that the contents of its stores describe.
 * @param contents By store directory; stores that are missing are empty.
 * @param maxKeyId The highest key id that metadata remember.
 * @throws MalformedError from the parsers of the stores
 */
export function readWorld(contents: ReadonlyMap<string, string>, maxKeyId: number): World {
  const records = WORLD_STORES.reduce<WorldRecords>((world, { directory, read }) => {
    const text = contents.get(directory);
    return text === undefined ? world : { ...world, ...read(text) };
  }, NO_RECORDS);
  return { ...records, maxKeyId: records.keysetKeys.reduce((highest, { id }) => Math.max(highest, id), maxKeyId) };
}

/** The stores whose records differ between two worlds, in the order in which they are published. */
export function changedStores(before: WorldRecords, after: WorldRecords): readonly WorldStore[] {
  return WORLD_STORES.filter(({ records }) => before[records] !== after[records]);
}

/**
 * The content of the legacy store `keys`, which mirrors the keyset keys by site: `previous` with the keys it lacks, and
 * without those that are gone.
 * @throws MalformedError SEED_FILE_MALFORMED when `previous` is no array of keys
 */
export function writeLegacyKeys(world: WorldRecords, previous: string): string {
  const known = new Map(jsonRecords('keys', previous).map((record) => [record['id'], record]));
  const mirrored = jsonRecords('keyset_keys', writeKeysetKeys(world.keysetKeys)).map(({ keyset_id, ...key }) => ({
    ...known.get(key['id']),
    ...key,
    site_id: world.keysets.find(({ id }) => id === keyset_id)?.siteId ?? null,
  }));
  return writeRecords(mirrored);
}

function store<K extends keyof WorldRecords>(
  records: K,
  directory: string,
  member: string,
  identity: readonly string[],
  format: {
    readonly parse: (text: string) => WorldRecords[K];
    readonly write: (records: WorldRecords[K]) => string;
    readonly required?: boolean;
  },
): WorldStore {
  return {
    directory,
    member,
    required: format.required ?? true,
    records,
    read: (text) => ({ [records]: format.parse(text) }),
    write(world, previous) {
      const text = format.write(world[records]);
      return previous === undefined ? text : keepForeignMembers(directory, identity, previous, text);
    },
  };
}

/** Other tools write members that nothing here knows, such as a site's description; a change must not lose them. */
function keepForeignMembers(directory: string, identity: readonly string[], previous: string, text: string): string {
  const keyOf = (record: JsonObject): string => JSON.stringify(identity.map((name) => record[name]));
  const known = new Map(jsonRecords(directory, previous).map((record) => [keyOf(record), record]));
  return writeRecords(jsonRecords(directory, text).map((record) => ({ ...known.get(keyOf(record)), ...record })));
}

function jsonRecords(store: string, text: string): readonly JsonObject[] {
  const value: JsonValue = parseLenientJson(text);
  if (Array.isArray(value)) {
    const records = value as readonly JsonValue[];
    if (records.every(isJsonObject)) return records;
  }
  throw new MalformedError('SEED_FILE_MALFORMED', `${store}: is not a JSON array of objects`, {
    details: { file: store, index: -1, field: '' },
  });
}
