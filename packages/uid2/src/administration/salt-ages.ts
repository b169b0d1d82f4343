import type { SaltTable } from '../salts/salt-table.ts';
import { startOfUtcDay } from './salt-rotation.ts';

const DAY_MS = 86_400_000;
const STEP_DAYS = 30;

/** Buckets whose age in whole days is at least `fromDays` and, unless it is the last row, below `fromDays + 30`. */
export interface SaltAgeRow {
  readonly fromDays: number;
  readonly buckets: number;
  readonly withPrevious: number;
}

export interface SaltAges {
  readonly rows: readonly SaltAgeRow[];
  readonly oldestUpdate: number;
  readonly newestUpdate: number;
  /** Buckets with key material instead of a salt. */
  readonly withKey: number;
  /** Buckets that may rotate on the UTC day of `now` and on the days after it. */
  readonly refreshableByDay: readonly { readonly day: number; readonly buckets: number }[];
}

/** How old the salts of a snapshot are at `now` (ms), in steps of thirty days, and when they may rotate. */
export function saltAges(table: SaltTable, now: number, days: number): SaltAges {
  const today = startOfUtcDay(now);
  const rows = new Map<number, { buckets: number; withPrevious: number }>();
  const byDay = Array.from({ length: days }, (_, day) => ({ day: today + day * DAY_MS, buckets: 0 }));
  let oldestUpdate = Infinity;
  let newestUpdate = -Infinity;
  let withKey = 0;
  for (let index = 0; index < table.size; index += 1) {
    const updated = table.lastUpdated(index);
    oldestUpdate = Math.min(oldestUpdate, updated);
    newestUpdate = Math.max(newestUpdate, updated);
    const ageDays = Math.max(0, (today - startOfUtcDay(updated)) / DAY_MS);
    const fromDays = Math.floor(ageDays / STEP_DAYS) * STEP_DAYS;
    const row = rows.get(fromDays) ?? { buckets: 0, withPrevious: 0 };
    row.buckets += 1;
    if (table.previousSalt(index) !== undefined || table.previousKey(index) !== undefined) row.withPrevious += 1;
    rows.set(fromDays, row);
    if (table.currentKey(index) !== undefined) withKey += 1;
    const due = byDay[(startOfUtcDay(table.refreshFrom(index)) - today) / DAY_MS];
    if (due !== undefined) due.buckets += 1;
  }
  return {
    rows: [...rows].sort(([a], [b]) => a - b).map(([fromDays, row]) => ({ fromDays, ...row })),
    oldestUpdate,
    newestUpdate,
    withKey,
    refreshableByDay: byDay,
  };
}
