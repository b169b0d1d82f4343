import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, inject } from 'vitest';

const temporaryHomes: { remove(): void }[] = [];

/** A private copy of the seeded home folder that lives until `remove` is called. */
export function keepSeededHome(): { readonly folder: string; remove(): void } {
  const parent = mkdtempSync(join(tmpdir(), 'holdfast-e2e-'));
  const folder = join(parent, 'home');
  cpSync(inject('seededHome'), folder, { recursive: true });
  return { folder, remove: () => rmSync(parent, { recursive: true, force: true }) };
}

/** A private copy of the seeded home folder, removed after the test. */
export function copySeededHome(): string {
  const home = keepSeededHome();
  temporaryHomes.push(home);
  return home.folder;
}

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

afterEach(() => {
  for (const home of temporaryHomes.splice(0)) home.remove();
});
