import { RequestError } from '@holdfast/base';

import { DEFAULT_IMAGE_LIMITS } from '../image-source.ts';
import type { ImageLimits, ImageSource } from '../image-source.ts';
import { openDockerArchiveImage, openLegacyArchiveImage } from './docker-archive.ts';
import { layoutMalformed, openFileTree } from './file-tree.ts';
import { openOciLayoutImage } from './oci-layout.ts';

/**
 * Images of a folder or an uncompressed tar archive: an OCI image layout, what `docker save` writes today, or what it wrote
 * before Docker 1.10, recognised by the files inside. Close the source when done.
 * @throws RequestError LAYOUT_NOT_FOUND
 * @throws MalformedError LAYOUT_MALFORMED
 */
export async function openLayout(path: string, limits: ImageLimits = DEFAULT_IMAGE_LIMITS): Promise<ImageSource> {
  const tree = await openFileTree(path);
  const isDocker = (await tree.size('manifest.json')) !== undefined;
  const isOci = (await tree.size('oci-layout')) !== undefined && (await tree.size('index.json')) !== undefined;
  const isLegacy = (await tree.size('repositories')) !== undefined;
  if (!isDocker && !isOci && !isLegacy) {
    await tree.close();
    throw layoutMalformed(path, 'it is neither an OCI image layout nor an archive of docker save');
  }
  return {
    open: async (reference, platform) => {
      if (isOci) {
        try {
          return await openOciLayoutImage(tree, reference, platform, limits);
        } catch (error) {
          // An archive may be both; only the part for Docker has the names that older versions wrote.
          if (!isDocker || !(error instanceof RequestError)) throw error;
        }
      }
      return isDocker
        ? openDockerArchiveImage(tree, reference, platform, limits)
        : openLegacyArchiveImage(tree, reference, platform, limits);
    },
    close: () => tree.close(),
  };
}
