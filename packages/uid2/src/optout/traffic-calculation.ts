import { RecordReader, objectReader, parseObject } from '../seed-files/record-reader.ts';
import { readRange } from './traffic-filter.ts';

/** When the traffic of opt-outs is so high that a person should look before more of them count. Times in seconds. */
export interface TrafficLimit {
  /** How far back opt-outs are counted. */
  readonly evaluationWindowSeconds: number;
  /** What is usual in that time. */
  readonly baseline: number;
  /** How many times the usual is too much. */
  readonly multiplier: number;
  /** Times of known bulk opt-outs, which do not count; ascending, both ends included. */
  readonly allowlist: readonly { readonly start: number; readonly end: number }[];
}

const FILE = 'traffic calculation';

/** Opt-outs this much younger than the oldest of their window still count, in seconds. */
const CURRENT_WINDOW_SECONDS = 300;

/**
 * Reads the four `traffic_calc_…` settings, all of which must be there.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseTrafficLimit(text: string): TrafficLimit {
  const settings = parseObject(FILE, text);
  const reader = objectReader(FILE, settings);
  const positive = (field: string): number => {
    const value = reader.integer(field);
    if (value <= 0) throw reader.fail(field, 'is not above zero');
    return value;
  };
  const ranges = settings['traffic_calc_allowlist_ranges'];
  if (!Array.isArray(ranges)) throw reader.fail('traffic_calc_allowlist_ranges', 'is not an array');
  const allowlist = (ranges as readonly unknown[])
    .map((range, index) => readAllowed(range, index))
    .toSorted((a, b) => a.start - b.start);
  allowlist.forEach(({ start }, index) => {
    const previous = allowlist[index - 1];
    if (previous !== undefined && start <= previous.end) {
      throw reader.fail('traffic_calc_allowlist_ranges', 'holds ranges that overlap');
    }
  });
  return {
    evaluationWindowSeconds: positive('traffic_calc_evaluation_window_seconds'),
    baseline: positive('traffic_calc_baseline_traffic'),
    multiplier: positive('traffic_calc_threshold_multiplier'),
    allowlist,
  };
}

/** Whether so many opt-outs are too many. */
export function exceedsTrafficLimit(limit: TrafficLimit, count: number): boolean {
  return count >= limit.multiplier * limit.baseline;
}

/**
 * From when on opt-outs count, given the time of the newest published one: the evaluation window, made longer by the allowed
 * ranges inside it, until it holds its length of ordinary time.
 */
export function trafficWindowStart(limit: TrafficLimit, newestSeconds: number): number {
  let start = newestSeconds - limit.evaluationWindowSeconds;
  for (;;) {
    const allowed = limit.allowlist.reduce(
      (sum, range) => sum + Math.max(0, Math.min(range.end, newestSeconds) - Math.max(range.start, start)),
      0,
    );
    const longer = newestSeconds - limit.evaluationWindowSeconds - allowed;
    if (longer === start) return start;
    start = longer;
  }
}

/**
 * The opt-outs of one published delta that count, in file order up to the first before `start`; and whether older deltas
 * need no look any more.
 */
export function countPublished(
  limit: TrafficLimit,
  times: readonly number[],
  start: number,
): { readonly count: number; readonly isLast: boolean } {
  const end = times.findIndex((time) => time < start);
  const inWindow = end === -1 ? times : times.slice(0, end);
  return { count: inWindow.filter((time) => !isAllowed(limit, time)).length, isLast: times.length === 0 || end === 0 };
}

/** The opt-outs about to be published that count: those close in time to the oldest. */
export function countPending(limit: TrafficLimit, times: readonly number[]): number {
  const oldest = times.reduce((least, time) => Math.min(least, time), Infinity);
  return times.filter((time) => time <= oldest + CURRENT_WINDOW_SECONDS && !isAllowed(limit, time)).length;
}

function isAllowed(limit: TrafficLimit, time: number): boolean {
  return limit.allowlist.some(({ start, end }) => start <= time && time <= end);
}

function readAllowed(range: unknown, index: number): { readonly start: number; readonly end: number } {
  const record = new RecordReader(FILE, index, { range: Array.isArray(range) ? range : null });
  return readRange(record, 'traffic_calc_allowlist_ranges', record.integersOrNull('range'));
}
