import { isJsonObject } from '../envelope/lenient-json.ts';
import { objectReader, parseObject, recordsOf } from '../seed-files/record-reader.ts';
import { parseOptOutFileName, utcDate } from './optout-file-name.ts';

/** One file of the opt-out log, as the opt-out service lists it. Times are seconds. */
export interface OptOutListEntry {
  readonly type: 'delta' | 'partition';
  readonly from: number;
  readonly to: number;
  /** A signed URL. */
  readonly location: string;
}

export interface OptOutList {
  readonly version: number;
  readonly generated: number;
  readonly files: readonly OptOutListEntry[];
}

const FILE = 'opt-out list';
const DAY_MS = 86_400_000;

/** The JSON text of a listing. */
export function formatOptOutList(list: OptOutList): string {
  const logs = list.files.map(({ type, from, to, location }) => ({ type, from, to, location }));
  return JSON.stringify({ version: list.version, generated: list.generated, optout_logs: logs });
}

/**
 * The locations in a listing, in its order; readers need nothing else of it.
 * @throws MalformedError SEED_FILE_MALFORMED
 */
export function parseOptOutLocations(text: string): string[] {
  const list = parseObject(FILE, text);
  if (!isJsonObject(list) || list['optout_logs'] === undefined) {
    throw objectReader(FILE, list).fail('optout_logs', 'is missing');
  }
  return recordsOf(FILE, list['optout_logs'], (record) => record.text('location'));
}

export interface OptOutSelection {
  /** The opt-out folder in object storage, with its trailing slash, for example `optout-v2/`. */
  readonly folder: string;
  /** How many days before the newest partition deltas are still taken. */
  readonly backtrackInDays: number;
  /** How many files of made-up data to take; none when missing. */
  readonly syntheticCount?: number;
}

/**
 * Which listed files an operator loads: every partition; the deltas of the days from the newest partition on, less
 * `backtrackInDays` (all deltas when there is no partition); and the first synthetic files by name. Every delta day up to
 * today counts; the reference leaves today out until the partition's time of day has passed.
 */
export function selectOptOutFiles(
  locations: readonly string[],
  selection: OptOutSelection,
  nowMs: number,
): readonly string[] {
  const { folder } = selection;
  const partitions = locations.filter((location) => location.includes(`${folder}partition/`));
  const deltas = locations.filter((location) => location.includes(`${folder}delta/`));
  const newest = Math.max(...partitions.map((location) => parseOptOutFileName(location)?.timeMs ?? -Infinity));
  const synthetic = locations
    .filter((location) => location.includes(`${folder}synthetic/`))
    .toSorted()
    .slice(0, selection.syntheticCount ?? 0);
  if (!Number.isFinite(newest)) return [...partitions, ...deltas, ...synthetic];
  const days = new Set<string>();
  for (let day = newest - selection.backtrackInDays * DAY_MS; day < nowMs + DAY_MS; day += DAY_MS) {
    days.add(utcDate(Math.min(day, nowMs)));
  }
  const recent = deltas.filter((location) => {
    const day = /^(\d{4}-\d{2}-\d{2})\//.exec(
      location.slice(location.indexOf(`${folder}delta/`) + folder.length + 6),
    )?.[1];
    return day !== undefined && days.has(day);
  });
  return [...partitions, ...recent, ...synthetic];
}
