import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import {
  concatBytes,
  errorMessage,
  fromBase64,
  fromBase64Url,
  MalformedError,
  RequestError,
  toBase64,
  toBase64Url,
  toUtf8,
} from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { decodeReleasePolicy, encodeReleasePolicy } from '@holdfast/key-release';
import { writeFileAtomic } from '@holdfast/process';
import { z } from 'zod';

import { familyOf, generateKeyMaterial, importKeyMaterial, isHsm, KEY_TYPES, privateKeyOf } from './key-material.ts';
import type { ImportedKey, KeyMaterial, KeyType } from './key-material.ts';

/** Times are seconds since the Unix epoch. */
export interface KeyAttributes {
  readonly enabled: boolean;
  readonly created: number;
  readonly updated: number;
  readonly exportable: boolean;
  readonly nbf?: number | undefined;
  readonly exp?: number | undefined;
}

/** `release_policy` of a key: the normalised policy in URL-safe Base64. */
export interface StoredReleasePolicy {
  readonly contentType: string;
  readonly data: string;
  readonly immutable: boolean;
}

/** One version of a key. */
export interface KeyVersion {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly version: string;
  readonly material: KeyMaterial;
  readonly keyOps: readonly string[];
  readonly attributes: KeyAttributes;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly releasePolicy?: StoredReleasePolicy | undefined;
}

/** A key that was deleted and can be recovered. */
export interface DeletedKey {
  readonly key: KeyVersion;
  readonly deletedDate: number;
  readonly scheduledPurgeDate: number;
}

/** What create, import and update have in common. */
export interface KeyChanges {
  readonly keyOps?: readonly string[] | undefined;
  readonly enabled?: boolean | undefined;
  readonly nbf?: number | undefined;
  readonly exp?: number | undefined;
  readonly exportable?: boolean | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly releasePolicy?:
    | { readonly contentType?: string | undefined; readonly data: string; readonly immutable?: boolean | undefined }
    | undefined;
}

export interface NewKey extends KeyChanges {
  readonly kty: KeyType;
  readonly keySize?: number | undefined;
  readonly crv?: string | undefined;
  readonly publicExponent?: number | undefined;
}

export interface OpenKeyStoreOptions {
  /** Holds all keys as JSON at mode 0600; made at the first write. */
  readonly file: string;
  readonly clock: Clock;
  /** A managed HSM keeps every key in hardware; `vault` when missing. */
  readonly kind?: VaultKind;
}

/** A vault of the Premium tier, or a managed HSM. */
export type VaultKind = 'vault' | 'managed-hsm';

/** The keys of one vault. Names are compared without case. All methods throw RequestError with VAULT_KEY_ codes. */
export interface KeyStore {
  /** Adds a new newest version. */
  createKey(name: string, key: NewKey): Promise<KeyVersion>;
  importKey(name: string, key: ImportedKey, hsm: boolean, changes: KeyChanges): Promise<KeyVersion>;
  /** The given or newest version. */
  getKey(name: string, version?: string): KeyVersion;
  /** An empty version is the newest. */
  updateKey(name: string, version: string, changes: KeyChanges): Promise<KeyVersion>;
  /** A new version of the same kind, with the attributes and the policy of the newest. */
  rotateKey(name: string): Promise<KeyVersion>;
  /** The newest version of each key, by name. */
  listKeys(): readonly KeyVersion[];
  /** All versions, oldest first. */
  listVersions(name: string): readonly KeyVersion[];
  deleteKey(name: string): Promise<DeletedKey>;
  listDeleted(): readonly DeletedKey[];
  getDeleted(name: string): DeletedKey;
  recoverKey(name: string): Promise<KeyVersion>;
  purgeKey(name: string): Promise<void>;
  /** All versions, sealed so that only this vault can read them. */
  backupKey(name: string): string;
  restoreKey(blob: string): Promise<KeyVersion>;
}

export const KEY_RECOVERABLE_DAYS = 90;
const NAME = /^[0-9A-Za-z-]{1,127}$/;
const VERSION = /^[0-9a-f]{32}$/;
const CONTENT_TYPE = 'application/json; charset=utf-8';
const OPERATIONS = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey', 'import', 'export'];
const DEFAULT_OPERATIONS: Readonly<Record<'EC' | 'RSA' | 'oct', readonly string[]>> = {
  RSA: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
  EC: ['sign', 'verify'],
  oct: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'],
};

const versionSchema = z.strictObject({
  version: z.string().regex(VERSION),
  kty: z.enum(KEY_TYPES),
  crv: z.string().optional(),
  secret: z.base64(),
  keyOps: z.array(z.string()),
  attributes: z.strictObject({
    enabled: z.boolean(),
    created: z.int(),
    updated: z.int(),
    exportable: z.boolean(),
    nbf: z.int().optional(),
    exp: z.int().optional(),
  }),
  tags: z.record(z.string(), z.string()).optional(),
  releasePolicy: z.strictObject({ contentType: z.string(), data: z.string(), immutable: z.boolean() }).optional(),
});
const keySchema = z.strictObject({
  name: z.string().regex(NAME),
  versions: z.array(versionSchema).min(1),
  /** Seconds since the epoch; only for deleted keys. */
  deletedDate: z.int().optional(),
});
const fileSchema = z.strictObject({ version: z.literal(1), backupKey: z.base64(), keys: z.array(keySchema) });

type StoredVersion = z.output<typeof versionSchema>;
type StoredKey = z.output<typeof keySchema>;
interface Content {
  readonly backupKey: Uint8Array;
  readonly keys: ReadonlyMap<string, StoredKey>;
}

/**
 * Opens the keys of a vault. A change is on disk before its call resolves, and a failed write changes nothing.
 * @throws MalformedError LOCAL_VAULT_UNREADABLE when the file is there and does not hold what a vault writes
 */
export async function openKeyStore(options: OpenKeyStoreOptions): Promise<KeyStore> {
  await mkdir(dirname(options.file), { recursive: true, mode: 0o700 });
  const content = await readKeyFile(options.file);
  let { keys } = content;
  let lastWrite: Promise<unknown> = Promise.resolve();
  const kind = options.kind ?? 'vault';
  const nowSeconds = (): number => Math.floor(options.clock() / 1000);

  /** Changes happen one after the other: each sees the one before, and the file never goes back in time. */
  const change = <T>(make: (next: Map<string, StoredKey>) => T): Promise<T> => {
    const written = lastWrite.then(async () => {
      const next = new Map(keys);
      const result = make(next);
      const file = { version: 1, backupKey: toBase64(content.backupKey), keys: [...next.values()] };
      await writeFileAtomic(options.file, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 });
      keys = next;
      return result;
    });
    lastWrite = written.catch(() => undefined); // the caller gets the failure; the next change goes on
    return written;
  };

  const addVersion = async (name: string, material: KeyMaterial, changes: KeyChanges): Promise<KeyVersion> =>
    change((next) => {
      const known = next.get(name.toLowerCase());
      if (known?.deletedDate !== undefined) throw deletedButRecoverable(name);
      const now = nowSeconds();
      const first: StoredVersion = {
        version: randomBytes(16).toString('hex'),
        kty: material.kty,
        ...(material.crv === undefined ? {} : { crv: material.crv }),
        secret: toBase64(material.secret),
        keyOps: [...DEFAULT_OPERATIONS[familyOf(material.kty)]],
        attributes: { enabled: true, created: now, updated: now, exportable: changes.exportable ?? false },
      };
      const version = applyChanges(first, changes, now);
      const key = { name: known?.name ?? name, versions: [...(known?.versions ?? []), version] };
      next.set(name.toLowerCase(), key);
      return keyVersion(key.name, version);
    });

  return {
    createKey: async (name, key) => {
      assertName(name);
      const kty = storedType(key.kty, kind);
      assertReleasable(kty, key);
      return addVersion(name, await generateKeyMaterial({ ...key, kty }), key);
    },

    importKey: async (name, key, hsm, changes) => {
      assertName(name);
      const kty = storedType(hsm && !isHsm(key.kty) ? (`${key.kty}-HSM` as KeyType) : key.kty, kind);
      assertReleasable(kty, changes);
      return addVersion(name, importKeyMaterial({ ...key, kty }), { keyOps: key.key_ops, ...changes });
    },

    getKey: (name, version = '') => {
      const key = activeKey(keys, name);
      return keyVersion(key.name, findVersion(key, version));
    },

    updateKey: async (name, version, changes) =>
      change((next) => {
        const key = activeKey(next, name);
        const known = findVersion(key, version);
        if (changes.releasePolicy !== undefined && known !== newest(key)) {
          throw invalid('AKV.SKR.1016: Key release policy can only be set on the versionless key.');
        }
        if (changes.exportable !== undefined && changes.exportable !== known.attributes.exportable) {
          throw invalid('AKV.SKR.1003: The exportable attribute of an existing key cannot be changed.');
        }
        const changed = applyChanges(known, changes, nowSeconds());
        next.set(name.toLowerCase(), { ...key, versions: key.versions.with(key.versions.indexOf(known), changed) });
        return keyVersion(key.name, changed);
      }),

    rotateKey: async (name) => {
      const last = newest(activeKey(keys, name));
      const bits = familyOf(last.kty) === 'oct' ? fromBase64(last.secret).length * 8 : undefined;
      const { tags, releasePolicy, keyOps } = last;
      const material = await generateKeyMaterial({
        kty: last.kty,
        crv: last.crv,
        keySize: bits ?? rsaBits(keyVersion(name, last).material),
      });
      return addVersion(name, material, { tags, releasePolicy, keyOps, exportable: last.attributes.exportable });
    },

    listKeys: () =>
      sortedKeys(keys)
        .filter((key) => key.deletedDate === undefined)
        .map((key) => keyVersion(key.name, newest(key))),

    listVersions: (name) => {
      const key = activeKey(keys, name);
      return key.versions.map((version) => keyVersion(key.name, version));
    },

    deleteKey: async (name) =>
      change((next) => {
        const key = { ...activeKey(next, name), deletedDate: nowSeconds() };
        next.set(name.toLowerCase(), key);
        return deletedKey(key, key.deletedDate);
      }),

    listDeleted: () =>
      sortedKeys(keys).flatMap((key) => (key.deletedDate === undefined ? [] : [deletedKey(key, key.deletedDate)])),

    getDeleted: (name) => {
      const key = deletedByName(keys, name);
      return deletedKey(key, key.deletedDate);
    },

    recoverKey: async (name) =>
      change((next) => {
        const { name: storedName, versions } = deletedByName(next, name);
        const key = { name: storedName, versions };
        next.set(name.toLowerCase(), key);
        return keyVersion(storedName, newest(key));
      }),

    purgeKey: async (name) =>
      change((next) => {
        deletedByName(next, name);
        next.delete(name.toLowerCase());
      }),

    backupKey: (name) => {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', content.backupKey, iv);
      const sealed = [cipher.update(toUtf8(JSON.stringify(activeKey(keys, name)))), cipher.final()];
      return toBase64Url(concatBytes(iv, ...sealed, cipher.getAuthTag()));
    },

    restoreKey: async (blob) => {
      const key = openBackup(content.backupKey, blob);
      return change((next) => {
        if (next.has(key.name.toLowerCase())) {
          throw new RequestError(
            'VAULT_KEY_DELETED',
            `The key ${key.name} exists already, or is deleted but recoverable.`,
          );
        }
        next.set(key.name.toLowerCase(), key);
        return keyVersion(key.name, newest(key));
      });
    },
  };
}

async function readKeyFile(file: string): Promise<Content> {
  let parsed: z.output<typeof fileSchema>;
  try {
    parsed = fileSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      return { backupKey: new Uint8Array(randomBytes(32)), keys: new Map() };
    }
    // The message of the cause could quote the file, and the file holds private keys.
    const reason =
      cause instanceof z.ZodError
        ? z.prettifyError(cause)
        : cause instanceof SyntaxError
          ? 'not JSON'
          : errorMessage(cause);
    throw new MalformedError('LOCAL_VAULT_UNREADABLE', `cannot use the vault file ${file}: ${reason}`, {
      details: { file },
      action: 'Restore the file, or delete it to start with an empty vault.',
    });
  }
  return {
    backupKey: fromBase64(parsed.backupKey),
    keys: new Map(parsed.keys.map((key) => [key.name.toLowerCase(), key])),
  };
}

function openBackup(backupKey: Uint8Array, blob: string): StoredKey {
  try {
    const bytes = fromBase64Url(blob);
    const decipher = createDecipheriv('aes-256-gcm', backupKey, bytes.subarray(0, 12), { authTagLength: 16 });
    decipher.setAuthTag(bytes.subarray(-16));
    const text = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
    return keySchema.parse(JSON.parse(text));
  } catch {
    throw invalid('The backup was not made by this vault.'); // the cause could quote the content
  }
}

/** The rules that bind exportable, the kind of the key and its release policy together. */
function assertReleasable(kty: KeyType, changes: KeyChanges): void {
  const exportable = changes.exportable ?? false;
  if (exportable && changes.releasePolicy === undefined) {
    throw invalid('AKV.SKR.1004: Exportable keys must have release policy.');
  }
  if (!exportable && changes.releasePolicy !== undefined) {
    throw invalid('AKV.SKR.1005: Non-exportable keys must not have release policy.');
  }
  if (exportable && !isHsm(kty)) throw invalid('AKV.SKR.1006: Exportable keys must be kept in hardware (-HSM).');
}

function applyChanges(known: StoredVersion, changes: KeyChanges, now: number): StoredVersion {
  const { enabled = known.attributes.enabled, nbf = known.attributes.nbf, exp = known.attributes.exp } = changes;
  if (nbf !== undefined && exp !== undefined && nbf >= exp) throw invalid('The key would expire before it is valid.');
  const tags = changes.tags ?? known.tags;
  const releasePolicy = changedPolicy(known, changes.releasePolicy);
  return {
    ...known,
    keyOps: changes.keyOps === undefined ? known.keyOps : canonicalOperations(changes.keyOps),
    attributes: {
      enabled,
      created: known.attributes.created,
      updated: now,
      exportable: known.attributes.exportable,
      ...(nbf === undefined ? {} : { nbf }),
      ...(exp === undefined ? {} : { exp }),
    },
    ...(tags === undefined ? {} : { tags: { ...tags } }),
    ...(releasePolicy === undefined ? {} : { releasePolicy }),
  };
}

function changedPolicy(
  { releasePolicy: known, attributes }: StoredVersion,
  change: KeyChanges['releasePolicy'],
): StoredReleasePolicy | undefined {
  if (change === undefined) return known;
  if (!attributes.exportable) throw invalid('AKV.SKR.1005: Non-exportable keys must not have release policy.');
  const data = encodeReleasePolicy(decodeReleasePolicy(change.data));
  const next = {
    contentType: change.contentType ?? CONTENT_TYPE,
    data,
    immutable: change.immutable ?? known?.immutable ?? false,
  };
  if (known?.immutable === true && (next.data !== known.data || !next.immutable)) {
    throw invalid('AKV.SKR.1020: Immutable Key Release Policy cannot be modified.');
  }
  return next;
}

/** People type operations in any case; they are stored as the protocol spells them. */
function canonicalOperations(names: readonly string[]): string[] {
  return names.map((name) => {
    const known = OPERATIONS.find((operation) => operation.toLowerCase() === name.toLowerCase());
    if (known === undefined) throw invalid(`key_ops: ${name.slice(0, 20)} is not an operation`);
    return known;
  });
}

function storedType(kty: KeyType, kind: VaultKind): KeyType {
  return kind === 'managed-hsm' && !isHsm(kty) ? (`${kty}-HSM` as KeyType) : kty;
}

function rsaBits(material: KeyMaterial): number | undefined {
  if (familyOf(material.kty) !== 'RSA') return undefined;
  return privateKeyOf(material).asymmetricKeyDetails?.modulusLength;
}

function keyVersion(name: string, stored: StoredVersion): KeyVersion {
  const { version, kty, crv, secret, keyOps, attributes, tags, releasePolicy } = stored;
  return {
    name,
    version,
    material: { kty, crv, secret: fromBase64(secret) },
    keyOps,
    attributes,
    tags,
    releasePolicy,
  };
}

function sortedKeys(keys: ReadonlyMap<string, StoredKey>): StoredKey[] {
  return [...keys.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => key);
}

function newest(key: StoredKey): StoredVersion {
  const version = key.versions.at(-1);
  if (version === undefined) throw notFound(key.name);
  return version;
}

function findVersion(key: StoredKey, version: string): StoredVersion {
  if (version === '') return newest(key);
  const found = key.versions.find((known) => known.version === version.toLowerCase());
  if (found === undefined) throw notFound(`${key.name}/${version.slice(0, 32)}`);
  return found;
}

function activeKey(keys: ReadonlyMap<string, StoredKey>, name: string): StoredKey {
  assertName(name);
  const key = keys.get(name.toLowerCase());
  if (key === undefined || key.deletedDate !== undefined) throw notFound(name);
  return key;
}

function deletedByName(
  keys: ReadonlyMap<string, StoredKey>,
  name: string,
): StoredKey & { readonly deletedDate: number } {
  assertName(name);
  const key = keys.get(name.toLowerCase());
  if (key?.deletedDate === undefined) throw new RequestError('VAULT_KEY_NOT_FOUND', `Deleted Key not found: ${name}`);
  return { ...key, deletedDate: key.deletedDate };
}

function deletedKey(key: StoredKey, deletedDate: number): DeletedKey {
  const scheduledPurgeDate = deletedDate + KEY_RECOVERABLE_DAYS * 24 * 60 * 60;
  return { key: keyVersion(key.name, newest(key)), deletedDate, scheduledPurgeDate };
}

function assertName(name: string): void {
  if (!NAME.test(name)) throw invalid(`The request URI contains an invalid name: ${name.slice(0, 130)}`);
}

function invalid(message: string): RequestError {
  return new RequestError('VAULT_KEY_PARAMETER_INVALID', message);
}

function notFound(name: string): RequestError {
  return new RequestError(
    'VAULT_KEY_NOT_FOUND',
    `A key with (name/id) ${name} was not found in this key vault. If you recently deleted this key you may be able to recover it using the correct recovery command.`,
  );
}

function deletedButRecoverable(name: string): RequestError {
  return new RequestError(
    'VAULT_KEY_DELETED',
    `Key ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the key can only be recovered or purged.`,
  );
}
