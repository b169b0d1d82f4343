import { toBase64, toHex } from '@holdfast/base';
import type { Clock, RandomBytes } from '@holdfast/base';
import type { ObjectStore } from '@holdfast/storage';

import type { OptOutLog } from './opt-out-log.ts';
import type { OptOutQueue, QueuedOptOut } from './opt-out-queue.ts';
import type { TrafficControl } from './traffic-control.ts';

export interface DeltaProductionOptions {
  readonly queue: OptOutQueue;
  readonly log: OptOutLog;
  readonly traffic: TrafficControl;
  readonly objects: ObjectStore;
  readonly replicaId: number;
  /** Opt-outs younger than this wait; those in one file are at most this far apart. 0: neither. */
  readonly windowSeconds: number;
  readonly maxRecordsPerFile: number;
  readonly jobTimeoutSeconds: number;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** Why a run ended, in the words of the reference. */
export type StopReason =
  | 'NONE'
  | 'QUEUE_EMPTY'
  | 'MESSAGES_TOO_RECENT'
  | 'CIRCUIT_BREAKER_TRIGGERED'
  | 'MANUAL_OVERRIDE_ACTIVE';

/** What one run did. */
export interface Production {
  readonly files: number;
  readonly records: number;
  readonly deniedFiles: number;
  readonly deniedRecords: number;
  readonly damagedEntries: number;
  readonly stopReason: StopReason;
}

/** The last run, or the one under way. Times in milliseconds since the epoch. */
export type ProductionState =
  | { readonly state: 'idle' }
  | { readonly state: 'running'; readonly startedAt: number }
  | {
      readonly state: 'completed';
      readonly startedAt: number;
      readonly endedAt: number;
      readonly production: Production;
    }
  | { readonly state: 'failed'; readonly startedAt: number; readonly endedAt: number; readonly error: unknown };

/** Turns the queue into delta files, one run at a time. */
export class DeltaProduction {
  readonly #options: DeltaProductionOptions;
  #state: ProductionState = { state: 'idle' };

  constructor(options: DeltaProductionOptions) {
    this.#options = options;
  }

  get state(): ProductionState {
    return this.#state;
  }

  /**
   * Writes everything in the queue that is old enough to delta files and lists them. The queue lets go of an opt-out only once
   * it is in the log, so a crash in between writes it twice, which readers merge. Undefined when a run is under way already.
   * @throws DependencyError OPTOUT_QUEUE_UNUSABLE, STORAGE_FAILED: what is not published is still in the queue
   * @throws ConfigError OPTOUT_TRAFFIC_SETTINGS
   */
  async run(): Promise<Production | undefined> {
    if (this.#state.state === 'running') return undefined;
    const startedAt = this.#options.clock();
    this.#state = { state: 'running', startedAt };
    try {
      const production = await this.#produce(startedAt);
      this.#state = { state: 'completed', startedAt, endedAt: this.#options.clock(), production };
      return production;
    } catch (error) {
      this.#state = { state: 'failed', startedAt, endedAt: this.#options.clock(), error };
      throw error;
    }
  }

  async #produce(startedAt: number): Promise<Production> {
    const { queue, log, traffic, windowSeconds, clock } = this.#options;
    const done = { files: 0, records: 0, deniedFiles: 0, deniedRecords: 0 };
    await traffic.load();
    if (await traffic.isHalted()) return { ...done, damagedEntries: 0, stopReason: 'MANUAL_OVERRIDE_ACTIVE' };
    const batch = await queue.take(windowSeconds === 0 ? Infinity : Math.floor(startedAt / 1000) - windowSeconds);
    const { entries, damagedEntries } = batch;
    let stopReason: StopReason = batch.tooRecent > 0 ? 'MESSAGES_TOO_RECENT' : 'QUEUE_EMPTY';
    let settled = 0;
    try {
      while (settled < entries.length) {
        if (clock() - startedAt >= this.#options.jobTimeoutSeconds * 1000) {
          stopReason = 'NONE';
          break;
        }
        const window = this.#nextWindow(entries, settled);
        const kept = window.filter((entry) => !traffic.isDenied(entry));
        const denied = window.filter((entry) => traffic.isDenied(entry));
        if ((settled > 0 && (await traffic.isHalted())) || (await this.#breaks(kept))) {
          stopReason = 'CIRCUIT_BREAKER_TRIGGERED';
          break;
        }
        if (kept.length > 0) {
          await this.#writeDelta(kept);
          done.files += 1;
          done.records += kept.length;
        }
        if (denied.length > 0) {
          await this.#writeDenied(denied);
          done.deniedFiles += 1;
          done.deniedRecords += denied.length;
        }
        settled += window.length;
      }
    } finally {
      await batch.settle(settled);
      if (done.files > 0) await log.refresh();
    }
    return { ...done, damagedEntries, stopReason };
  }

  async #breaks(kept: readonly QueuedOptOut[]): Promise<boolean> {
    const { traffic } = this.#options;
    if (!(await traffic.exceedsLimit(kept))) return false;
    await traffic.halt();
    return true;
  }

  /** The opt-outs from `start` on that belong into one file. */
  #nextWindow(entries: readonly QueuedOptOut[], start: number): readonly QueuedOptOut[] {
    const { windowSeconds, maxRecordsPerFile } = this.#options;
    const most = entries.slice(start, start + maxRecordsPerFile);
    const first = most[0]?.record.optedOutAt ?? 0;
    const end = windowSeconds === 0 ? -1 : most.findIndex(({ record }) => record.optedOutAt > first + windowSeconds);
    return end === -1 ? most : most.slice(0, end);
  }

  async #writeDelta(window: readonly QueuedOptOut[]): Promise<void> {
    const records = window.map(({ record }) => record);
    const windowStart = records[0]?.optedOutAt ?? 0;
    const windowEnd = Math.max(windowStart + this.#options.windowSeconds, records.at(-1)?.optedOutAt ?? 0);
    await this.#options.log.writeDelta({ windowStart, windowEnd, records });
  }

  /** Denied opt-outs stay readable for the person who wrote the rule, without what identifies anybody beyond the log itself. */
  async #writeDenied(window: readonly QueuedOptOut[]): Promise<void> {
    const { objects, replicaId, clock, randomBytes } = this.#options;
    const time = new Date(clock()).toISOString().replace(/\.\d+Z$/, 'Z');
    const replica = String(replicaId).padStart(3, '0');
    const name = `optout-dropped-${replica}_${time.replaceAll(':', '.')}_${toHex(randomBytes(4))}.json`;
    const requests = window.map(({ record, clientIp }) => ({
      identity_hash: toBase64(record.identityHash),
      advertising_id: toBase64(record.rawUid),
      timestamp: record.optedOutAt,
      client_ip: clientIp ?? null,
    }));
    await objects.write(`dropped/${name}`, `${JSON.stringify(requests, undefined, 2)}\n`);
  }
}
