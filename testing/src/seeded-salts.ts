import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DAY_MS = 86_400_000;
/** Columns of a salt file that hold times: last updated, refresh from. */
const TIME_COLUMNS = [1, 3];

export interface SaltMetadata {
  readonly version: number;
  readonly first_level: string;
  /** `effective` in ms; `location` in Core's bucket. */
  readonly salts: readonly { readonly effective: number; readonly location: string }[];
}

function metadataFile(home: string): string {
  return join(home, 'world/core/salts/metadata.json');
}

/** What the salt store of a home folder says of its snapshots. */
export function readSaltMetadata(home: string): SaltMetadata {
  return JSON.parse(readFileSync(metadataFile(home), 'utf8')) as SaltMetadata;
}

/**
 * Makes the seeded salts a day older in every respect, so that another snapshot can take effect while a test runs;
 * answers when they took effect before that, ms: a midnight.
 */
export function moveSaltsToYesterday(home: string): number {
  const metadata = readSaltMetadata(home);
  const [seeded] = metadata.salts;
  if (seeded === undefined) throw new Error('the seeded world has no salts');
  const file = join(home, 'world/core', seeded.location);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const older = lines.map((line) => {
    const columns = line.split(',');
    for (const time of TIME_COLUMNS) columns[time] = String(Number(columns[time]) - DAY_MS);
    return `${columns.join(',')}\n`;
  });
  writeFileSync(file, older.join(''));
  const salts = [{ ...seeded, effective: seeded.effective - DAY_MS }];
  writeFileSync(metadataFile(home), JSON.stringify({ ...metadata, salts }));
  return seeded.effective;
}
