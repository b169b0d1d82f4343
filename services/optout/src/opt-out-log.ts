import { toHex } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import type { ObjectStore } from '@holdfast/storage';
import { encodeDeltaFile, optOutFilePath, parseOptOutFileName, SYNTHETIC_REPLICA_ID } from '@holdfast/uid2';
import type { OptOutFileName, OptOutList, OptOutRecord } from '@holdfast/uid2';

import type { OptOutQueue } from './opt-out-queue.ts';

export interface OptOutLogOptions {
  readonly objects: ObjectStore;
  readonly queue: OptOutQueue;
  /** Folder of the log in the bucket. */
  readonly folder: string;
  readonly replicaId: number;
  readonly rotateIntervalSeconds: number;
  readonly maxRecordsPerFile: number;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** What one production put into the log. */
export interface Production {
  readonly files: number;
  readonly records: number;
  readonly damagedEntries: number;
}

interface ListedFile extends OptOutFileName {
  readonly path: string;
}

/** Signed links are valid this long, in seconds; the reference does not let it be configured either. */
const LINK_TTL_SECONDS = 3600;

/** Deltas this many rotations older than the newest partition are still listed, for those that came late into it. */
const OVERLAP_ROTATIONS = 3;

/** The opt-out log in object storage: writes deltas from the queue and lists what operators have to read. */
export class OptOutLog {
  readonly #options: OptOutLogOptions;
  #files: readonly ListedFile[] | undefined;

  constructor(options: OptOutLogOptions) {
    this.#options = options;
  }

  /** Whether the bucket has been looked at. */
  get listed(): boolean {
    return this.#files !== undefined;
  }

  /**
   * Writes everything in the queue to new delta files and lists them. The queue lets go of an opt-out only once it is in
   * the log, so a crash in between writes it twice, which readers merge.
   * @throws DependencyError OPTOUT_QUEUE_UNUSABLE, STORAGE_FAILED: everything is still in the queue
   */
  async produce(): Promise<Production> {
    const batch = await this.#options.queue.take();
    const { records, damagedEntries } = batch;
    let files = 0;
    for (let start = 0; start < records.length; start += this.#options.maxRecordsPerFile) {
      await this.#writeDelta(records.slice(start, start + this.#options.maxRecordsPerFile));
      files++;
    }
    await batch.done();
    if (files > 0) await this.refresh();
    return { files, records: records.length, damagedEntries };
  }

  /**
   * Looks at the bucket again.
   * @throws DependencyError STORAGE_FAILED: the last listing stays in use
   */
  async refresh(): Promise<void> {
    const objects = await this.#options.objects.list(this.#root());
    this.#files = objects.flatMap(({ path }) => {
      const name = parseOptOutFileName(path);
      return name === undefined ? [] : [{ ...name, path }];
    });
  }

  /** What an operator has to read, with freshly signed links; undefined while the bucket has not been looked at. */
  list(): OptOutList | undefined {
    if (this.#files === undefined) return undefined;
    const { objects, rotateIntervalSeconds, clock } = this.#options;
    const files = current(this.#files, OVERLAP_ROTATIONS * rotateIntervalSeconds * 1000);
    const newest = files.length === 0 ? clock() : Math.max(...files.map(({ timeMs }) => timeMs));
    const version = Math.floor(newest / 1000);
    return {
      version,
      generated: version,
      files: files.map(({ kind, timeMs, path }) => ({
        type: kind,
        from: timeMs / 1000,
        to: timeMs / 1000 + rotateIntervalSeconds,
        location: objects.presign(path, LINK_TTL_SECONDS),
      })),
    };
  }

  async #writeDelta(records: readonly OptOutRecord[]): Promise<void> {
    const { objects, replicaId, rotateIntervalSeconds, clock, randomBytes } = this.#options;
    const windowStart = records.reduce((earliest, { optedOutAt }) => Math.min(earliest, optedOutAt), Infinity);
    const windowEnd = windowStart + rotateIntervalSeconds;
    const timeMs = Math.floor(clock() / 1000) * 1000;
    const name = { kind: 'delta', replicaId, timeMs, uniqueId: toHex(randomBytes(4)) } as const;
    await objects.write(optOutFilePath(this.#root(), name), encodeDeltaFile({ windowStart, windowEnd, records }));
  }

  #root(): string {
    const { folder } = this.#options;
    return folder.endsWith('/') ? folder : `${folder}/`;
  }
}

/** All partitions, and the deltas that the newest of them may not hold. */
function current(files: readonly ListedFile[], overlapMs: number): readonly ListedFile[] {
  let newestPartitionMs = -Infinity;
  for (const file of files) {
    if (file.kind === 'partition' && file.replicaId !== SYNTHETIC_REPLICA_ID) {
      newestPartitionMs = Math.max(newestPartitionMs, file.timeMs);
    }
  }
  return files.filter((file) => file.kind === 'partition' || file.timeMs >= newestPartitionMs - overlapMs);
}
