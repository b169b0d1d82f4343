import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import { concatBytes, fromBase64, fromBase64Url, RequestError, toBase64, toBase64Url, toUtf8 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { decodeReleasePolicy, encodeReleasePolicy } from '@holdfast/key-release';
import { z } from 'zod';

import { familyOf, generateKeyMaterial, importKeyMaterial, isHsm, KEY_TYPES, privateKeyOf } from './key-material.ts';
import type { ImportedKey, KeyMaterial, KeyType } from './key-material.ts';
import { changedValidity, ITEM_NAME, ITEM_VERSION, readVaultFile, VaultItems, writeVaultFile } from './vault-items.ts';
import type { DeletedItem, ItemKind, NamedVersion } from './vault-items.ts';

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
  /** Of a key that belongs to a certificate: the version of both. Any when missing. */
  readonly version?: string | undefined;
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

const KIND: ItemKind = {
  noun: 'key',
  invalid: 'VAULT_KEY_PARAMETER_INVALID',
  notFound: 'VAULT_KEY_NOT_FOUND',
  deleted: 'VAULT_KEY_DELETED',
};
const CONTENT_TYPE = 'application/json; charset=utf-8';
const OPERATIONS = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey', 'import', 'export'];
const DEFAULT_OPERATIONS: Readonly<Record<'EC' | 'RSA' | 'oct', readonly string[]>> = {
  RSA: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
  EC: ['sign', 'verify'],
  oct: ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'],
};

const versionSchema = z.strictObject({
  version: z.string().regex(ITEM_VERSION),
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
  name: z.string().regex(ITEM_NAME),
  versions: z.array(versionSchema).min(1),
  /** Seconds since the epoch; only for deleted keys. */
  deletedDate: z.int().optional(),
});
const fileSchema = z.strictObject({ version: z.literal(1), backupKey: z.base64(), keys: z.array(keySchema) });

type StoredVersion = z.output<typeof versionSchema>;
type StoredKey = z.output<typeof keySchema>;

/**
 * Opens the keys of a vault. A change is on disk before its call resolves, and a failed write changes nothing.
 * @throws MalformedError LOCAL_VAULT_UNREADABLE when the file is there and does not hold what a vault writes
 */
export async function openKeyStore(options: OpenKeyStoreOptions): Promise<KeyStore> {
  const content = await readVaultFile(options.file, fileSchema);
  const backupKey = content === undefined ? new Uint8Array(randomBytes(32)) : fromBase64(content.backupKey);
  const items = new VaultItems<StoredVersion>({
    kind: KIND,
    clock: options.clock,
    items: content?.keys ?? [],
    save: async (keys) => writeVaultFile(options.file, { version: 1, backupKey: toBase64(backupKey), keys }),
  });
  const vaultKind = options.kind ?? 'vault';

  const addVersion = async (name: string, material: KeyMaterial, changes: KeyChanges): Promise<KeyVersion> =>
    keyVersion(await items.add(name, (now) => applyChanges(firstVersion(material, changes, now), changes, now)));

  return {
    createKey: async (name, key) => {
      items.assertName(name);
      const kty = storedType(key.kty, vaultKind);
      assertReleasable(kty, key);
      return addVersion(name, await generateKeyMaterial({ ...key, kty }), key);
    },

    importKey: async (name, key, hsm, changes) => {
      items.assertName(name);
      const kty = storedType(hsm && !isHsm(key.kty) ? (`${key.kty}-HSM` as KeyType) : key.kty, vaultKind);
      assertReleasable(kty, changes);
      return addVersion(name, importKeyMaterial({ ...key, kty }), { keyOps: key.key_ops, ...changes });
    },

    getKey: (name, version = '') => keyVersion(items.find(name, version)),

    updateKey: async (name, version, changes) =>
      keyVersion(
        await items.update(name, version, (known, item, now) => {
          if (changes.releasePolicy !== undefined && known !== items.newest(item)) {
            throw invalid('AKV.SKR.1016: Key release policy can only be set on the versionless key.');
          }
          if (changes.exportable !== undefined && changes.exportable !== known.attributes.exportable) {
            throw invalid('AKV.SKR.1003: The exportable attribute of an existing key cannot be changed.');
          }
          return applyChanges(known, changes, now);
        }),
      ),

    rotateKey: async (name) => {
      const last = items.find(name, '').version;
      const bits = familyOf(last.kty) === 'oct' ? fromBase64(last.secret).length * 8 : undefined;
      const { tags, releasePolicy, keyOps } = last;
      const material = await generateKeyMaterial({
        kty: last.kty,
        crv: last.crv,
        keySize: bits ?? rsaBits(keyVersion({ name, version: last }).material),
      });
      return addVersion(name, material, { tags, releasePolicy, keyOps, exportable: last.attributes.exportable });
    },

    listKeys: () => items.list().map(keyVersion),
    listVersions: (name) => {
      const key = items.active(name);
      return key.versions.map((version) => keyVersion({ name: key.name, version }));
    },
    deleteKey: async (name) => deletedKey(await items.delete(name)),
    listDeleted: () => items.listDeleted().map(deletedKey),
    getDeleted: (name) => deletedKey(items.deleted(name)),
    recoverKey: async (name) => keyVersion(await items.recover(name)),
    purgeKey: async (name) => items.purge(name),

    backupKey: (name) => {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', backupKey, iv);
      const sealed = [cipher.update(toUtf8(JSON.stringify(items.active(name)))), cipher.final()];
      return toBase64Url(concatBytes(iv, ...sealed, cipher.getAuthTag()));
    },
    restoreKey: async (blob) => keyVersion(await items.restore(openBackup(backupKey, blob))),
  };
}

function firstVersion(
  material: KeyMaterial,
  { exportable = false, version = randomBytes(16).toString('hex') }: KeyChanges,
  now: number,
): StoredVersion {
  return {
    version,
    kty: material.kty,
    ...(material.crv === undefined ? {} : { crv: material.crv }),
    secret: toBase64(material.secret),
    keyOps: [...DEFAULT_OPERATIONS[familyOf(material.kty)]],
    attributes: { enabled: true, created: now, updated: now, exportable },
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
  const { enabled = known.attributes.enabled, tags = known.tags } = changes;
  const releasePolicy = changedPolicy(known, changes.releasePolicy);
  return {
    ...known,
    keyOps: changes.keyOps === undefined ? known.keyOps : canonicalOperations(changes.keyOps),
    attributes: {
      enabled,
      created: known.attributes.created,
      updated: now,
      exportable: known.attributes.exportable,
      ...changedValidity(known.attributes, changes, KIND),
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

function keyVersion({ name, version: stored }: NamedVersion<StoredVersion>): KeyVersion {
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

function deletedKey(item: DeletedItem<StoredVersion>): DeletedKey {
  const { deletedDate, scheduledPurgeDate } = item;
  return { key: keyVersion(item), deletedDate, scheduledPurgeDate };
}

function invalid(message: string): RequestError {
  return new RequestError(KIND.invalid, message);
}
