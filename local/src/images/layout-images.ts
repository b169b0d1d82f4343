import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { blobPath, createLayerHasher, imageFactsSource, openLayout } from '@holdfast/oci';
import { z } from 'zod';

import type { LocalImage } from './build-local-image.ts';

const REFERENCE = 'org.opencontainers.image.ref.name';
const UNCOMPRESSED = 'application/vnd.oci.image.layer.v1.tar';

const indexSchema = z.object({
  manifests: z.array(z.object({ digest: z.string(), annotations: z.record(z.string(), z.string()).default({}) })),
});

/**
 * The images that somebody has put into an OCI image layout, such as `holdfast release build --layout` makes it. Measured once for each
 * digest. Images with compressed layers are left out: the virtual node mounts layers as they lie there.
 */
export function createLayoutImages(folder: string): () => Promise<readonly LocalImage[]> {
  const known = new Map<string, LocalImage | undefined>();
  return async () => {
    const images: LocalImage[] = [];
    for (const { reference, digest } of await listImages(folder)) {
      const key = `${reference} ${digest}`;
      if (!known.has(key)) known.set(key, await readImage(folder, reference));
      const image = known.get(key);
      if (image !== undefined) images.push(image);
    }
    return images;
  };
}

async function listImages(folder: string): Promise<readonly { readonly reference: string; readonly digest: string }[]> {
  let text: string;
  try {
    text = await readFile(join(folder, 'index.json'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return indexSchema.parse(JSON.parse(text)).manifests.flatMap(({ digest, annotations }) => {
    const reference = annotations[REFERENCE] ?? annotations['io.containerd.image.name'];
    return reference === undefined ? [] : [{ reference, digest }];
  });
}

async function readImage(folder: string, reference: string): Promise<LocalImage | undefined> {
  const source = await openLayout(folder);
  try {
    const facts = await imageFactsSource({
      sourceOf: () => source,
      hasher: createLayerHasher({}),
      formats: ['ext4'],
    })(reference);
    if (facts.layers.some(({ mediaType }) => mediaType !== UNCOMPRESSED)) return undefined;
    return { facts, layerFiles: facts.layers.map(({ digest }) => join(folder, blobPath(digest))) };
  } finally {
    await source.close();
  }
}
