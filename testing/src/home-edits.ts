import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Rewrites one text file of a home folder; fails when the edit changed nothing. */
export function editFile(home: string, path: string, edit: (text: string) => string): void {
  const file = join(home, path);
  const before = readFileSync(file, 'utf8');
  const after = edit(before);
  if (after === before) throw new Error(`${path} was not changed`);
  writeFileSync(file, after);
}

/** Changes one store of Core's bucket and counts its version up, as an administrator's tool does. */
export function editStore<T>(home: string, store: string, edit: (records: T[]) => T[]): void {
  const folder = `world/core/${store}`;
  editFile(home, `${folder}/${store}.json`, (text) => JSON.stringify(edit(JSON.parse(text) as T[])));
  editFile(home, `${folder}/metadata.json`, (text) => {
    const metadata = JSON.parse(text) as { version: number };
    return JSON.stringify({ ...metadata, version: metadata.version + 1 });
  });
}
