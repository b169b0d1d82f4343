import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readVolume, writeVolume } from '../../src/driver/atomic-writer.ts';
import type { MountedFile } from '../../src/provider/provider.ts';

const clock = () => 1_700_000_000_000;
const file = (path: string, text: string, mode = 0o644): MountedFile => ({ path, mode, contents: Buffer.from(text) });

describe('writeVolume', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-volume-'));
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  it('writes files behind one link, with a link for each name at the top and the modes that were asked for', async () => {
    await expect(writeVolume(folder, [file('a', '1', 0o600), file('d/b', '2')], clock)).resolves.toBe(true);
    expect((await readdir(folder)).filter((name) => !name.startsWith('..')).sort()).toEqual(['a', 'd']);
    await expect(readlink(join(folder, 'a'))).resolves.toBe('..data/a');
    await expect(readlink(join(folder, '..data'))).resolves.toMatch(/^\.\.2023_11_14_22_13_20\.[0-9a-f]{10}$/);
    await expect(readFile(join(folder, 'd/b'), 'utf8')).resolves.toBe('2');
    expect((await stat(join(folder, 'a'))).mode & 0o7777).toBe(0o600);
  });

  it('writes nothing when all contents are as they were, also when only a mode changed', async () => {
    await writeVolume(folder, [file('a', '1')], clock);
    const link = await readlink(join(folder, '..data'));
    await expect(writeVolume(folder, [file('a', '1', 0o600)], clock)).resolves.toBe(false);
    await expect(readlink(join(folder, '..data'))).resolves.toBe(link);
  });

  it('takes files away that are gone, and leaves one folder behind the link', async () => {
    await writeVolume(folder, [file('a', '1'), file('b', '2')], clock);
    await expect(writeVolume(folder, [file('b', '2')], clock)).resolves.toBe(true);
    expect((await readdir(folder)).filter((name) => !name.startsWith('..'))).toEqual(['b']);
    expect((await readdir(folder)).filter((name) => name.startsWith('..'))).toHaveLength(2);
  });

  it('never shows a reader files of two moments, nor a missing one', async () => {
    await writeVolume(folder, [file('a', '0'), file('b', '0')], clock);
    const seen = new Set<string>();
    const state = { writing: true };
    const reader = (async () => {
      while (state.writing) {
        // As a program does that wants both: it resolves the link once.
        const files = await readVolume(folder).catch((error: unknown) => error);
        if (files instanceof Map) seen.add(['a', 'b'].map((name) => String(files.get(name))).join());
      }
    })();
    for (let version = 1; version <= 40; version++) {
      await writeVolume(folder, [file('a', String(version)), file('b', String(version))], clock);
      await readFile(join(folder, 'a'), 'utf8');
    }
    state.writing = false;
    await reader;
    for (const pair of seen) {
      const [a, b] = pair.split(',');
      expect(a).toBe(b);
    }
  });

  it('refuses the whole payload for one bad path, before anything is written', async () => {
    for (const path of ['../x', 'a/../../x', '/x', '', '..data', 'a//b', './a', 'a/', 'x'.repeat(256), 'a\0b']) {
      await expect(writeVolume(folder, [file('good', '1'), file(path, 'x')], clock)).rejects.toMatchObject({
        code: 'MOUNT_PATH_INVALID',
      });
    }
    await expect(readdir(folder)).resolves.toEqual([]);
  });

  it('refuses a file that would have to be a folder as well', async () => {
    await expect(writeVolume(folder, [file('a', '1'), file('a/b', '2')], clock)).rejects.toMatchObject({
      code: 'MOUNT_PATH_INVALID',
    });
  });

  it('cleans up what a process left behind that ended in the middle', async () => {
    await mkdir(join(folder, '..2020_01_01_00_00_00.aaaaaaaaaa'));
    await symlink('nowhere', join(folder, '..data_tmp'));
    await writeVolume(folder, [file('a', '1')], clock);
    expect((await readdir(folder)).filter((name) => name.startsWith('..')).sort()).toHaveLength(2);
  });

  it('writes nothing outside the volume, whatever the paths say', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.constantFrom('..', '.', '', 'a', '..data', '...'), fc.string({ maxLength: 8 }))),
        async (parts) => {
          const inner = join(folder, 'inner');
          await mkdir(inner, { recursive: true });
          const wrote = await writeVolume(inner, [file(parts.join('/'), 'x')], clock).catch((error: unknown) => error);
          if (wrote instanceof Error) expect(wrote).toMatchObject({ code: 'MOUNT_PATH_INVALID' });
          expect(await readdir(folder)).toEqual(['inner']);
          await rm(inner, { recursive: true });
        },
      ),
      { numRuns: 60 },
    );
  });
});
