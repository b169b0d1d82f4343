import type { RandomBytes } from '@holdfast/base';

import type { ApiKeyEnvironment } from '../api-keys/api-key.ts';
import type { ClientRecord } from '../api-keys/client-record.ts';
import type { OperatorRecord } from '../api-keys/operator-record.ts';
import type { IdentityScope } from '../identity/identity.ts';
import type { Keyset, KeysetKey } from '../keysets/keyset.ts';
import type { ClientSideKeypair } from '../seed-files/client-side-keypairs.ts';
import type { CloudEncryptionKey } from '../seed-files/cloud-encryption-keys.ts';
import type { EnclaveRecord } from '../seed-files/enclaves.ts';
import type { ServiceLinkRecord } from '../seed-files/service-links.ts';
import type { ServiceRecord } from '../seed-files/services.ts';
import type { SiteRecord } from '../seed-files/sites.ts';

/** The records an administrator works on. Salts, which are no records, are administered apart. */
export interface WorldRecords {
  readonly sites: readonly SiteRecord[];
  readonly clients: readonly ClientRecord[];
  readonly operators: readonly OperatorRecord[];
  readonly enclaves: readonly EnclaveRecord[];
  readonly keysets: readonly Keyset[];
  readonly keysetKeys: readonly KeysetKey[];
  readonly clientSideKeypairs: readonly ClientSideKeypair[];
  readonly services: readonly ServiceRecord[];
  readonly serviceLinks: readonly ServiceLinkRecord[];
  readonly cloudEncryptionKeys: readonly CloudEncryptionKey[];
}

/** Everything UID2 Core serves about participants and keys, as one immutable value. Operations answer a new one. */
export interface World extends WorldRecords {
  /** The highest key id ever given out, so that the id of a dropped key is never used again. */
  readonly maxKeyId: number;
}

/** What operations need besides the world. */
export interface AdministrationContext {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly randomBytes: RandomBytes;
}

/** What an operation did: the new world, and what to tell the administrator. */
export interface Change<T> {
  readonly world: World;
  readonly result: T;
  /** Who or what stops working because of it, one sentence each. Empty when nobody is cut off. */
  readonly consequences: readonly string[];
  /** What else the administrator should know, one sentence each. */
  readonly notes: readonly string[];
}

/** The first letters of new keys: `UID2-C-I-` names scope and environment. */
export interface KeyNaming {
  readonly scope: IdentityScope;
  readonly environment: ApiKeyEnvironment;
}

const KEY_ID = /^(UID2|EUID)-[CO]-([LTIP])-/;

/** How the keys of a world are named, by its first client or operator key of the current form; undefined without one. */
export function keyNamingOf(world: WorldRecords): KeyNaming | undefined {
  for (const { keyId } of [...world.operators, ...world.clients]) {
    const match = KEY_ID.exec(keyId);
    if (match === null) continue;
    return { scope: match[1] === 'EUID' ? 'euid' : 'uid2', environment: match[2] as ApiKeyEnvironment };
  }
  return undefined;
}

/** Seconds since the epoch, as records hold times. */
export function nowSeconds(context: AdministrationContext): number {
  return Math.floor(context.now / 1000);
}

/** A change that cuts nobody off and needs no explanation. */
export function change<T>(
  world: World,
  result: T,
  told: { readonly consequences?: readonly string[]; readonly notes?: readonly string[] } = {},
): Change<T> {
  return { world, result, consequences: told.consequences ?? [], notes: told.notes ?? [] };
}

/** `records` with `replacement` in the place of `record`. */
export function replaced<T>(records: readonly T[], record: T, replacement: T): readonly T[] {
  return records.map((candidate) => (candidate === record ? replacement : candidate));
}

/** `records` with `fields` changed in those that fit; the very same array when none does. */
export function updatedWhere<T>(records: readonly T[], fits: (record: T) => boolean, fields: Partial<T>): readonly T[] {
  return records.some(fits) ? records.map((record) => (fits(record) ? { ...record, ...fields } : record)) : records;
}
