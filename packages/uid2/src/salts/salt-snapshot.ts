import type { SaltTable } from './salt-table.ts';

/** One loaded salt file with the time it is meant for. */
export interface SaltSnapshot {
  /** Milliseconds since the epoch; `effective` inclusive, `expires` exclusive. */
  readonly effective: number;
  readonly expires: number;
  /** Text, hashed as it is. */
  readonly firstLevelSalt: string;
  readonly table: SaltTable;
}

export interface SelectedSaltSnapshot {
  readonly snapshot: SaltSnapshot;
  /** Whether the selected snapshot has expired. Expired salts go on serving; the operator only counts down. */
  readonly expired: boolean;
}

/**
 * The snapshot that serves at `now` (ms), or undefined when there is none at all.
 *
 * Walks the snapshots by `effective` and stops at the first that is not in force, so the last one in force before it wins.
 * When the very first is not in force the newest is taken, even if expired or in the future: an expired snapshot in front
 * hides a valid one in the middle, as in the reference.
 */
export function selectSaltSnapshot(snapshots: readonly SaltSnapshot[], now: number): SelectedSaltSnapshot | undefined {
  const sorted = isSorted(snapshots) ? snapshots : snapshots.toSorted((a, b) => a.effective - b.effective);
  let selected = sorted.at(-1);
  for (const snapshot of sorted) {
    if (snapshot.effective > now || snapshot.expires <= now) break;
    selected = snapshot;
  }
  return selected === undefined ? undefined : { snapshot: selected, expired: selected.expires <= now };
}

function isSorted(snapshots: readonly SaltSnapshot[]): boolean {
  return snapshots.every((snapshot, i) => i === 0 || (snapshots[i - 1]?.effective ?? 0) <= snapshot.effective);
}
