import { createSecretKey } from 'node:crypto';

import { KeysetSnapshot } from '../keysets/keyset-snapshot.ts';
import { FALLBACK_PUBLISHER_SITE_ID, MASTER_KEYSET_ID, REFRESH_KEYSET_ID } from '../keysets/keyset.ts';
import type { Keyset, KeysetKey } from '../keysets/keyset.ts';
import { invalidValue, unknownRecord } from './refusals.ts';
import { change, nowSeconds, replaced } from './world.ts';
import type { AdministrationContext, Change, World } from './world.ts';

/** When a new key begins to count and for how long, seconds. */
export interface KeySchedule {
  readonly activatesInSeconds: number;
  readonly lifetimeSeconds: number;
}

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 86_400;
const SECRET_BYTES = 32;

/** A key a day that activates a day later and lives about a month: every reader has it long before it is used. */
export const DEFAULT_KEY_SCHEDULE: KeySchedule = {
  activatesInSeconds: DAY_SECONDS,
  lifetimeSeconds: 30 * DAY_SECONDS,
};

/** How long an expired key is kept so that old tokens stay readable, when expired keys are dropped at all. */
export const EXPIRED_KEY_RETENTION_DAYS = 37;

/** SDKs fetch the keys about this often. */
const READER_REFRESH_SECONDS = HOUR_SECONDS;

/** Which keysets a rotation is about. */
export type KeySelection =
  /** Master and refresh keys. */
  | { readonly kind: 'master' }
  /** All keysets of participants, and that of the fallback publisher. */
  | { readonly kind: 'all-sites' }
  | { readonly kind: 'site'; readonly siteId: number }
  | { readonly kind: 'keyset'; readonly keysetId: number };

export interface KeyRotation extends KeySchedule {
  /** A keyset whose newest key activates later than this many seconds ago is left alone, unless `force`. */
  readonly minAgeSeconds: number;
  readonly force: boolean;
  /** Drop keys that expired more than 37 days ago. */
  readonly dropExpired: boolean;
}

export interface RotatedKeys {
  readonly added: readonly KeysetKey[];
  /** Keysets whose newest key is too young. */
  readonly skipped: readonly { readonly keysetId: number; readonly newestActivatesSeconds: number }[];
  readonly droppedKeyIds: readonly number[];
}

/** @throws RequestError ADMIN_RECORD_UNKNOWN */
export function findKeyset(world: World, id: number): Keyset {
  const keyset = world.keysets.find((candidate) => candidate.id === id);
  if (keyset === undefined) throw unknownRecord('keyset', id, 'keyset');
  return keyset;
}

/** The key that a keyset's tokens are made with now. */
export function activeKeyOf(world: World, keysetId: number, now: number): KeysetKey | undefined {
  return new KeysetSnapshot(world.keysets, world.keysetKeys).activeKey(keysetId, now);
}

/** `world` with one more key in a keyset; its id is the next that was never given out. */
export function withNewKey(
  world: World,
  keysetId: number,
  schedule: KeySchedule,
  context: AdministrationContext,
): { readonly world: World; readonly key: KeysetKey } {
  const id = world.maxKeyId + 1;
  const activatesSeconds = nowSeconds(context) + schedule.activatesInSeconds;
  const key: KeysetKey = {
    id,
    keysetId,
    createdSeconds: nowSeconds(context),
    activatesSeconds,
    expiresSeconds: activatesSeconds + schedule.lifetimeSeconds,
    secret: createSecretKey(context.randomBytes(SECRET_BYTES)),
  };
  return { world: { ...world, keysetKeys: [...world.keysetKeys, key], maxKeyId: id }, key };
}

/**
 * Gives the selected keysets a new key each, where the newest is old enough. Old keys stay, so tokens made with them can
 * still be read.
 * @throws RequestError ADMIN_RECORD_UNKNOWN when the site or keyset has no such keyset
 */
export function rotateKeys(
  world: World,
  selection: KeySelection,
  rotation: KeyRotation,
  context: AdministrationContext,
): Change<RotatedKeys> {
  const dueBefore = nowSeconds(context) - rotation.minAgeSeconds;
  const added: KeysetKey[] = [];
  const skipped: { keysetId: number; newestActivatesSeconds: number }[] = [];
  const consequences: string[] = [];
  let next = world;
  for (const keyset of selectKeysets(world, selection)) {
    const newest = newestActivation(world, keyset.id);
    if (!rotation.force && newest !== undefined && newest >= dueBefore) {
      skipped.push({ keysetId: keyset.id, newestActivatesSeconds: newest });
      continue;
    }
    const { world: grown, key } = withNewKey(next, keyset.id, rotation, context);
    next = grown;
    added.push(key);
    if (cutsReadersOff(world, keyset.id, key, context)) {
      consequences.push(
        `Key ${key.id} of keyset ${keyset.id} (${keyset.name}) takes over in less than an hour: readers cannot open tokens made with it until they fetch the keys again, which SDKs do every hour.`,
      );
    }
  }
  const dropped = rotation.dropExpired ? longExpired(next, context) : [];
  if (dropped.length > 0) next = { ...next, keysetKeys: next.keysetKeys.filter((key) => !dropped.includes(key)) };
  return change(
    next,
    { added, skipped, droppedKeyIds: dropped.map(({ id }) => id) },
    {
      consequences,
      notes: shadowedKeys(world, added),
    },
  );
}

/**
 * Gives a keyset without keys its first one.
 * @throws RequestError ADMIN_RECORD_UNKNOWN
 * @throws RequestError ADMIN_VALUE_INVALID when it has a key: then rotate
 */
export function addKey(
  world: World,
  keysetId: number,
  schedule: KeySchedule,
  context: AdministrationContext,
): Change<KeysetKey> {
  const keyset = findKeyset(world, keysetId);
  if (newestActivation(world, keysetId) !== undefined) {
    throw invalidValue('keyset', `keyset ${keysetId} (${keyset.name}) has keys already`, 'Rotate its keys instead.');
  }
  const { world: next, key } = withNewKey(world, keysetId, schedule, context);
  return change(next, key);
}

/**
 * Ends a key now: no new token is made with it. Tokens made earlier stay readable as long as the key is delivered.
 * @throws RequestError ADMIN_RECORD_UNKNOWN
 * @throws RequestError ADMIN_VALUE_INVALID when it has expired already
 */
export function expireKey(world: World, keyId: number, context: AdministrationContext): Change<KeysetKey> {
  const key = world.keysetKeys.find(({ id }) => id === keyId);
  if (key === undefined) throw unknownRecord('key', keyId, 'key');
  if (key.expiresSeconds <= nowSeconds(context)) {
    throw invalidValue('key', `key ${keyId} has expired already`, 'Nothing needs to be done.');
  }
  const expired = { ...key, expiresSeconds: nowSeconds(context) };
  const next = { ...world, keysetKeys: replaced(world.keysetKeys, key, expired) };
  const wasActive = activeKeyOf(world, key.keysetId, context.now) !== undefined;
  const isActive = activeKeyOf(next, key.keysetId, context.now) !== undefined;
  return change(next, expired, {
    consequences: wasActive && !isActive ? [lastKeyLost(world, key.keysetId)] : [],
  });
}

function lastKeyLost(world: World, keysetId: number): string {
  const intro = `Keyset ${keysetId} has no other active key`;
  if (keysetId === MASTER_KEYSET_ID) return `${intro}: no operator can make a token for anybody.`;
  if (keysetId === REFRESH_KEYSET_ID) return `${intro}: no operator can make a refresh token, so no token for anybody.`;
  if (keysetId === FALLBACK_PUBLISHER_SITE_ID) {
    return `${intro}: sites without a keyset of their own get no tokens.`;
  }
  const siteId = world.keysets.find(({ id }) => id === keysetId)?.siteId;
  return `${intro}: tokens of site ${siteId ?? '?'} are made with the fallback publisher's key, and sharers of the site cannot encrypt.`;
}

function selectKeysets(world: World, selection: KeySelection): readonly Keyset[] {
  switch (selection.kind) {
    case 'master':
      return [findKeyset(world, MASTER_KEYSET_ID), findKeyset(world, REFRESH_KEYSET_ID)];
    case 'all-sites':
      return world.keysets.filter(({ siteId }) => siteId >= FALLBACK_PUBLISHER_SITE_ID);
    case 'keyset':
      return [findKeyset(world, selection.keysetId)];
    default: {
      const keysets = world.keysets.filter(({ siteId }) => siteId === selection.siteId);
      if (keysets.length === 0) throw unknownRecord('keyset of site', selection.siteId, 'keyset');
      return keysets;
    }
  }
}

function newestActivation(world: World, keysetId: number): number | undefined {
  let newest: number | undefined;
  for (const key of world.keysetKeys) {
    if (key.keysetId === keysetId && key.activatesSeconds > (newest ?? -Infinity)) newest = key.activatesSeconds;
  }
  return newest;
}

/** Only readers of a keyset hold its keys; refresh keys never leave operators. */
function cutsReadersOff(world: World, keysetId: number, key: KeysetKey, context: AdministrationContext): boolean {
  if (keysetId === REFRESH_KEYSET_ID || activeKeyOf(world, keysetId, context.now) === undefined) return false;
  return key.activatesSeconds < nowSeconds(context) + READER_REFRESH_SECONDS;
}

/** A forced rotation can make a key that an older one, scheduled for later, soon takes over from. */
function shadowedKeys(world: World, added: readonly KeysetKey[]): readonly string[] {
  return added.flatMap((key) => {
    const later = world.keysetKeys.find(
      (other) => other.keysetId === key.keysetId && other.activatesSeconds > key.activatesSeconds,
    );
    return later === undefined
      ? []
      : [`Key ${later.id} of keyset ${key.keysetId} was scheduled before and takes over from key ${key.id} later.`];
  });
}

function longExpired(world: World, context: AdministrationContext): readonly KeysetKey[] {
  const cutOff = nowSeconds(context) - EXPIRED_KEY_RETENTION_DAYS * DAY_SECONDS;
  return world.keysetKeys.filter((key) => key.expiresSeconds < cutOff);
}
