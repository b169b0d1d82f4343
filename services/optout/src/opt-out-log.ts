import { toHex } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import type { ObjectStore } from '@holdfast/storage';
import { encodeDeltaFile, optOutFilePath, parseOptOutFileName, SYNTHETIC_REPLICA_ID } from '@holdfast/uid2';
import type { DeltaFile, OptOutFileName, OptOutList } from '@holdfast/uid2';

export interface OptOutLogOptions {
  readonly objects: ObjectStore;
  /** Folder of the log in the bucket. */
  readonly folder: string;
  readonly replicaId: number;
  readonly rotateIntervalSeconds: number;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** A file of the log. */
export interface LoggedFile extends OptOutFileName {
  /** Its path in the bucket. */
  readonly path: string;
}

/** Signed links are valid this long, in seconds; the reference does not let it be configured either. */
const LINK_TTL_SECONDS = 3600;

/** Deltas this many rotations older than the newest partition are still listed, for those that came late into it. */
export const OVERLAP_ROTATIONS = 3;

/** The opt-out log in object storage: what is in it, what operators have to read of it, and the way to add to it. */
export class OptOutLog {
  readonly #options: OptOutLogOptions;
  #files: readonly LoggedFile[] | undefined;

  constructor(options: OptOutLogOptions) {
    this.#options = options;
  }

  /** Whether the bucket has been looked at. */
  get listed(): boolean {
    return this.#files !== undefined;
  }

  /** Where the log is in the bucket, with a trailing slash. */
  get folder(): string {
    const { folder } = this.#options;
    return folder.endsWith('/') ? folder : `${folder}/`;
  }

  /** Every file of the log, as of the last look. */
  get files(): readonly LoggedFile[] {
    return this.#files ?? [];
  }

  /** How long a delta may come late and still be read, in milliseconds. */
  get overlapMs(): number {
    return OVERLAP_ROTATIONS * this.#options.rotateIntervalSeconds * 1000;
  }

  /**
   * Looks at the bucket again. Files whose names say nothing are left alone.
   * @throws DependencyError STORAGE_FAILED: the last listing stays in use
   */
  async refresh(): Promise<void> {
    const objects = await this.#options.objects.list(this.folder);
    this.#files = objects.flatMap(({ path }) => {
      const name = parseOptOutFileName(path);
      return name === undefined ? [] : [{ ...name, path }];
    });
  }

  /** What an operator has to read, with freshly signed links; undefined while the bucket has not been looked at. */
  async list(): Promise<OptOutList | undefined> {
    if (this.#files === undefined) return undefined;
    const { objects, rotateIntervalSeconds, clock } = this.#options;
    const newestPartitionMs = newestPartition(this.#files);
    const files = this.#files.filter(
      ({ kind, timeMs }) => kind === 'partition' || timeMs >= newestPartitionMs - this.overlapMs,
    );
    const newest = files.length === 0 ? clock() : Math.max(...files.map(({ timeMs }) => timeMs));
    const version = Math.floor(newest / 1000);
    return {
      version,
      generated: version,
      files: await Promise.all(
        files.map(async ({ kind, timeMs, path }) => ({
          type: kind,
          from: timeMs / 1000,
          to: timeMs / 1000 + rotateIntervalSeconds,
          location: await objects.presign(path, LINK_TTL_SECONDS),
        })),
      ),
    };
  }

  /**
   * Adds a delta.
   * @throws DependencyError STORAGE_FAILED
   */
  async writeDelta(delta: DeltaFile): Promise<void> {
    await this.#write('delta', encodeDeltaFile(delta));
  }

  /**
   * Adds a partition.
   * @throws DependencyError STORAGE_FAILED
   */
  async writePartition(bytes: Uint8Array): Promise<void> {
    await this.#write('partition', bytes);
  }

  async #write(kind: LoggedFile['kind'], bytes: Uint8Array): Promise<void> {
    const { objects, replicaId, clock, randomBytes } = this.#options;
    const timeMs = Math.floor(clock() / 1000) * 1000;
    const name = { kind, replicaId, timeMs, uniqueId: toHex(randomBytes(4)) };
    await objects.write(optOutFilePath(this.folder, name), bytes);
  }
}

/** When the newest partition was made, in milliseconds; -Infinity when there is none. Made-up data do not count. */
export function newestPartition(files: readonly LoggedFile[]): number {
  return files.reduce(
    (newest, file) =>
      file.kind === 'partition' && file.replicaId !== SYNTHETIC_REPLICA_ID ? Math.max(newest, file.timeMs) : newest,
    -Infinity,
  );
}
