import { existsSync } from 'node:fs';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';

import { toUtf8 } from '@holdfast/base';
import { expect, it } from 'vitest';

import { buildLocalImage } from '../../src/images/build-local-image.ts';
import type { LocalImage } from '../../src/images/build-local-image.ts';
import { REPOSITORY } from '../../src/images/image-folders.ts';
import { pruneImages } from '../../src/images/prune-images.ts';
import { measureImage } from '../../src/virtual-node/mounted-image.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

it('measureImage keeps what it has measured from being pruned, however old it is', async () => {
  await using folder = await temporaryFolder();
  const folders = { layout: join(folder.path, 'layout'), unpacked: join(folder.path, 'unpacked') };
  const build = async (text: string): Promise<LocalImage> =>
    buildLocalImage(folders.layout, REPOSITORY, {
      reference: 'app:1',
      config: {},
      formats: ['ext4', 'tarfs'],
      files: [{ kind: 'file', path: '/app', source: toUtf8(text) }],
    });
  const image = await build('one');
  const { root } = await measureImage(image, 'ext4', folders.unpacked);
  // A newer version of the sources: the layout does not lead to the first any more.
  await build('two');
  for (const path of [root, ...image.layerFiles]) await utimes(path, 1, 1);
  await measureImage(image, 'ext4', folders.unpacked);
  await pruneImages(folders, Date.now());
  expect([root, ...image.layerFiles].map((path) => existsSync(path))).not.toContain(false);
  // Without that it is gone.
  for (const path of [root, ...image.layerFiles]) await utimes(path, 1, 1);
  await pruneImages(folders, Date.now());
  expect(existsSync(root)).toBe(false);
});
