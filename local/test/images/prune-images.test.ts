import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { toUtf8 } from '@holdfast/base';
import { beforeEach, describe, expect, it } from 'vitest';

import { buildLocalImage } from '../../src/images/build-local-image.ts';
import type { LocalImage } from '../../src/images/build-local-image.ts';
import { REPOSITORY } from '../../src/images/image-folders.ts';
import type { ImageFolders } from '../../src/images/image-folders.ts';
import { pruneImages } from '../../src/images/prune-images.ts';
import { touchImages } from '../../src/images/unpacked-image.ts';
import { measureImage } from '../../src/virtual-node/mounted-image.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const HOUR_MS = 3_600_000;
const LATER = Date.now() + 25 * HOUR_MS;

describe('pruneImages', () => {
  let folders: ImageFolders;
  beforeEach(async () => {
    const folder = await temporaryFolder();
    folders = { layout: join(folder.path, 'layout'), unpacked: join(folder.path, 'unpacked') };
    return async () => folder[Symbol.asyncDispose]();
  });

  /** Another version of the same image, unpacked. */
  const make = async (text: string): Promise<{ readonly image: LocalImage; readonly root: string }> => {
    const image = await buildLocalImage(folders.layout, REPOSITORY, {
      reference: 'app:1',
      config: {},
      formats: ['ext4', 'tarfs'],
      files: [{ kind: 'file', path: '/app', source: toUtf8(text) }],
    });
    const { root } = await measureImage(image, 'ext4', folders.unpacked);
    return { image, root };
  };

  it('removes what an earlier version of the sources left, once nobody has used it for a day', async () => {
    const [old, young] = [await make('one'), await make('two')];
    expect(await pruneImages(folders, Date.now())).toEqual([]);
    expect(await pruneImages(folders, LATER)).not.toEqual([]);
    expect(existsSync(old.root)).toBe(false);
    expect(existsSync(young.root)).toBe(true);
    expect(old.image.layerFiles.map((file) => existsSync(file))).toEqual([false]);
    expect(young.image.layerFiles.every((file) => existsSync(file))).toBe(true);
    expect(await pruneImages(folders, LATER)).toEqual([]);
    expect((await make('two')).image.facts).toEqual(young.image.facts);
    await make('one');
    expect(existsSync(old.root)).toBe(true);
  });

  it('leaves what somebody has touched since, although no image of the layout has it any more', async () => {
    const [old] = [await make('one'), await make('two')];
    await touchImages([old.image], folders.unpacked, LATER - HOUR_MS);
    await pruneImages(folders, LATER);
    expect(existsSync(old.root)).toBe(true);
    expect(old.image.layerFiles.every((file) => existsSync(file))).toBe(true);
  });

  it('removes scratch folders of processes that ended, and nothing that it does not know', async () => {
    await mkdir(join(folders.unpacked, '.0123456789ab.tmp'), { recursive: true });
    await mkdir(join(folders.unpacked, 'mine'));
    for (const name of ['.0123456789ab.tmp', 'mine']) await utimes(join(folders.unpacked, name), 1, 1);
    await pruneImages(folders, Date.now());
    expect(await readdir(folders.unpacked)).toEqual(['mine']);
  });

  it('leaves all blobs alone when the index of the layout cannot be read', async () => {
    const { image } = await make('one');
    await make('two');
    await writeFile(join(folders.layout, 'index.json'), '{');
    await pruneImages(folders, LATER);
    expect(image.layerFiles.every((file) => existsSync(file))).toBe(true);
    await rm(folders.layout, { recursive: true });
    await pruneImages(folders, LATER);
  });
});
