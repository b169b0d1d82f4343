import type { World } from '@holdfast/uid2/administration';

import type { WorldFlags } from '../commands/uid2-admin/flags.ts';
import { writeJson } from '../context.ts';
import type { CliContext } from '../context.ts';
import { openBucket } from './open-bucket.ts';
import type { Shown } from './run-change.ts';
import { renderTable } from './table.ts';
import { loadWorld } from './world-repository.ts';

/** How records of one kind are listed. */
export interface Listing<T> {
  /** Name of the array in the JSON output. */
  readonly name: string;
  readonly records: readonly T[];
  readonly headings: readonly string[];
  readonly row: (record: T) => readonly (string | number)[];
  readonly json: (record: T) => Readonly<Record<string, unknown>>;
}

/** Reads the world and lists some of it. */
export async function runList<T>(
  context: CliContext,
  flags: WorldFlags,
  select: (world: World, now: number) => Listing<T>,
): Promise<void> {
  const { io } = context;
  const { world } = await loadWorld(openBucket(flags, io));
  const { name, records, headings, row, json } = select(world, Date.now());
  if (flags.json) writeJson(io, { version: 1, [name]: records.map(json) });
  else io.stdout.write(renderTable(headings, records.map(row)));
}

/** The outcome of a command about one record: the record for programs, one line for people. */
export function shownRecord(name: string, json: Readonly<Record<string, unknown>>, line: string): Shown {
  return { json: { [name]: json }, text: `${line}\n` };
}

export function stateText(disabled: boolean): string {
  return disabled ? 'disabled' : 'active';
}
