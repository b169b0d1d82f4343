import { buildLocalImages } from './build-local-image.ts';
import type { LocalImage, LocalImageDefinition } from './build-local-image.ts';
import type { ImageFolders } from './image-folders.ts';

/** Images that are built when the first pod names one of them: most local clouds never need them. */
export function imagesOnDemand(
  folders: ImageFolders,
  definitions: readonly LocalImageDefinition[],
): (named: readonly string[]) => Promise<readonly LocalImage[]> {
  let built: Promise<readonly LocalImage[]> | undefined;
  return async (named) => {
    if (!definitions.some(({ reference }) => named.includes(reference))) return [];
    built ??= buildLocalImages(folders, definitions).catch((error: unknown) => {
      built = undefined; // the next attempt of the pod tries again
      throw error;
    });
    return built;
  };
}
