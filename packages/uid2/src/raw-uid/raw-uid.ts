import { VerificationError } from '@holdfast/base';

import { sha256 } from '../encoding/sha256.ts';
import {
  environmentNumber,
  identityTypeNumber,
  scopeNumber,
  type IdentityEnvironment,
  type IdentityScope,
  type IdentityType,
} from '../identity/identity.ts';
import type { SaltKeyMaterial, SaltTable } from '../salts/salt-table.ts';
import { writeBase64Of32 } from './base64-of-32.ts';
import { rawUidV4 } from './raw-uid-v4.ts';

declare const rawUidBrand: unique symbol;

/** A raw UID ("advertising id"): 32 bytes in version 2, 33 in versions 3 and 4. */
export type RawUid = Uint8Array & { readonly [rawUidBrand]: true };

export interface RawUidOptions {
  readonly scope: IdentityScope;
  readonly type: IdentityType;
  readonly environment: IdentityEnvironment;
  /** Whether buckets with a salt make version 3 (33 bytes) rather than version 2 raw UIDs. No shipped deployment does. */
  readonly identityV3: boolean;
}

/** What an identity maps to at a given time. */
export interface MappedIdentity {
  readonly rawUid: RawUid;
  /** The raw UID before the bucket's last rotation, for 90 days after it. */
  readonly previousRawUid: RawUid | undefined;
  /** For `SaltTable.bucketId`. */
  readonly bucketIndex: number;
  /** Milliseconds: when to map this identity again. */
  readonly refreshFromMs: number;
}

const DAY_MS = 86_400_000;
/** A previous raw UID is given out while fewer whole days than these have passed since the bucket rotated. */
const PREVIOUS_UID_DAYS = 90;

/** Marks bytes that are known to be a raw UID, such as those of a decrypted token. */
export function asRawUid(bytes: Uint8Array): RawUid {
  return bytes as RawUid;
}

/**
 * The raw UID of a first-level hash in the bucket at `index`, of the version that the bucket's material asks for: with a
 * salt, version 2 (or 3); with key material only, version 4.
 * @throws VerificationError SALT_ENTRY_UNUSABLE when the bucket is a hole or has neither salt nor complete key material
 */
export function rawUid(table: SaltTable, index: number, firstLevelHash: Uint8Array, options: RawUidOptions): RawUid {
  if (!table.isLoaded(index)) throw unusable(table, index, 'is missing from the salt file');
  const salt = table.currentSalt(index);
  if (salt !== undefined) return saltedRawUid(salt, firstLevelHash, options);
  const key = table.currentKey(index);
  if (key === undefined) throw unusable(table, index, 'has neither a current salt nor a current key');
  return keyedRawUid(table, index, key, firstLevelHash, options);
}

/**
 * The raw UID from the bucket's previous material; undefined when there is none or when 90 whole days have passed since
 * the bucket rotated. A previous salt wins over previous key material. `now` in ms.
 */
export function previousRawUid(
  table: SaltTable,
  index: number,
  firstLevelHash: Uint8Array,
  options: RawUidOptions,
  now: number,
): RawUid | undefined {
  if (!table.isLoaded(index)) throw unusable(table, index, 'is missing from the salt file');
  if (!previousIsDue(table, index, now)) return undefined;
  const salt = table.previousSalt(index);
  if (salt !== undefined) return saltedRawUid(salt, firstLevelHash, options);
  const key = table.previousKey(index);
  if (key?.salt === undefined) return undefined;
  return keyedRawUid(table, index, key, firstLevelHash, options);
}

/** Whether a bucket rotated so recently that its previous raw UID, if any, is given out. `now` in ms. */
export function previousIsDue(table: SaltTable, index: number, now: number): boolean {
  return Math.trunc((now - table.lastUpdated(index)) / DAY_MS) < PREVIOUS_UID_DAYS;
}

/** Milliseconds: the bucket's refresh-from if that is not before `now` (ms), else the next UTC midnight after `now`. */
export function refreshFrom(table: SaltTable, index: number, now: number): number {
  const announced = table.refreshFrom(index);
  return announced >= now ? announced : (Math.floor(now / DAY_MS) + 1) * DAY_MS;
}

/**
 * Current and previous raw UID and refresh-from of a first-level hash at `now` (ms).
 * @throws VerificationError SALT_ENTRY_UNUSABLE
 */
export function mapIdentity(
  table: SaltTable,
  firstLevelHash: Uint8Array,
  options: RawUidOptions,
  now: number,
): MappedIdentity {
  const bucketIndex = table.indexOf(firstLevelHash);
  return {
    rawUid: rawUid(table, bucketIndex, firstLevelHash, options),
    previousRawUid: previousRawUid(table, bucketIndex, firstLevelHash, options, now),
    bucketIndex,
    refreshFromMs: refreshFrom(table, bucketIndex, now),
  };
}

/** Base64 of the first-level hash, then up to 255 bytes of salt text. */
const scratch = new Uint8Array(44 + 255);
const usualInput = scratch.subarray(0, 88);

/** Versions 2 and 3: SHA-256 over the Base64 text of the first-level hash and the salt text. */
function saltedRawUid(salt: Uint8Array, firstLevelHash: Uint8Array, options: RawUidOptions): RawUid {
  writeBase64Of32(firstLevelHash, scratch);
  scratch.set(salt, 44);
  const digest = sha256(salt.length === 44 ? usualInput : scratch.subarray(0, 44 + salt.length));
  if (!options.identityV3) return asRawUid(digest);
  const tagged = new Uint8Array(33);
  tagged[0] = saltedMetadata(options);
  tagged.set(digest, 1);
  return asRawUid(tagged);
}

function keyedRawUid(
  table: SaltTable,
  index: number,
  key: SaltKeyMaterial,
  firstLevelHash: Uint8Array,
  options: RawUidOptions,
): RawUid {
  if (key.salt === undefined) throw unusable(table, index, 'has a key without a key salt');
  if (key.key.length !== 32) throw unusable(table, index, 'has a key that is not 32 bytes of text');
  return asRawUid(rawUidV4(keyedMetadata(options), { id: key.id, key: key.key, salt: key.salt }, firstLevelHash));
}

/** The first byte of a version 3 raw UID. */
export function saltedMetadata(options: RawUidOptions): number {
  return (scopeNumber(options.scope) << 4) | (identityTypeNumber(options.type) << 2);
}

/** The first byte of a version 4 raw UID. */
export function keyedMetadata(options: RawUidOptions): number {
  return saltedMetadata(options) | 0x20 | (environmentNumber(options.environment) << 6);
}

function unusable(table: SaltTable, index: number, problem: string): VerificationError {
  return new VerificationError('SALT_ENTRY_UNUSABLE', `salt bucket ${index} ${problem}`, {
    details: { index, id: table.id(index) },
  });
}
