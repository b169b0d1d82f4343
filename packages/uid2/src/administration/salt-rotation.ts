import { Buffer } from 'node:buffer';

import { concatBytes, MalformedError, RequestError, toBase64 } from '@holdfast/base';
import type { RandomBytes } from '@holdfast/base';

import type { SaltKeyMaterial, SaltTable } from '../salts/salt-table.ts';
import { saltKeyIds } from './salt-key-ids.ts';
import { writeSaltLine } from './salt-line.ts';
import type { SaltLineKey } from './salt-line.ts';

const DAY_MS = 86_400_000;
/** A bucket may change every so many days after its last change, and no other day. */
const REFRESH_DAYS = 30;
/** How long the salt before the current one is kept. */
const PREVIOUS_DAYS = 90;
/** Of all buckets that rotate, at most this part comes from one window of ages. */
const WINDOW_SHARE = 0.8;
const SALT_BYTES = 32;
const KEY_BYTES = 24;
const LINES_PER_CHUNK = 8192;

/** Ages in days that separate the windows buckets are taken from: 30, 60, … 390. */
export const SALT_AGE_THRESHOLDS: readonly number[] = Array.from({ length: 13 }, (_, index) => (index + 1) * 30);

/** How long a new snapshot serves. */
export const SALT_SNAPSHOT_LIFETIME_DAYS = 7;

export interface SaltRotationRequest {
  /** The newest snapshot, which may lie in the future. */
  readonly table: SaltTable;
  readonly newestEffective: number;
  /** The part of all buckets that should rotate, 0 to 1. */
  readonly fraction: number;
  /** Start of the UTC day on which the new snapshot takes effect, milliseconds since the epoch. */
  readonly targetDate: number;
  readonly ageThresholdsDays?: readonly number[];
}

/** Buckets last updated from `from` up to, not including, `until` (ms). */
export interface SaltWindow {
  readonly from: number;
  readonly until: number;
  readonly buckets: number;
  /** Of those, the ones whose day to refresh is the target date. */
  readonly refreshable: number;
  readonly rotating: number;
}

export interface SaltRotationPlan {
  readonly targetDate: number;
  readonly wanted: number;
  readonly windowLimit: number;
  /** Oldest first. */
  readonly windows: readonly SaltWindow[];
  /** All buckets that are refreshable on the target date, old enough or not. */
  readonly refreshable: number;
  /** Positions in the file, ascending. */
  readonly rotating: readonly number[];
}

/** Start of the UTC day of a time in milliseconds. */
export function startOfUtcDay(time: number): number {
  return Math.floor(time / DAY_MS) * DAY_MS;
}

/**
 * Chooses which buckets rotate: from each window of ages, oldest first, at random among those whose day to refresh is the
 * target date, until the fraction of all buckets is reached. May choose none.
 * @throws RequestError SALT_TARGET_DATE_PASSED when the newest snapshot takes effect on the target date or later
 * @throws MalformedError SALT_FILE_MALFORMED when the snapshot has fewer lines than announced
 */
export function planSaltRotation(request: SaltRotationRequest, randomBytes: RandomBytes): SaltRotationPlan {
  const { table, newestEffective, fraction, targetDate } = request;
  if (targetDate <= newestEffective) {
    throw new RequestError(
      'SALT_TARGET_DATE_PASSED',
      'cannot create a new salt snapshot with effective timestamp equal or prior to that of an existing snapshot',
      {
        details: { newestEffective: new Date(newestEffective).toISOString() },
        action: `Choose a target date after ${new Date(newestEffective).toISOString()}.`,
      },
    );
  }
  requireComplete(table);
  const wanted = Math.ceil(table.size * fraction);
  const windowLimit = Math.floor(wanted * WINDOW_SHARE);
  const windows = ageWindows(targetDate, request.ageThresholdsDays ?? SALT_AGE_THRESHOLDS).map((window) => ({
    ...window,
    buckets: 0,
    refreshable: [] as number[],
  }));
  let refreshable = 0;
  for (let index = 0; index < table.size; index += 1) {
    const updated = table.lastUpdated(index);
    const due = startOfUtcDay(table.refreshFrom(index)) === targetDate;
    if (due) refreshable += 1;
    const window = windows.find(({ from, until }) => updated >= from && updated < until);
    if (window === undefined) continue;
    window.buckets += 1;
    if (due) window.refreshable.push(index);
  }
  const rotating: number[] = [];
  const taken = windows.map((window) => {
    const chosen = drawAtRandom(window.refreshable, Math.min(wanted - rotating.length, windowLimit), randomBytes);
    rotating.push(...chosen);
    return { ...window, refreshable: window.refreshable.length, rotating: chosen.length };
  });
  return { targetDate, wanted, windowLimit, windows: taken, refreshable, rotating: rotating.sort((a, b) => a - b) };
}

/** What buckets get when they rotate: a salt, or key material for raw UIDs of version 4. */
export type SaltMaterial = 'salt' | 'key';

/**
 * The file of the next snapshot: the planned buckets with new material and the old as previous, all others as they were;
 * previous material that is 90 days old goes, and every bucket gets its next day to refresh.
 * @throws RequestError SALT_ROTATION_NOTHING_DUE when the plan holds no bucket
 */
export function rotateSalts(
  table: SaltTable,
  plan: SaltRotationPlan,
  material: SaltMaterial,
  randomBytes: RandomBytes,
): Uint8Array {
  if (plan.rotating.length === 0) {
    throw new RequestError('SALT_ROTATION_NOTHING_DUE', 'all refreshable salts are below min rotation age', {
      details: { refreshable: plan.refreshable, wanted: plan.wanted, windowLimit: plan.windowLimit },
      action: 'Choose another target date or a larger fraction; a dry run shows what is due.',
    });
  }
  return writeTable(table, plan.targetDate, new Set(plan.rotating), material, randomBytes);
}

/**
 * The file of a snapshot in which nothing rotates: only previous material that is too old goes, and days to refresh are
 * computed anew.
 * @param targetDate Start of a UTC day, milliseconds since the epoch.
 */
export function rebuildSalts(table: SaltTable, targetDate: number): Uint8Array {
  requireComplete(table);
  return writeTable(table, targetDate, new Set(), 'salt', () => new Uint8Array(0));
}

/** From the oldest: everything before the greatest threshold, then the days between thresholds. */
function ageWindows(targetDate: number, thresholdsDays: readonly number[]): readonly { from: number; until: number }[] {
  const ends = thresholdsDays.toSorted((a, b) => b - a).map((days) => targetDate - days * DAY_MS);
  return ends.map((until, index) => ({ from: ends[index - 1] ?? 0, until }));
}

function requireComplete(table: SaltTable): void {
  for (let index = 0; index < table.size; index += 1) {
    if (table.isLoaded(index)) continue;
    throw new MalformedError('SALT_FILE_MALFORMED', `salt file: it has ${index} lines, ${table.size} were announced`, {
      details: { line: index + 1 },
      action: 'Restore the salt file from a copy before anything is rotated.',
    });
  }
}

function writeTable(
  table: SaltTable,
  targetDate: number,
  rotating: ReadonlySet<number>,
  material: SaltMaterial,
  randomBytes: RandomBytes,
): Uint8Array {
  let nextKeyId: (() => number) | undefined;
  const newKey = (): SaltLineKey => {
    nextKeyId ??= saltKeyIds(table);
    return { id: nextKeyId(), key: toBase64(randomBytes(KEY_BYTES)), salt: toBase64(randomBytes(SALT_BYTES)) };
  };
  const chunks: Uint8Array[] = [];
  let lines = '';
  for (let index = 0; index < table.size; index += 1) {
    const updated = table.lastUpdated(index);
    const day = startOfUtcDay(updated);
    const ageDays = Math.max(0, (targetDate - day) / DAY_MS);
    const id = table.id(index);
    const refreshFrom = day + (Math.floor(ageDays / REFRESH_DAYS) + 1) * REFRESH_DAYS * DAY_MS;
    const salt = text(table.currentSalt(index));
    const currentKey = keyText(table.currentKey(index));
    if (rotating.has(index)) {
      const current =
        material === 'key'
          ? { salt: undefined, currentKey: newKey() }
          : { salt: toBase64(randomBytes(SALT_BYTES)), currentKey: undefined };
      const previous = { previousSalt: salt, previousKey: currentKey };
      lines += writeSaltLine({ id, lastUpdated: targetDate, refreshFrom, ...current, ...previous });
    } else {
      const kept = ageDays < PREVIOUS_DAYS;
      lines += writeSaltLine({
        id,
        lastUpdated: updated,
        refreshFrom,
        salt,
        currentKey,
        previousSalt: kept ? text(table.previousSalt(index)) : undefined,
        previousKey: kept ? keyText(table.previousKey(index)) : undefined,
      });
    }
    if ((index + 1) % LINES_PER_CHUNK === 0) {
      chunks.push(Buffer.from(lines));
      lines = '';
    }
  }
  chunks.push(Buffer.from(lines));
  return concatBytes(...chunks);
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined
    ? undefined
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function keyText(material: SaltKeyMaterial | undefined): SaltLineKey | undefined {
  return material === undefined ? undefined : { id: material.id, key: text(material.key), salt: text(material.salt) };
}

/** `number` of `from`, every choice equally likely. */
function drawAtRandom(from: readonly number[], number: number, randomBytes: RandomBytes): number[] {
  const pool = [...from];
  const drawn = Math.min(Math.max(number, 0), pool.length);
  for (let index = 0; index < drawn; index += 1) {
    const other = index + randomBelow(pool.length - index, randomBytes);
    const swapped = pool[other] ?? 0;
    pool[other] = pool[index] ?? 0;
    pool[index] = swapped;
  }
  return pool.slice(0, drawn);
}

function randomBelow(limit: number, randomBytes: RandomBytes): number {
  const fair = 2 ** 32 - (2 ** 32 % limit);
  for (;;) {
    const bytes = randomBytes(4);
    const value = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
    if (value < fair) return value % limit;
  }
}
