/** Key material of a salt line; blank parts are written blank. */
export interface SaltLineKey {
  readonly id: number;
  readonly key: string | undefined;
  readonly salt: string | undefined;
}

/** One entry of a salt file, before it is written. Times are milliseconds since the epoch. */
export interface SaltLine {
  readonly id: number;
  readonly lastUpdated: number;
  readonly salt: string | undefined;
  readonly refreshFrom: number;
  readonly previousSalt: string | undefined;
  readonly currentKey: SaltLineKey | undefined;
  readonly previousKey: SaltLineKey | undefined;
}

/**
 * The text of an entry in the eleven columns of a salt file, with its line feed. A last update on a whole second gets one
 * millisecond more, so that the time shown by the bucket API always has a fraction.
 */
export function writeSaltLine(line: SaltLine): string {
  const lastUpdated = line.lastUpdated % 1000 === 0 ? line.lastUpdated + 1 : line.lastUpdated;
  return `${line.id},${lastUpdated},${line.salt ?? ''},${line.refreshFrom},${line.previousSalt ?? ''},${keyColumns(line.currentKey)},${keyColumns(line.previousKey)}\n`;
}

function keyColumns(key: SaltLineKey | undefined): string {
  return key === undefined ? ',,' : `${key.id},${key.key ?? ''},${key.salt ?? ''}`;
}
