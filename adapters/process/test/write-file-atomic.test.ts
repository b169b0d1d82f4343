import { mkdtempSync, readdirSync, readFileSync, statSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { writeFileAtomic } from '../src/index.ts';

it('writeFileAtomic replaces a file, with the mode asked for, and leaves no temporary file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-write-'));
  const file = join(folder, 'secret.json');
  await writeFileAtomic(file, 'old');
  await writeFileAtomic(file, 'new', { mode: 0o600 });
  expect(readFileSync(file, 'utf8')).toBe('new');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['secret.json']);
});

it('writeFileAtomic keeps nothing behind when it fails', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-write-'));
  mkdirSync(join(folder, 'taken'));
  await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST|EPERM/);
  expect(readdirSync(folder)).toEqual(['taken']);
});
