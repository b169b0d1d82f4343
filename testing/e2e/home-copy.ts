import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, inject } from 'vitest';

export { editFile, editStore } from '../src/index.ts';

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

afterEach(() => {
  for (const home of temporaryHomes.splice(0)) home.remove();
});
