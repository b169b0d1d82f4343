import { DependencyError, errorMessage, InternalError, MalformedError } from '@holdfast/base';
import type { CoreSession, Timers } from '@holdfast/core-client';
import {
  optOutFileBaseName,
  OptOutIndex,
  parseOptOutFileName,
  parseOptOutLocations,
  selectOptOutFiles,
} from '@holdfast/uid2';
import type { OptOutSegment } from '@holdfast/uid2';

import type { OperatorConfig } from '../config.ts';
import { readOptOutFile } from '../file-threads/opt-out-reading.ts';

export interface OptOutSyncOptions {
  readonly config: OperatorConfig['optOut'];
  readonly session: Pick<CoreSession, 'downloadOptOutList' | 'downloadSharedContent'>;
  readonly timers: Timers;
  readonly onSync?: (event: OptOutSyncEvent) => void;
}

export type OptOutSyncEvent =
  | {
      readonly result: 'synced';
      readonly added: number;
      /** How many of the added files are partitions; the others are deltas. */
      readonly addedPartitions: number;
      readonly files: number;
      readonly records: number;
    }
  | { readonly result: 'failed'; readonly first: boolean; readonly error: unknown };

/** Times in milliseconds since the epoch. */
export interface OptOutSyncState {
  /** Whether there ever was a complete list with all its files. */
  readonly synced: boolean;
  readonly syncedAtMs: number | undefined;
  readonly files: number;
  /** Identities that opted out, each counted once. */
  readonly records: number;
  readonly consecutiveFailures: number;
  readonly lastError: string | undefined;
  /** Whether the last complete sync is older than the limit. */
  readonly stale: boolean;
}

interface CachedFile {
  readonly name: string;
  readonly segment: OptOutSegment;
}

/** Until the first sync has succeeded nobody is served, so it is tried more often than later ones. */
const FIRST_SYNC_INTERVAL_MS = 5_000;
const MAX_FILE_BYTES = 1024 * 1024 * 1024;
const DAY_MS = 86_400_000;

/**
 * Keeps the index of all opt-outs in step with the Opt-Out service's list.
 *
 * It fails closed. A list that could not be had is a failure and never an empty list; a listed file that cannot be read
 * fails the whole sync; and an opt-out that was indexed once stays indexed, whatever later lists leave out. Files already
 * read are kept between attempts, so that a retry only fetches what is missing.
 */
export class OptOutSync {
  readonly #options: OptOutSyncOptions;
  readonly #files = new Map<string, CachedFile>();
  readonly #firstSync = Promise.withResolvers<undefined>();
  #index: OptOutIndex | undefined;
  #syncedAtMs: number | undefined;
  #consecutiveFailures = 0;
  #lastError: string | undefined;
  #cancelNext: (() => void) | undefined;
  #round: Promise<void> | undefined;
  #stopped = false;

  constructor(options: OptOutSyncOptions) {
    this.#options = options;
  }

  /** Begins the rounds, the first at once. */
  start(): void {
    if (this.#round === undefined && this.#cancelNext === undefined) this.#runRound();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext?.();
    await this.#round;
  }

  /** Resolves with the first complete sync. Never rejects. */
  async synced(): Promise<void> {
    await this.#firstSync.promise;
  }

  /** @throws InternalError OPTOUT_LIST_NOT_LOADED before the first complete sync */
  index(): OptOutIndex {
    if (this.#index === undefined) throw new InternalError('OPTOUT_LIST_NOT_LOADED', 'there is no opt-out list yet');
    return this.#index;
  }

  /** Whether the last complete sync is older than the limit. False before the first one. */
  get stale(): boolean {
    const { timers, config } = this.#options;
    return this.#syncedAtMs !== undefined && timers.now() - this.#syncedAtMs > config.staleLimitMs;
  }

  get state(): OptOutSyncState {
    return {
      synced: this.#syncedAtMs !== undefined,
      syncedAtMs: this.#syncedAtMs,
      files: this.#files.size,
      records: this.#index?.size ?? 0,
      consecutiveFailures: this.#consecutiveFailures,
      lastError: this.#lastError,
      stale: this.stale,
    };
  }

  #runRound(): void {
    this.#round = this.#sync().then(() => {
      this.#round = undefined;
      if (this.#stopped) return;
      const { intervalMs } = this.#options.config;
      const delayMs = this.#index === undefined ? Math.min(intervalMs, FIRST_SYNC_INTERVAL_MS) : intervalMs;
      this.#cancelNext = this.#options.timers.after(delayMs, () => this.#runRound());
    });
  }

  async #sync(): Promise<void> {
    const startedAtMs = this.#options.timers.now();
    let added: Pick<Extract<OptOutSyncEvent, { result: 'synced' }>, 'added' | 'addedPartitions'>;
    try {
      added = await this.#bringInStep(startedAtMs);
    } catch (error) {
      this.#consecutiveFailures++;
      this.#lastError = errorMessage(error);
      if (!this.#stopped) this.#options.onSync?.({ result: 'failed', first: this.#index === undefined, error });
      return;
    }
    // The list is as old as the moment it was asked for.
    this.#syncedAtMs = startedAtMs;
    this.#consecutiveFailures = 0;
    this.#lastError = undefined;
    this.#firstSync.resolve(undefined);
    if (this.#stopped) return;
    this.#options.onSync?.({ result: 'synced', ...added, files: this.#files.size, records: this.#index?.size ?? 0 });
  }

  /** Fetches what is listed and missing, then swaps the index. Answers how many files are new. */
  async #bringInStep(nowMs: number): Promise<{ added: number; addedPartitions: number }> {
    const { session, config } = this.#options;
    const locations = parseOptOutLocations(await session.downloadOptOutList(config.listPath));
    const listed = byName(this.#select(locations, nowMs));
    const missing = [...listed].filter(([name]) => !this.#files.has(name));
    await this.#fetchAll(missing);
    const dropped = this.#dropCovered(listed);
    if (missing.length > 0 || dropped || this.#index === undefined) {
      this.#index = OptOutIndex.of([...this.#files.values()].map(({ segment }) => segment));
    }
    const addedPartitions = missing.filter(([name]) => parseOptOutFileName(name)?.kind === 'partition').length;
    return { added: missing.length, addedPartitions };
  }

  #select(locations: readonly string[], nowMs: number): readonly string[] {
    const { folder, backtrackInDays, syntheticCount } = this.#options.config;
    const ours = locations.some((location) =>
      ['partition/', 'delta/', 'synthetic/'].some((kind) => location.includes(folder + kind)),
    );
    if (!ours && locations.length > 0) {
      // Taking this for "nobody opted out" would serve everybody who did; most likely the folder is configured wrongly.
      throw new MalformedError('OPTOUT_LIST_UNUSABLE', `none of the ${locations.length} listed files is in ${folder}`, {
        details: { folder, files: locations.length, example: optOutFileBaseName(locations[0] ?? '') },
        action: 'Set optout_s3_folder to the folder that the Opt-Out service writes to.',
      });
    }
    return selectOptOutFiles(locations, { folder, backtrackInDays, syntheticCount }, nowMs);
  }

  /** Downloads in parallel and keeps each file as it arrives. The first failure is thrown once all have ended. */
  async #fetchAll(missing: readonly (readonly [string, string])[]): Promise<void> {
    const queue = missing.values();
    const failures: unknown[] = [];
    const work = async (): Promise<void> => {
      for (const [name, location] of queue) {
        if (this.#stopped || failures.length > 0) return;
        try {
          const bytes = await this.#options.session.downloadSharedContent(location, MAX_FILE_BYTES);
          const segment = await readOptOutFile(bytes);
          this.#files.set(name, { name, segment });
        } catch (cause) {
          failures.push(fileError(name, cause));
        }
      }
    };
    await Promise.all(Array.from({ length: this.#options.config.parallelDownloads }, work));
    if (failures.length > 0) throw failures[0];
    if (this.#stopped)
      throw new DependencyError('OPTOUT_SYNC_STOPPED', 'the operator is stopping', { retryable: false });
  }

  /**
   * Forgets deltas that are no longer listed and that a restarted operator would not load either, because a partition made
   * later than the backtrack covers them. Nothing else is ever forgotten.
   */
  #dropCovered(listed: ReadonlyMap<string, string>): boolean {
    const partitions = [...this.#files.keys()].map(parseOptOutFileName).filter((name) => name?.kind === 'partition');
    const newestMs = Math.max(...partitions.map((name) => name?.timeMs ?? -Infinity));
    const coveredBeforeMs = newestMs - (this.#options.config.backtrackInDays + 1) * DAY_MS;
    let dropped = false;
    for (const name of this.#files.keys()) {
      const parsed = parseOptOutFileName(name);
      if (listed.has(name) || parsed?.kind !== 'delta' || parsed.timeMs >= coveredBeforeMs) continue;
      this.#files.delete(name);
      dropped = true;
    }
    return dropped;
  }
}

/** Locations by the name of their file, which must be that of an opt-out file and must not occur twice. */
function byName(locations: readonly string[]): Map<string, string> {
  const named = new Map<string, string>();
  for (const location of locations) {
    const name = optOutFileBaseName(location);
    if (parseOptOutFileName(name) === undefined || named.has(name)) {
      const problem = named.has(name) ? 'names a file twice' : 'names something that is no opt-out file';
      throw new MalformedError('OPTOUT_LIST_UNUSABLE', `the opt-out list ${problem}: ${name.slice(0, 100)}`, {
        action: 'Check the folder of the Opt-Out service for files that do not belong there.',
      });
    }
    named.set(name, location);
  }
  return named;
}

function fileError(name: string, cause: unknown): DependencyError {
  return new DependencyError('OPTOUT_FILE_UNAVAILABLE', `opt-out file ${name}: ${errorMessage(cause)}`, {
    retryable: true,
    cause,
    details: { file: name },
    action: 'Check that the storage of the Opt-Out service can be reached; the sync is tried again.',
  });
}
