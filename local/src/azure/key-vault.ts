import { randomBytes } from 'node:crypto';

import { RequestError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { z } from 'zod';

import { changedValidity, ITEM_NAME, ITEM_VERSION, readVaultFile, VaultItems, writeVaultFile } from './vault-items.ts';
import type { DeletedItem, ItemKind, NamedVersion } from './vault-items.ts';

/** Times are seconds since the Unix epoch. */
export interface SecretAttributes {
  readonly enabled: boolean;
  readonly created: number;
  readonly updated: number;
  readonly nbf?: number | undefined;
  readonly exp?: number | undefined;
}

/** One version of a secret. */
export interface SecretVersion {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly version: string;
  readonly value: string;
  readonly contentType?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly attributes: SecretAttributes;
  /** Whether it belongs to the certificate of the same name and version. */
  readonly managed?: boolean | undefined;
}

/** A secret that was deleted and can be recovered: its newest version and when it goes for good. */
export interface DeletedSecret {
  readonly secret: SecretVersion;
  readonly deletedDate: number;
  readonly scheduledPurgeDate: number;
}

/** What a caller may change about a secret without a new version. */
export interface SecretChanges {
  readonly contentType?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly enabled?: boolean | undefined;
  readonly nbf?: number | undefined;
  readonly exp?: number | undefined;
}

export interface OpenKeyVaultOptions {
  /** Holds all secrets as JSON at mode 0600; made at the first write. */
  readonly file: string;
  readonly clock: Clock;
}

/** The secrets of one vault. Names are compared without case. All methods throw RequestError with VAULT_ codes. */
export interface KeyVault {
  /** Adds a new newest version. */
  setSecret(name: string, value: string, changes?: SecretChanges): Promise<SecretVersion>;
  /** Adds the secret of a certificate, with key and certificates of the version. */
  setCertificateSecret(
    name: string,
    certificate: { readonly version: string; readonly value: string; readonly contentType: string },
  ): Promise<SecretVersion>;
  /** The given or newest version; a disabled one is refused. */
  getSecret(name: string, version?: string): SecretVersion;
  updateSecret(name: string, version: string, changes: SecretChanges): Promise<SecretVersion>;
  /** The newest version of each secret, by name. */
  listSecrets(): readonly SecretVersion[];
  /** All versions, oldest first. */
  listVersions(name: string): readonly SecretVersion[];
  deleteSecret(name: string): Promise<DeletedSecret>;
  listDeleted(): readonly DeletedSecret[];
  getDeleted(name: string): DeletedSecret;
  recoverSecret(name: string): Promise<SecretVersion>;
  purgeSecret(name: string): Promise<void>;
}

const MAX_VALUE_BYTES = 25 * 1024;
const KIND: ItemKind = {
  noun: 'secret',
  invalid: 'VAULT_PARAMETER_INVALID',
  notFound: 'VAULT_SECRET_NOT_FOUND',
  deleted: 'VAULT_SECRET_DELETED',
};

const versionSchema = z.strictObject({
  version: z.string().regex(ITEM_VERSION),
  value: z.string(),
  contentType: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  managed: z.boolean().optional(),
  attributes: z.strictObject({
    enabled: z.boolean(),
    created: z.int(),
    updated: z.int(),
    nbf: z.int().optional(),
    exp: z.int().optional(),
  }),
});
const secretSchema = z.strictObject({
  name: z.string().regex(ITEM_NAME),
  versions: z.array(versionSchema).min(1),
  /** Seconds since the epoch; only for deleted secrets. */
  deletedDate: z.int().optional(),
});
const fileSchema = z.strictObject({ version: z.literal(1), secrets: z.array(secretSchema) });

type StoredVersion = z.output<typeof versionSchema>;

/**
 * Opens the secrets of a vault. A change is on disk before its call resolves, and a failed write changes nothing.
 * @throws MalformedError LOCAL_VAULT_UNREADABLE when the file is there and does not hold what a vault writes
 */
export async function openKeyVault(options: OpenKeyVaultOptions): Promise<KeyVault> {
  const content = await readVaultFile(options.file, fileSchema);
  const items = new VaultItems<StoredVersion>({
    kind: KIND,
    clock: options.clock,
    items: content?.secrets ?? [],
    save: async (secrets) => writeVaultFile(options.file, { version: 1, secrets }),
  });
  return {
    setSecret: async (name, value, changes = {}) => {
      items.assertName(name);
      if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
        throw new RequestError(KIND.invalid, `The secret value is longer than ${MAX_VALUE_BYTES} bytes.`);
      }
      const added = await items.add(name, (now) => {
        const version = randomBytes(16).toString('hex');
        return applyChanges(
          { version, value, attributes: { enabled: true, created: now, updated: now } },
          changes,
          now,
        );
      });
      return secretVersion(added);
    },

    setCertificateSecret: async (name, { version, value, contentType }) =>
      secretVersion(
        await items.add(name, (now) => ({
          version,
          value,
          contentType,
          managed: true,
          attributes: { enabled: true, created: now, updated: now },
        })),
      ),

    getSecret: (name, version = '') => {
      const secret = secretVersion(items.find(name, version));
      if (secret.attributes.enabled) return secret;
      throw new RequestError('VAULT_SECRET_DISABLED', 'Operation get is not allowed on a disabled secret.');
    },

    updateSecret: async (name, version, changes) =>
      secretVersion(await items.update(name, version, (known, _item, now) => applyChanges(known, changes, now))),

    listSecrets: () => items.list().map(secretVersion),
    listVersions: (name) => {
      const secret = items.active(name);
      return secret.versions.map((version) => secretVersion({ name: secret.name, version }));
    },
    deleteSecret: async (name) => deletedSecret(await items.delete(name)),
    listDeleted: () => items.listDeleted().map(deletedSecret),
    getDeleted: (name) => deletedSecret(items.deleted(name)),
    recoverSecret: async (name) => secretVersion(await items.recover(name)),
    purgeSecret: async (name) => items.purge(name),
  };
}

function applyChanges(known: StoredVersion, changes: SecretChanges, now: number): StoredVersion {
  const { contentType = known.contentType, tags = known.tags, enabled = known.attributes.enabled } = changes;
  return {
    version: known.version,
    value: known.value,
    ...(contentType === undefined ? {} : { contentType }),
    ...(tags === undefined ? {} : { tags: { ...tags } }),
    ...(known.managed === undefined ? {} : { managed: known.managed }),
    attributes: {
      enabled,
      created: known.attributes.created,
      updated: now,
      ...changedValidity(known.attributes, changes, KIND),
    },
  };
}

function secretVersion({ name, version }: NamedVersion<StoredVersion>): SecretVersion {
  return { name, ...version };
}

function deletedSecret(item: DeletedItem<StoredVersion>): DeletedSecret {
  const { deletedDate, scheduledPurgeDate } = item;
  return { secret: secretVersion(item), deletedDate, scheduledPurgeDate };
}
