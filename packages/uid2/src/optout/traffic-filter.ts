import { parseObject, recordsOf } from '../seed-files/record-reader.ts';
import type { RecordReader } from '../seed-files/record-reader.ts';

/** Opt-outs sent from these addresses in this time are no wish of a person; both ends are included. */
export interface DenyRule {
  /** Seconds since the epoch. */
  readonly start: number;
  readonly end: number;
  readonly clientIps: ReadonlySet<string>;
}

const FILE = 'traffic filter';
const DAY_SECONDS = 86_400;

/**
 * Reads `{"denylist_requests":[{"range":[start,end],"IPs":["…"]}]}`: ranges of at most 24 hours, each with addresses.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseDenyRules(text: string): DenyRule[] {
  return recordsOf(FILE, parseObject(FILE, text)['denylist_requests'], (record) => {
    const clientIps = new Set(record.texts('IPs'));
    if (clientIps.size === 0) throw record.fail('IPs', 'is empty');
    return { ...readRange(record, 'range', record.integersOrNull('range')), clientIps };
  });
}

/** Whether a rule covers an opt-out; one whose address is not known is never denied. */
export function isDenied(rules: readonly DenyRule[], clientIp: string | undefined, seconds: number): boolean {
  if (clientIp === undefined) return false;
  return rules.some(({ start, end, clientIps }) => start <= seconds && seconds <= end && clientIps.has(clientIp));
}

/** A pair of seconds, the first before the second, at most a day apart. */
export function readRange(
  record: RecordReader,
  field: string,
  range: readonly number[] | null,
): { readonly start: number; readonly end: number } {
  const [start, end] = range ?? [];
  if (start === undefined || end === undefined || range?.length !== 2)
    throw record.fail(field, 'is no pair of seconds');
  if (start >= end) throw record.fail(field, 'ends before it begins');
  if (end - start > DAY_SECONDS) throw record.fail(field, 'is longer than 24 hours');
  return { start, end };
}
