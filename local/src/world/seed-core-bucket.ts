import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { toBase64 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';
import {
  FALLBACK_PUBLISHER_SITE_ID,
  generateApiKey,
  MASTER_KEYSET_ID,
  REFRESH_KEYSET_ID,
  saltApiKey,
  writeClients,
  writeCloudEncryptionKeys,
  writeEnclaves,
  writeKeysetKeys,
  writeKeysets,
  writeOperators,
  writeRuntimeConfigurationFile,
  writeSites,
  writeStoreMetadata,
} from '@holdfast/uid2';
import type { ClientRecord, Keyset, KeysetKey, OperatorRecord } from '@holdfast/uid2';

import { LOCAL_ENCLAVE_NAME } from './accept-enclave.ts';
import type { ClientCredentials, Credentials } from './credentials.ts';
import { ADMINISTRATION_SITE_ID, DEMO_CLIENT, OWNER_SITE_ID, PARTICIPANTS, ROLE_CLIENTS } from './participants.ts';
import type { SeededClient } from './participants.ts';
import { createSaltFile } from './salt-file.ts';

export interface SeedOptions {
  /** The folder that becomes Core's bucket; it must not exist yet or be empty. */
  readonly bucket: string;
  /** Number of salts, 1 to 1,048,576. */
  readonly salts: number;
  /** The `azure-cc` enclave id that Core will accept: hex SHA-256 of the operator's policy. */
  readonly enclaveId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly randomBytes: RandomBytes;
}

const DAY_MS = 86_400_000;
const DAY_SECONDS = 86_400;
/** Snapshot and keys of the local world serve for a year; after that the world is made anew. */
const LIFETIME_DAYS = 365;
const KEY_BYTES = 32;
const FIRST_SITE_KEYSET_ID = 4;

/** Writes every object an operator, Core and Opt-Out read, with fresh random secrets, and answers those secrets. */
export async function seedCoreBucket(options: SeedOptions): Promise<Credentials> {
  const seed = new Seed(options);
  const clients = [DEMO_CLIENT, ...ROLE_CLIENTS].map((client) => seed.client(client));
  const operator = seed.operator({ name: 'Kelp private operator', protocol: 'azure-cc', operatorType: 'PRIVATE' });
  const publicOperator = seed.operator({ name: 'Public operator', protocol: 'trusted', operatorType: 'PUBLIC' });
  const optoutService = seed.operator({
    name: 'Opt-Out service',
    protocol: 'trusted',
    operatorType: 'PUBLIC',
    roles: ['OPTOUT_SERVICE'],
  });
  const keysets = seed.keysets();
  const keys = seed.keysetKeys(keysets);
  await seed.store('sites', 'sites', writeSites(seed.sites()));
  await seed.store('clients', 'client_keys', writeClients(clients.map(({ record }) => record)));
  await seed.store('keysets', 'keysets', writeKeysets(keysets));
  await seed.store('keyset_keys', 'keyset_keys', writeKeysetKeys(keys), {
    max_key_id: keys.length,
    system_key_id: 1,
  });
  await seed.store(
    'operators',
    'operators',
    writeOperators([operator, publicOperator, optoutService].map(({ record }) => record)),
  );
  await seed.store('enclaves', 'enclaves', writeEnclaves([seed.enclave()]));
  for (const empty of ['partners', 'services', 'service_links', 'client_side_keypairs', 'keys', 'keys_acl']) {
    await seed.store(empty, empty, '[]\n');
  }
  await seed.store('cloud_encryption_keys', 'cloud_encryption_keys', writeCloudEncryptionKeys([seed.cloudKey()]));
  await seed.runtimeConfiguration();
  await seed.salts();
  const [demo, ...others] = clients.map(({ credentials }) => credentials);
  if (demo === undefined) throw new RangeError('the demonstration client is always first');
  return {
    version: 1,
    client: demo,
    clients: others,
    operatorKey: operator.key,
    publicOperatorKey: publicOperator.key,
    optoutServiceKey: optoutService.key,
  };
}

class Seed {
  readonly #options: SeedOptions;
  readonly #nowSeconds: number;
  /** Start of the UTC day. */
  readonly #today: number;

  constructor(options: SeedOptions) {
    this.#options = options;
    this.#nowSeconds = Math.floor(options.now / 1000);
    this.#today = options.now - (options.now % DAY_MS);
  }

  client(client: SeededClient): { readonly record: ClientRecord; readonly credentials: ClientCredentials } {
    const { name, siteId, roles } = client;
    const { key, keyId } = generateApiKey(
      { scope: 'uid2', holder: 'client', environment: 'I', siteId },
      this.#options.randomBytes,
    );
    const secret = this.#secret();
    const record: ClientRecord = {
      ...saltApiKey(key, this.#options.randomBytes),
      secret,
      name,
      contact: `${name}_${keyId}`,
      created: this.#nowSeconds,
      roles,
      siteId,
      disabled: false,
      serviceId: 0,
      keyId,
    };
    return {
      record,
      credentials: { name, siteId, roles: [...roles], apiKey: key, secret: toBase64(secret.export()) },
    };
  }

  operator(
    operator: Pick<OperatorRecord, 'name' | 'protocol' | 'operatorType'> & Partial<Pick<OperatorRecord, 'roles'>>,
  ): { readonly record: OperatorRecord; readonly key: string } {
    const siteId = operator.operatorType === 'PRIVATE' ? OWNER_SITE_ID : ADMINISTRATION_SITE_ID;
    const { key, keyId } = generateApiKey(
      { scope: 'uid2', holder: 'operator', environment: 'I', siteId },
      this.#options.randomBytes,
    );
    const record: OperatorRecord = {
      ...saltApiKey(key, this.#options.randomBytes),
      name: operator.name,
      contact: `${operator.name}_${keyId}`,
      protocol: operator.protocol,
      created: this.#nowSeconds,
      disabled: false,
      siteId,
      roles: operator.roles ?? ['OPERATOR', 'OPTOUT'],
      operatorType: operator.operatorType,
      keyId,
    };
    return { record, key };
  }

  sites(): Parameters<typeof writeSites>[0] {
    return PARTICIPANTS.map((site) => ({ ...site, enabled: true, visible: true, created: this.#nowSeconds }));
  }

  /** Master, refresh and fallback keysets, and a default keyset per participant that every participant may read. */
  keysets(): Keyset[] {
    const everybody = PARTICIPANTS.map(({ id }) => id);
    const reserved = [
      { id: MASTER_KEYSET_ID, siteId: MASTER_KEYSET_ID, name: 'Master' },
      { id: REFRESH_KEYSET_ID, siteId: REFRESH_KEYSET_ID, name: 'Refresh' },
      { id: FALLBACK_PUBLISHER_SITE_ID, siteId: FALLBACK_PUBLISHER_SITE_ID, name: 'Fallback Publisher' },
    ];
    const own = PARTICIPANTS.map(({ id, name }, index) => ({
      id: FIRST_SITE_KEYSET_ID + index,
      siteId: id,
      name: `${name} keyset`,
    }));
    return [...reserved, ...own].map((keyset) => ({
      ...keyset,
      allowedSites: new Set(keyset.siteId > 0 ? everybody.filter((id) => id !== keyset.siteId) : []),
      createdSeconds: this.#nowSeconds,
      enabled: true,
      isDefault: true,
    }));
  }

  /** Per keyset a key that is active and one that takes over tomorrow; master and refresh also a month of history. */
  keysetKeys(keysets: readonly Keyset[]): KeysetKey[] {
    const keys: KeysetKey[] = [];
    const add = (keysetId: number, activatesInDays: number): void => {
      const activatesSeconds = this.#nowSeconds + activatesInDays * DAY_SECONDS;
      keys.push({
        id: keys.length + 1,
        keysetId,
        createdSeconds: Math.min(activatesSeconds, this.#nowSeconds),
        activatesSeconds,
        expiresSeconds: activatesSeconds + LIFETIME_DAYS * DAY_SECONDS,
        secret: this.#secret(),
      });
    };
    for (const { id } of keysets) {
      if (id < 0) add(id, -30);
      add(id, -1);
      add(id, 1);
    }
    return keys;
  }

  enclave(): Parameters<typeof writeEnclaves>[0][number] {
    return {
      name: LOCAL_ENCLAVE_NAME,
      protocol: 'azure-cc',
      identifier: this.#options.enclaveId,
      created: this.#nowSeconds,
    };
  }

  cloudKey(): Parameters<typeof writeCloudEncryptionKeys>[0][number] {
    const created = this.#nowSeconds;
    return { id: 1, siteId: OWNER_SITE_ID, activates: created, created, secret: this.#secret() };
  }

  async runtimeConfiguration(): Promise<void> {
    const text = writeRuntimeConfigurationFile({
      version: 1,
      configuration: {
        identityTokenExpiresAfterSeconds: 3600,
        refreshTokenExpiresAfterSeconds: 30 * DAY_SECONDS,
        refreshIdentityTokenAfterSeconds: 900,
        sharingTokenExpirySeconds: 30 * DAY_SECONDS,
        identityEnvironment: 'integ',
        maxBidstreamLifetimeSeconds: 3600,
        maxSharingLifetimeSeconds: 30 * DAY_SECONDS,
      },
    });
    await this.#write('operator/operator-config.json', text);
  }

  async salts(): Promise<void> {
    const { salts, randomBytes, now } = this.#options;
    const effective = this.#today;
    const location = `salts/salts.txt.${effective}`;
    await this.#write(location, createSaltFile(salts, this.#today, randomBytes));
    const metadata = {
      version: now,
      generated: this.#nowSeconds,
      first_level: toBase64(randomBytes(KEY_BYTES)),
      id_prefix: 'h',
      id_secret: toBase64(randomBytes(KEY_BYTES)),
      salts: [{ effective, expires: effective + LIFETIME_DAYS * DAY_MS, location, size: salts }],
    };
    await this.#write('salts/metadata.json', `${JSON.stringify(metadata, undefined, 2)}\n`);
  }

  /** A store's file and its metadata, which name each other as everywhere in Core's bucket. */
  async store(
    directory: string,
    member: string,
    text: string,
    extra: Readonly<Record<string, number>> = {},
  ): Promise<void> {
    const location = `${directory}/${directory}.json`;
    await this.#write(location, text);
    const metadata = JSON.parse(
      writeStoreMetadata(member, { version: this.#options.now, generated: this.#nowSeconds, location }),
    ) as object;
    await this.#write(`${directory}/metadata.json`, `${JSON.stringify({ ...metadata, ...extra }, undefined, 2)}\n`);
  }

  #secret(): KeyObject {
    return createSecretKey(this.#options.randomBytes(KEY_BYTES));
  }

  async #write(path: string, content: string | Uint8Array): Promise<void> {
    const file = join(this.#options.bucket, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode: 0o600 });
  }
}
