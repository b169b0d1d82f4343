import { mkdir, mkdtemp, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Secret } from '@holdfast/base';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { createDirectoryStore, objectPath } from '../src/index.ts';

let base: string;
beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-storage-')));
});
afterAll(async () => rm(base, { recursive: true, force: true }));

let next = 0;
async function openStore() {
  next += 1;
  const folder = join(base, `bucket-${next}`);
  await mkdir(folder);
  const store = createDirectoryStore({
    folder,
    linkBaseUrl: 'http://127.0.0.1:1/',
    linkKey: new Secret(new Uint8Array(32).fill(7)),
    clock: () => 0,
  });
  return { folder, store };
}

it('a written object belongs to its user alone, and nothing is left beside it', async () => {
  const { folder, store } = await openStore();
  await store.write('a/b/c.bin', 'text');
  // oxlint-disable-next-line no-bitwise -- permission bits
  if (process.platform !== 'win32') expect((await stat(join(folder, 'a/b/c.bin'))).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, 'a/b'))).toEqual(['c.bin']);
});

it('reading what is missing, or a folder, fails with OBJECT_NOT_FOUND', async () => {
  const { store } = await openStore();
  await store.write('a/b', 'x');
  for (const path of ['missing', 'a', 'a/b/c', 'no/such/folder']) {
    await expect(store.read(path)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
    expect(await store.exists(path)).toBe(false);
  }
  expect(await store.exists('a/b')).toBe(true);
});

it('list removes what a crash left an hour ago, and nothing that may still be written', async () => {
  const { folder } = await openStore();
  const left = join(folder, 'a.12.0123abcd.tmp');
  await writeFile(left, 'half');
  const written = (await stat(left)).mtimeMs;
  const listAt = async (now: number): Promise<string[]> => {
    const linkKey = new Secret(new Uint8Array(32));
    const store = createDirectoryStore({ folder, linkBaseUrl: 'http://127.0.0.1:1', linkKey, clock: () => now });
    expect(await store.list('')).toEqual([]);
    return readdir(folder);
  };
  expect(await listAt(written + 3_600_000)).toHaveLength(1);
  expect(await listAt(written + 3_600_001)).toEqual([]);
});

it('list leaves out what is not written yet', async () => {
  const { folder, store } = await openStore();
  await store.write('delta/a', 'whole');
  await writeFile(join(folder, 'delta/a.12.0123abcd.tmp'), 'half');
  expect((await store.list('')).map(({ path }) => path)).toEqual(['delta/a']);
});

it.skipIf(process.platform === 'win32')('symbolic links are neither followed nor listed', async () => {
  const { folder, store } = await openStore();
  const outside = join(base, `outside-${next}`);
  await mkdir(outside);
  await writeFile(join(outside, 'secret'), 'secret');
  await symlink(outside, join(folder, 'linked'));
  await symlink(join(outside, 'secret'), join(folder, 'file'));
  for (const path of ['linked/secret', 'file']) {
    await expect(store.read(path)).rejects.toMatchObject({ code: 'OBJECT_PATH_INVALID' });
  }
  await expect(store.write('linked/new', 'x')).rejects.toMatchObject({ code: 'OBJECT_PATH_INVALID' });
  await expect(store.delete('linked/secret')).rejects.toMatchObject({ code: 'OBJECT_PATH_INVALID' });
  await expect(store.list('linked/')).rejects.toMatchObject({ code: 'OBJECT_PATH_INVALID' });
  expect(await store.list('')).toEqual([]);
  expect(await readdir(outside)).toEqual(['secret']);
});

it('a store whose folder does not exist yet is empty, and the first write creates it', async () => {
  const store = createDirectoryStore({
    folder: join(base, 'later', 'bucket'),
    linkBaseUrl: 'http://127.0.0.1:1',
    linkKey: new Secret(new Uint8Array(32)),
    clock: () => 0,
  });
  expect(await store.list('')).toEqual([]);
  await expect(store.read('a')).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
  await store.delete('a');
  await store.write('a', 'x');
  expect(await store.list('')).toHaveLength(1);
});

it('objectPath only lets through paths that stay below a folder, whatever the text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('.', '/', '\\', 'a', ' ', '\0', ':', 'é'), maxLength: 12 }),
      (text) => {
        let segments: readonly string[];
        try {
          segments = objectPath(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'OBJECT_PATH_INVALID' });
          return;
        }
        expect(join('/root', ...segments)).toBe(`/root/${text}`);
      },
    ),
  );
});
