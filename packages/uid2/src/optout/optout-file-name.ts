/** What the name of an opt-out file says. */
export interface OptOutFileName {
  readonly kind: 'delta' | 'partition';
  readonly replicaId: number;
  /** When the file was made, milliseconds since the epoch, in whole seconds. */
  readonly timeMs: number;
  /** Eight hex digits that make the name unique. */
  readonly uniqueId: string;
}

/** The replica number of files with made-up data, which never expire. */
export const SYNTHETIC_REPLICA_ID = 999;

const NAME =
  /^optout-(delta|partition)-(\d{1,9})_(\d{4}-\d{2}-\d{2}T\d{2}\.\d{2}\.\d{2}(?:\.\d{1,9})?Z)_([^_/]*)\.dat$/;

/** `optout-delta-000_2024-04-01T00.00.00Z_418810dc.dat` and the like. */
export function formatOptOutFileName(name: OptOutFileName): string {
  const time = new Date(name.timeMs)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '.');
  return `optout-${name.kind}-${String(name.replicaId).padStart(3, '0')}_${time}_${name.uniqueId}.dat`;
}

/** Reads the last segment of a path or of a URL's path; undefined when it is not the name of an opt-out file. */
export function parseOptOutFileName(pathOrUrl: string): OptOutFileName | undefined {
  const match = NAME.exec(optOutFileBaseName(pathOrUrl));
  if (match === null) return undefined;
  const [, kind, replica, time, uniqueId] = match;
  if (kind === undefined || replica === undefined || time === undefined || uniqueId === undefined) return undefined;
  const timeMs = Date.parse(time.replace('.', ':').replace('.', ':'));
  if (Number.isNaN(timeMs)) return undefined;
  return { kind: kind as OptOutFileName['kind'], replicaId: Number(replica), timeMs, uniqueId };
}

/** The last segment of a path, or of the path of a URL without its query. */
export function optOutFileBaseName(pathOrUrl: string): string {
  const path = pathOrUrl.split(/[?#]/, 1)[0] ?? '';
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Where a file of this name belongs below the opt-out folder: `delta/<UTC date>/<name>` or `partition/<name>`. */
export function optOutFilePath(folder: string, name: OptOutFileName): string {
  const root = folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
  const day = name.kind === 'delta' ? `${utcDate(name.timeMs)}/` : '';
  return `${root}${name.kind}/${day}${formatOptOutFileName(name)}`;
}

/** The UTC date of an instant, such as `2020-12-06`. */
export function utcDate(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** The replica number a host name ends in, before its first dot; undefined when it ends in none. */
export function replicaIdOfHostName(hostName: string): number | undefined {
  const digits = /^[^.]*-(\d+)(?:\.|$)/.exec(hostName)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The start of the slot of `intervalSeconds` that an instant lies in; the whole second when the interval is 0. */
export function floorToSlot(timeMs: number, intervalSeconds: number): number {
  const slotMs = Math.max(intervalSeconds, 1) * 1000;
  return Math.floor(timeMs / slotMs) * slotMs;
}

/** Seconds from an instant to the next slot boundary; 0 on a boundary. */
export function secondsBeforeNextSlot(timeMs: number, intervalSeconds: number): number {
  const past = Math.floor(timeMs / 1000) % intervalSeconds;
  return past === 0 ? 0 : intervalSeconds - past;
}
