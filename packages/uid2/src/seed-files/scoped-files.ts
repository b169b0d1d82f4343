import { createHash } from 'node:crypto';

import { fromUtf8, PolicyError, toUtf8 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import { scopedFilePath, scopedMetadataPath } from '../core/scope-path.ts';
import type { StoreScope } from '../core/scope-path.ts';
import { isJsonObject } from '../envelope/lenient-json.ts';
import type { JsonObject, JsonValue } from '../envelope/lenient-json.ts';
import { activeCloudEncryptionKey, parseCloudEncryptionKeys } from './cloud-encryption-keys.ts';
import type { CloudEncryptionKey } from './cloud-encryption-keys.ts';
import { encryptCloudFile } from './encrypted-file.ts';
import { parseOperators } from './operators.ts';
import { PRIVATE_STORES, PrivateViews } from './private-view.ts';
import type { PrivateStore } from './private-view.ts';
import { objectReader, parseObject, recordsOf } from './record-reader.ts';
import { parseStoreMetadata } from './store-metadata.ts';

/** Stores that have copies per operator, beside the salts. */
type ScopedStore = PrivateStore | 'client_side_keypairs';
type StoreName = ScopedStore | 'salts' | 'operators' | 'cloud_encryption_keys';

/** Where the metadata of each store are in the bucket; the defaults are those of Core. */
export type StoreMetadataPaths = Readonly<Record<StoreName, string>>;

export interface ScopedFilesInput {
  /** An object of Core's bucket, or undefined when there is none. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>;
  readonly exists: (path: string) => Promise<boolean>;
  readonly metadataPaths?: Partial<StoreMetadataPaths>;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly randomBytes: RandomBytes;
}

/** An object to write. */
export interface ScopedFile {
  readonly path: string;
  readonly content: string;
}

const DEFAULT_PATHS: StoreMetadataPaths = {
  sites: 'sites/metadata.json',
  clients: 'clients/metadata.json',
  keys: 'keys/metadata.json',
  keys_acl: 'keys_acl/metadata.json',
  keysets: 'keysets/metadata.json',
  keyset_keys: 'keyset_keys/metadata.json',
  client_side_keypairs: 'client_side_keypairs/metadata.json',
  salts: 'salts/metadata.json',
  operators: 'operators/metadata.json',
  cloud_encryption_keys: 'cloud_encryption_keys/metadata.json',
};

/** The member of the metadata, where it is not called like the store. */
const MEMBERS: Partial<Readonly<Record<StoreName, string>>> = { clients: 'client_keys' };

/**
 * What else decides about a private view. A version must grow with every change of content, so a view carries the highest
 * of the versions it depends on.
 */
const DEPENDS_ON: Partial<Readonly<Record<ScopedStore, readonly PrivateStore[]>>> = {
  keyset_keys: ['keysets'],
  keys: ['keys_acl', 'clients'],
};

const ENCRYPTED_STORES: readonly ScopedStore[] = [...PRIVATE_STORES, 'client_side_keypairs'];

/** Digest of a clear view, in its metadata: tells a view that was only half written from one that did not change. */
const DIGEST_MEMBER = 'content_sha256';

/**
 * Every copy of the stores that Core serves to single operators, from the global ones: for each site with a PUBLIC operator
 * `encrypted/<site>_public` (everything), for each with a PRIVATE one `encrypted/<site>_private` and `site/<site>` (what
 * concerns the site). Disabled operators count. The files come one by one, each content before the metadata that name it, so
 * writing them in order and atomically leaves a bucket that can be served after a crash at any moment; only one file at a time
 * is in memory, which for salts may be hundreds of megabytes.
 *
 * Encrypted views are made anew each time and carry the version of the global store. A clear view is written only when it
 * changed, with a version of its own. Encrypted salts are written only for a new file or another key.
 * @throws PolicyError CLOUD_ENCRYPTION_KEY_MISSING, before anything else, when a site has an operator but no active key
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export async function* deriveScopedFiles(input: ScopedFilesInput): AsyncGenerator<ScopedFile> {
  const bucket = new Bucket(input);
  const operators = parseOperators((await bucket.content('operators')) ?? '[]');
  const keys = parseCloudEncryptionKeys((await bucket.content('cloud_encryption_keys')) ?? '[]');
  const scopes = operatorScopes(operators, keys, Math.floor(input.now / 1000));

  const texts: Partial<Record<PrivateStore, string>> = {};
  for (const store of PRIVATE_STORES) {
    const text = await bucket.content(store);
    if (text !== undefined) texts[store] = text;
  }
  const views = new PrivateViews(texts);

  for (const { siteId, view, key } of scopes) {
    const scope: StoreScope = { kind: 'encrypted', siteId, view };
    for (const store of ENCRYPTED_STORES) {
      if (view === 'private' && store === 'client_side_keypairs') continue;
      const content =
        view === 'private' && store !== 'client_side_keypairs'
          ? views.fileFor(store, siteId)
          : await bucket.content(store);
      if (content === undefined) continue;
      const path = await bucket.filePath(store, scope);
      yield { path, content: encryptCloudFile(toUtf8(content), key, input.randomBytes) };
      const version = await bucket.version(store, view === 'private');
      yield await bucket.metadataFile(store, scope, { version, [memberOf(store)]: { location: path } });
    }
    yield* encryptedSalts(bucket, scope, key, input.randomBytes);
    if (view === 'private') yield* clearViews(bucket, views, siteId, input.now);
  }
}

async function* clearViews(
  bucket: Bucket,
  views: PrivateViews,
  siteId: number,
  now: number,
): AsyncGenerator<ScopedFile> {
  const scope: StoreScope = { kind: 'site', siteId };
  for (const store of PRIVATE_STORES) {
    const content = views.fileFor(store, siteId);
    if (content === undefined) continue;
    const digest = createHash('sha256').update(content).digest('hex');
    const existing = await bucket.existingMetadata(store, scope);
    if (existing?.[DIGEST_MEMBER] === digest) continue;
    const path = await bucket.filePath(store, scope);
    yield { path, content };
    const before = existing?.['version'];
    const version = Math.max(now, typeof before === 'number' ? before + 1 : 0);
    yield await bucket.metadataFile(store, scope, {
      version,
      generated: Math.floor(now / 1000),
      [memberOf(store)]: { location: path },
      [DIGEST_MEMBER]: digest,
    });
  }
}

async function* encryptedSalts(
  bucket: Bucket,
  scope: StoreScope,
  key: CloudEncryptionKey,
  randomBytes: RandomBytes,
): AsyncGenerator<ScopedFile> {
  const metadata = await bucket.metadata('salts');
  if (metadata === undefined) return;
  const existing = await bucket.existingMetadata('salts', scope);
  const sameKey = existing?.['key_id'] === key.id;
  let changed = !sameKey || existing['version'] !== metadata['version'];
  const snapshots: JsonValue[] = [];
  for (const { location, json } of saltSnapshots(metadata)) {
    const path = bucket.fileBeside('salts', scope, location);
    snapshots.push({ ...json, location: path });
    if (sameKey && (await bucket.exists(path))) continue;
    yield { path, content: encryptCloudFile(await bucket.bytes(location), key, randomBytes) };
    changed = true;
  }
  if (changed) yield await bucket.metadataFile('salts', scope, { salts: snapshots, key_id: key.id });
}

/** Reads the global stores, each once. */
class Bucket {
  readonly #input: ScopedFilesInput;
  readonly #metadata = new Map<StoreName, JsonObject | undefined>();

  constructor(input: ScopedFilesInput) {
    this.#input = input;
  }

  exists(path: string): Promise<boolean> {
    return this.#input.exists(path);
  }

  /** The global metadata of a store as they stand; undefined when the store does not exist. */
  async metadata(store: StoreName): Promise<JsonObject | undefined> {
    if (!this.#metadata.has(store)) this.#metadata.set(store, await this.#object(store, this.#metadataPath(store)));
    return this.#metadata.get(store);
  }

  /** The metadata of a copy that an earlier run left. */
  existingMetadata(store: StoreName, scope: StoreScope): Promise<JsonObject | undefined> {
    return this.#object(store, scopedMetadataPath(this.#metadataPath(store), scope));
  }

  /** The global content of a store. */
  async content(store: Exclude<StoreName, 'salts'>): Promise<string | undefined> {
    const location = await this.#location(store);
    return location === undefined ? undefined : fromUtf8(await this.bytes(location));
  }

  /** @throws PolicyError SCOPED_SOURCE_MISSING when the metadata name a file that is not there */
  async bytes(location: string): Promise<Uint8Array> {
    const bytes = await this.#input.read(location);
    if (bytes !== undefined) return bytes;
    throw new PolicyError('SCOPED_SOURCE_MISSING', `the metadata name ${location}, which is not in the bucket`, {
      details: { path: location },
    });
  }

  async filePath(store: ScopedStore, scope: StoreScope): Promise<string> {
    return this.fileBeside(store, scope, (await this.#location(store)) ?? `${store}.json`);
  }

  /** Where the copy of a global file goes: beside the metadata of its scope, under the same name. */
  fileBeside(store: StoreName, scope: StoreScope, location: string): string {
    return scopedFilePath(this.#metadataPath(store), scope, location.slice(location.lastIndexOf('/') + 1));
  }

  async version(store: ScopedStore, withDependencies: boolean): Promise<number> {
    const stores = [store, ...(withDependencies ? (DEPENDS_ON[store] ?? []) : [])];
    const versions = await Promise.all(stores.map(async (name) => (await this.metadata(name))?.['version']));
    return Math.max(0, ...versions.filter((version) => typeof version === 'number'));
  }

  /** Metadata for a copy: the global ones with `changes`. */
  async metadataFile(store: StoreName, scope: StoreScope, changes: JsonObject): Promise<ScopedFile> {
    const content = { ...(await this.metadata(store)), ...changes };
    const path = scopedMetadataPath(this.#metadataPath(store), scope);
    return { path, content: `${JSON.stringify(content, undefined, 2)}\n` };
  }

  async #location(store: Exclude<StoreName, 'salts'>): Promise<string | undefined> {
    const metadata = await this.metadata(store);
    return metadata === undefined ? undefined : parseStoreMetadata(JSON.stringify(metadata), memberOf(store)).location;
  }

  async #object(store: StoreName, path: string): Promise<JsonObject | undefined> {
    const bytes = await this.#input.read(path);
    return bytes === undefined ? undefined : parseObject(`${store} metadata`, fromUtf8(bytes));
  }

  #metadataPath(store: StoreName): string {
    return this.#input.metadataPaths?.[store] ?? DEFAULT_PATHS[store];
  }
}

interface OperatorScope {
  readonly siteId: number;
  readonly view: 'public' | 'private';
  readonly key: CloudEncryptionKey;
}

function operatorScopes(
  operators: ReturnType<typeof parseOperators>,
  keys: readonly CloudEncryptionKey[],
  nowSeconds: number,
): readonly OperatorScope[] {
  const scopes = new Map<string, OperatorScope>();
  for (const { siteId, operatorType } of operators) {
    if (siteId === undefined) continue; // Core cannot serve such an operator anything
    const view = operatorType === 'PUBLIC' ? 'public' : 'private';
    const key = activeCloudEncryptionKey(keys, siteId, nowSeconds);
    if (key === undefined) {
      throw new PolicyError('CLOUD_ENCRYPTION_KEY_MISSING', `site ${siteId} has an operator but no active key`, {
        details: { siteId },
        action: 'Give every site with an operator a cloud encryption key, then derive the files again.',
      });
    }
    scopes.set(`${siteId}_${view}`, { siteId, view, key });
  }
  return [...scopes.values()].toSorted((a, b) => a.siteId - b.siteId || (a.view < b.view ? 1 : -1));
}

function saltSnapshots(metadata: JsonObject): readonly { readonly location: string; readonly json: JsonObject }[] {
  const locations = recordsOf('salts metadata', metadata['salts'], (record) => record.text('location'));
  const list = metadata['salts'] as readonly JsonValue[];
  return locations.map((location, index) => {
    const json = list[index];
    if (!isJsonObject(json)) throw objectReader('salts metadata', metadata).fail('salts', 'holds no objects');
    return { location, json };
  });
}

function memberOf(store: StoreName): string {
  return MEMBERS[store] ?? store;
}
