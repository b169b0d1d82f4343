import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { toUtf8 } from '@holdfast/base';
import { blobPath, writeOciLayout } from '@holdfast/oci';
import { hashLayerFormats } from '@holdfast/policy/layers';

import type { LocalImage } from '../src/images/build-local-image.ts';

let built: Promise<LocalImage> | undefined;

/** The image `script:1`, whose command `/run SCRIPT` runs a piece of JavaScript. Made once per process. */
export function scriptImage(): Promise<LocalImage> {
  return (built ??= buildScriptImage());
}

/** The same image anew in a folder of its own, for tests that change it. */
export async function buildScriptImage(reference = 'script:1'): Promise<LocalImage> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-script-image-'));
  const config = { Entrypoint: ['/run'], Cmd: ['0'], Env: ['FROM_IMAGE=yes'], WorkingDir: '/' };
  const run = toUtf8('#!/usr/bin/env node\neval(process.argv[2]);\n');
  const written = await writeOciLayout({
    folder,
    reference,
    image: {
      config,
      layers: [
        [{ kind: 'file', path: '/etc/release', source: toUtf8('script\n') }],
        [{ kind: 'file', path: '/run', source: run, mode: 0o755 }],
      ],
    },
  });
  const layerFiles = written.layers.map(({ digest }) => join(folder, blobPath(digest)));
  const hashes = await Promise.all(
    layerFiles.map((file) => hashLayerFormats(createReadStream(file), ['ext4', 'tarfs'])),
  );
  const layers = written.layers.map(({ mediaType, digest, size, diffId }, index) => {
    const { ext4, tarfs } = hashes[index] ?? {};
    const rootHashes = { rootHashExt4: ext4?.rootHash ?? '', rootHashTarfs: tarfs?.rootHash ?? '' };
    return { mediaType, digest, size, diffId, ...rootHashes };
  });
  const platform = { os: 'linux', architecture: 'amd64' };
  return { facts: { reference, manifestDigest: written.manifestDigest, platform, config, layers }, layerFiles };
}

/** The same image with one byte of its program's layer changed. */
export async function tamperedScriptImage(): Promise<LocalImage> {
  const image = await buildScriptImage();
  const [, program = ''] = image.layerFiles;
  const bytes = await readFile(program);
  const at = bytes.indexOf('eval');
  if (at === -1) throw new Error('the layer does not hold the program as text');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(program, bytes);
  return image;
}

/** The same image with its layers in another order. */
export async function reorderedScriptImage(): Promise<LocalImage> {
  const image = await buildScriptImage();
  return { ...image, layerFiles: image.layerFiles.toReversed() };
}
