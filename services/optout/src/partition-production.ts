import type { Clock } from '@holdfast/base';
import type { ObjectStore } from '@holdfast/storage';
import { encodePartitionFile, SYNTHETIC_REPLICA_ID } from '@holdfast/uid2';

import { newestPartition } from './opt-out-log.ts';
import type { LoggedFile, OptOutLog } from './opt-out-log.ts';

export interface PartitionProductionOptions {
  readonly log: OptOutLog;
  readonly objects: ObjectStore;
  readonly replicaId: number;
  /** Instances that write the log and take turns. */
  readonly replicas: number;
  /** Files older than this are merged into the new partition and removed, in milliseconds; undefined: never. */
  readonly maxAgeMs: number | undefined;
  readonly clock: Clock;
}

/** One merge of past files into a partition. */
export interface PartitionProduced {
  readonly deltas: number;
  /** Files that had become too old: merged, then removed. */
  readonly expired: number;
  readonly sizeBytes: number;
}

const DAY_MS = 86_400_000;

/** Makes one partition a UTC day out of the deltas since the last one. */
export class PartitionProduction {
  readonly #options: PartitionProductionOptions;

  constructor(options: PartitionProductionOptions) {
    this.#options = options;
  }

  /**
   * Writes today's partition if it is missing and this instance has its turn; undefined when there was nothing to do. Deltas
   * count from a little before the last partition on, for those that came late into it. A file that has become too old is
   * merged into the new partition before it is removed, so an opt-out never expires; the reference lets it go.
   *
   * The listing must be fresh.
   * @throws DependencyError STORAGE_FAILED
   * @throws MalformedError OPTOUT_FILE_MALFORMED when a file of the log cannot be read
   */
  async run(): Promise<PartitionProduced | undefined> {
    const { log, objects, clock } = this.#options;
    const now = clock();
    const today = now - (now % DAY_MS);
    const last = newestPartition(log.files);
    if (last > today || !this.#hasTurn(now - today)) return undefined;
    const expired = log.files.filter((file) => this.#isExpired(file, now));
    const deltas = log.files.filter(
      (file) =>
        file.kind === 'delta' && file.timeMs > last - log.overlapMs && file.timeMs < now && !expired.includes(file),
    );
    if (deltas.length === 0) return undefined;
    const contents: Uint8Array[] = [];
    for (const { path } of [...deltas, ...expired]) contents.push(await objects.read(path));
    const partition = encodePartitionFile(contents);
    await log.writePartition(partition);
    for (const { path } of expired) await objects.delete(path);
    await log.refresh();
    return { deltas: deltas.length, expired: expired.length, sizeBytes: partition.length };
  }

  /** Every instance gets one slot after the other, long enough for the one before to be done and listed. */
  #hasTurn(sinceMidnightMs: number): boolean {
    const { replicas, replicaId, log } = this.#options;
    return Math.floor(sinceMidnightMs / log.overlapMs) % replicas === replicaId;
  }

  #isExpired({ replicaId, timeMs }: LoggedFile, now: number): boolean {
    const { maxAgeMs } = this.#options;
    return maxAgeMs !== undefined && replicaId !== SYNTHETIC_REPLICA_ID && now - timeMs > maxAgeMs;
  }
}
