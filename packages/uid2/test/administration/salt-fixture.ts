import { writeSaltLine } from '../../src/administration/index.ts';
import type { SaltLine } from '../../src/administration/index.ts';
import { parseSaltFile } from '../../src/index.ts';
import type { SaltTable } from '../../src/index.ts';

export const DAY_MS = 86_400_000;
/** 2025-01-01T00:00:00Z, the target date of the reference's own tests. */
export const TARGET_DATE = 1_735_689_600_000;

/** A bucket with its age on the target date, and what else differs from one that is refreshable then. */
export type BucketDescription = { readonly ageDays: number } & Partial<SaltLine>;

/** A salt file of these buckets; ids are their positions from 1. */
export function saltTable(buckets: readonly BucketDescription[]): SaltTable {
  const lines = buckets.map(({ ageDays, ...bucket }, index) =>
    writeSaltLine({
      id: index + 1,
      lastUpdated: TARGET_DATE - ageDays * DAY_MS,
      salt: `salt${index + 1}`,
      refreshFrom: TARGET_DATE,
      previousSalt: undefined,
      currentKey: undefined,
      previousKey: undefined,
      ...bucket,
    }),
  );
  return readTable(Buffer.from(lines.join('')), buckets.length);
}

export function readTable(file: Uint8Array, size: number): SaltTable {
  return parseSaltFile(file, { size, idPrefix: 'b', idSecret: 'secret' });
}

/** `count` buckets of one age. */
export function bucketsOfAge(count: number, ageDays: number): readonly BucketDescription[] {
  return Array.from({ length: count }, () => ({ ageDays }));
}
