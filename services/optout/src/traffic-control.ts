import { readFile } from 'node:fs/promises';

import { ConfigError, errorMessage, fromUtf8, PlatformError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { ObjectStore } from '@holdfast/storage';
import {
  countPending,
  countPublished,
  decodeDeltaFile,
  exceedsTrafficLimit,
  isDenied,
  parseDenyRules,
  parseTrafficLimit,
  trafficWindowStart,
} from '@holdfast/uid2';
import type { DenyRule, TrafficLimit } from '@holdfast/uid2';

import type { OptOutLog } from './opt-out-log.ts';
import type { QueuedOptOut } from './opt-out-queue.ts';

export interface TrafficControlOptions {
  readonly objects: ObjectStore;
  readonly log: OptOutLog;
  /** Local files; a missing one means no rules. */
  readonly filterFile: string | undefined;
  readonly limitFile: string | undefined;
  /** Object whose content stops production; undefined when production cannot be stopped. */
  readonly overridePath: string | undefined;
  readonly clock: Clock;
  /** Told of an override that cannot be read, which counts as none. */
  readonly onOverrideUnreadable: (error: unknown) => void;
}

const DELAYED = 'DELAYED_PROCESSING';

/** Decides which opt-outs do not count, and when none are published before a person has looked. */
export class TrafficControl {
  readonly #options: TrafficControlOptions;
  #rules: readonly DenyRule[] = [];
  #limit: TrafficLimit | undefined;

  constructor(options: TrafficControlOptions) {
    this.#options = options;
  }

  /**
   * Reads the two settings files again. On failure the last good ones stay.
   * @throws ConfigError OPTOUT_TRAFFIC_SETTINGS
   */
  async load(): Promise<void> {
    const { filterFile, limitFile } = this.#options;
    const rules = await readSettings(filterFile, parseDenyRules);
    const limit = await readSettings(limitFile, parseTrafficLimit);
    this.#rules = rules ?? [];
    this.#limit = limit;
  }

  isDenied({ record, clientIp }: QueuedOptOut): boolean {
    return isDenied(this.#rules, clientIp, record.optedOutAt);
  }

  /** Whether a person, or an earlier run, has stopped production. An object that cannot be read does not. */
  async isHalted(): Promise<boolean> {
    const { overridePath, objects } = this.#options;
    if (overridePath === undefined) return false;
    try {
      const override: unknown = JSON.parse(fromUtf8(await objects.read(overridePath)));
      const value = (override as { manual_override?: unknown } | null)?.manual_override;
      return typeof value === 'string' && value.toUpperCase() === DELAYED;
    } catch (error) {
      if (!(error instanceof PlatformError && error.code === 'OBJECT_NOT_FOUND')) {
        this.#options.onOverrideUnreadable(error);
      }
      return false;
    }
  }

  /**
   * Stops production until the override is removed.
   * @throws DependencyError STORAGE_FAILED
   */
  async halt(): Promise<void> {
    const { overridePath, objects } = this.#options;
    if (overridePath !== undefined) await objects.write(overridePath, JSON.stringify({ manual_override: DELAYED }));
  }

  /**
   * Whether the opt-outs about to be published, with those published lately, are more than a person should let pass. A log
   * without deltas counts as empty; the reference fails then.
   * @throws DependencyError STORAGE_FAILED
   * @throws MalformedError OPTOUT_FILE_MALFORMED when a published delta cannot be read
   */
  async exceedsLimit(pending: readonly QueuedOptOut[]): Promise<boolean> {
    const limit = this.#limit;
    if (limit === undefined || pending.length === 0) return false;
    const { log, objects, clock } = this.#options;
    await log.refresh();
    const deltas = log.files.filter(({ kind }) => kind === 'delta').toSorted((a, b) => b.timeMs - a.timeMs);
    const pendingTimes = pending.map(({ record }) => record.optedOutAt);
    let count = countPending(limit, pendingTimes);
    let start: number | undefined;
    for (const { path } of deltas) {
      const times = decodeDeltaFile(await objects.read(path)).records.map(({ optedOutAt }) => optedOutAt);
      start ??= trafficWindowStart(limit, times.reduce((a, b) => Math.max(a, b), 0) || Math.floor(clock() / 1000));
      const published = countPublished(limit, times, start);
      count += published.count;
      if (published.isLast || exceedsTrafficLimit(limit, count)) break;
    }
    return exceedsTrafficLimit(limit, count);
  }
}

async function readSettings<T>(file: string | undefined, parse: (text: string) => T): Promise<T | undefined> {
  if (file === undefined) return undefined;
  try {
    return parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new ConfigError('OPTOUT_TRAFFIC_SETTINGS', [`${file}: ${errorMessage(cause)}`], {
      cause,
      action: 'Correct the file; until then no opt-out is published.',
    });
  }
}
