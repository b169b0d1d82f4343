import type { SaltFileMetadata } from '../salts/salt-metadata.ts';

/** Where a snapshot stands in time. */
export type SaltSnapshotState = 'past' | 'current' | 'future' | 'expired';

/**
 * The snapshots to list after a new one was made: by effective time, without expired ones and those before the newest that
 * is in force.
 */
export function publishedSnapshots<T extends SaltFileMetadata>(
  known: readonly T[],
  added: T,
  now: number,
): readonly T[] {
  const sorted = [...known, added].sort((a, b) => a.effective - b.effective);
  const inForce = sorted.findLast((snapshot) => snapshot.effective <= now && now < snapshot.expires);
  return sorted.filter(
    (snapshot) => snapshot.expires > now && (inForce === undefined || snapshot.effective >= inForce.effective),
  );
}

/**
 * The snapshot that operators use at `now`: the last one in a row from the first that is in force; when the first is not,
 * the newest there is.
 */
export function snapshotInUse<T extends SaltFileMetadata>(snapshots: readonly T[], now: number): T | undefined {
  const sorted = snapshots.toSorted((a, b) => a.effective - b.effective);
  const firstOut = sorted.findIndex(({ effective, expires }) => effective > now || expires <= now);
  return firstOut > 0 ? sorted[firstOut - 1] : sorted.at(-1);
}

export function snapshotState(
  snapshot: SaltFileMetadata,
  snapshots: readonly SaltFileMetadata[],
  now: number,
): SaltSnapshotState {
  if (snapshotInUse(snapshots, now) === snapshot && snapshot.effective <= now && now < snapshot.expires)
    return 'current';
  if (snapshot.expires <= now) return 'expired';
  return snapshot.effective > now ? 'future' : 'past';
}
