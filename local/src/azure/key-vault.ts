import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { errorMessage, MalformedError, RequestError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';
import { z } from 'zod';

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

export const RECOVERABLE_DAYS = 90;
const MAX_VALUE_BYTES = 25 * 1024;
const NAME = /^[0-9A-Za-z-]{1,127}$/;

const versionSchema = z.strictObject({
  version: z.string().regex(/^[0-9a-f]{32}$/),
  value: z.string(),
  contentType: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  attributes: z.strictObject({
    enabled: z.boolean(),
    created: z.int(),
    updated: z.int(),
    nbf: z.int().optional(),
    exp: z.int().optional(),
  }),
});
const secretSchema = z.strictObject({
  name: z.string().regex(NAME),
  versions: z.array(versionSchema).min(1),
  /** Seconds since the epoch; only for deleted secrets. */
  deletedDate: z.int().optional(),
});
const fileSchema = z.strictObject({ version: z.literal(1), secrets: z.array(secretSchema) });

type StoredSecret = z.output<typeof secretSchema>;

/**
 * Opens the secrets of a vault. A change is on disk before its call resolves, and a failed write changes nothing.
 * @throws MalformedError LOCAL_VAULT_UNREADABLE when the file is there and does not hold what a vault writes
 */
export async function openKeyVault(options: OpenKeyVaultOptions): Promise<KeyVault> {
  await mkdir(dirname(options.file), { recursive: true, mode: 0o700 });
  let secrets: ReadonlyMap<string, StoredSecret> = await readVaultFile(options.file);
  let lastWrite: Promise<unknown> = Promise.resolve();

  /** Changes happen one after the other: each sees the one before, and the file never goes back in time. */
  const change = <T>(make: (next: Map<string, StoredSecret>) => T): Promise<T> => {
    const written = lastWrite.then(async () => {
      const next = new Map(secrets);
      const result = make(next);
      const content = JSON.stringify({ version: 1, secrets: [...next.values()] }, undefined, 2);
      await writeFileAtomic(options.file, `${content}\n`, { mode: 0o600 });
      secrets = next;
      return result;
    });
    lastWrite = written.catch(() => undefined); // the caller gets the failure; the next change goes on
    return written;
  };
  const nowSeconds = (): number => Math.floor(options.clock() / 1000);

  return {
    setSecret: async (name, value, changes = {}) => {
      assertName(name);
      if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
        throw invalid(`The secret value is longer than ${MAX_VALUE_BYTES} bytes.`);
      }
      return change((next) => {
        const known = next.get(name.toLowerCase());
        if (known?.deletedDate !== undefined) throw deletedButRecoverable(name);
        const now = nowSeconds();
        const stored: StoredSecret['versions'][number] = {
          version: randomBytes(16).toString('hex'),
          value,
          attributes: { enabled: true, created: now, updated: now },
        };
        const version = applyChanges(stored, changes, now);
        const secret = { name: known?.name ?? name, versions: [...(known?.versions ?? []), version] };
        next.set(name.toLowerCase(), secret);
        return { name: secret.name, ...version };
      });
    },

    getSecret: (name, version) => {
      const secret = activeSecret(secrets, name);
      const found =
        version === undefined
          ? newest(secret)
          : secret.versions.find((known) => known.version === version.toLowerCase());
      if (found === undefined) throw notFound(name);
      if (!found.attributes.enabled) {
        throw new RequestError('VAULT_SECRET_DISABLED', 'Operation get is not allowed on a disabled secret.');
      }
      return { name: secret.name, ...found };
    },

    updateSecret: async (name, version, changes) =>
      change((next) => {
        const secret = activeSecret(next, name);
        const wanted = version === '' ? newest(secret).version : version.toLowerCase();
        const at = secret.versions.findIndex((known) => known.version === wanted);
        const known = secret.versions[at];
        if (known === undefined) throw notFound(name);
        const changed = applyChanges(known, changes, nowSeconds());
        next.set(name.toLowerCase(), { ...secret, versions: secret.versions.with(at, changed) });
        return { name: secret.name, ...changed };
      }),

    listSecrets: () =>
      sortedSecrets(secrets)
        .filter((secret) => secret.deletedDate === undefined)
        .map((secret) => ({ name: secret.name, ...newest(secret) })),

    listVersions: (name) => {
      const secret = activeSecret(secrets, name);
      return secret.versions.map((version) => ({ name: secret.name, ...version }));
    },

    deleteSecret: async (name) =>
      change((next) => {
        const secret = { ...activeSecret(next, name), deletedDate: nowSeconds() };
        next.set(name.toLowerCase(), secret);
        return deletedSecret(secret, secret.deletedDate);
      }),

    listDeleted: () =>
      sortedSecrets(secrets).flatMap((secret) =>
        secret.deletedDate === undefined ? [] : [deletedSecret(secret, secret.deletedDate)],
      ),

    getDeleted: (name) => {
      const secret = deletedByName(secrets, name);
      return deletedSecret(secret, secret.deletedDate);
    },

    recoverSecret: async (name) =>
      change((next) => {
        const { name: storedName, versions } = deletedByName(next, name);
        next.set(name.toLowerCase(), { name: storedName, versions });
        return { name: storedName, ...newest({ name: storedName, versions }) };
      }),

    purgeSecret: async (name) =>
      change((next) => {
        deletedByName(next, name);
        next.delete(name.toLowerCase());
      }),
  };
}

async function readVaultFile(file: string): Promise<ReadonlyMap<string, StoredSecret>> {
  let parsed: z.output<typeof fileSchema>;
  try {
    parsed = fileSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    // The message of the cause could quote the file, and the file holds secrets.
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
  return new Map(parsed.secrets.map((secret) => [secret.name.toLowerCase(), secret]));
}

function applyChanges(
  version: StoredSecret['versions'][number],
  changes: SecretChanges,
  now: number,
): StoredSecret['versions'][number] {
  const { contentType = version.contentType, tags = version.tags } = changes;
  const { enabled = version.attributes.enabled, nbf = version.attributes.nbf, exp = version.attributes.exp } = changes;
  if (nbf !== undefined && exp !== undefined && nbf >= exp)
    throw invalid('The secret would expire before it is valid.');
  return {
    version: version.version,
    value: version.value,
    ...(contentType === undefined ? {} : { contentType }),
    ...(tags === undefined ? {} : { tags: { ...tags } }),
    attributes: {
      enabled,
      created: version.attributes.created,
      updated: now,
      ...(nbf === undefined ? {} : { nbf }),
      ...(exp === undefined ? {} : { exp }),
    },
  };
}

function sortedSecrets(secrets: ReadonlyMap<string, StoredSecret>): StoredSecret[] {
  return [...secrets.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, secret]) => secret);
}

function newest(secret: StoredSecret): StoredSecret['versions'][number] {
  const version = secret.versions.at(-1);
  if (version === undefined) throw notFound(secret.name);
  return version;
}

function activeSecret(secrets: ReadonlyMap<string, StoredSecret>, name: string): StoredSecret {
  assertName(name);
  const secret = secrets.get(name.toLowerCase());
  if (secret === undefined || secret.deletedDate !== undefined) throw notFound(name);
  return secret;
}

function deletedByName(
  secrets: ReadonlyMap<string, StoredSecret>,
  name: string,
): StoredSecret & { readonly deletedDate: number } {
  assertName(name);
  const secret = secrets.get(name.toLowerCase());
  if (secret?.deletedDate === undefined) {
    throw new RequestError('VAULT_SECRET_NOT_FOUND', `Deleted Secret not found: ${name}`);
  }
  return { ...secret, deletedDate: secret.deletedDate };
}

function deletedSecret(secret: StoredSecret, deletedDate: number): DeletedSecret {
  const scheduledPurgeDate = deletedDate + RECOVERABLE_DAYS * 24 * 60 * 60;
  return { secret: { name: secret.name, ...newest(secret) }, deletedDate, scheduledPurgeDate };
}

function assertName(name: string): void {
  if (!NAME.test(name)) throw invalid(`The request URI contains an invalid name: ${name.slice(0, 130)}`);
}

function invalid(message: string): RequestError {
  return new RequestError('VAULT_PARAMETER_INVALID', message);
}

function notFound(name: string): RequestError {
  return new RequestError(
    'VAULT_SECRET_NOT_FOUND',
    `A secret with (name/id) ${name} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command.`,
  );
}

function deletedButRecoverable(name: string): RequestError {
  return new RequestError(
    'VAULT_SECRET_DELETED',
    `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.`,
  );
}
