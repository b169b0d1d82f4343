import type { Clock } from '@holdfast/base';

import type { LocalImage } from '../images/build-local-image.ts';
import type { ImageFolders } from '../images/image-folders.ts';
import { pruneImages } from '../images/prune-images.ts';
import { touchImages } from '../images/unpacked-image.ts';

export interface KeepImagesOptions {
  readonly folders: ImageFolders;
  /** The images that this cloud uses now. */
  readonly images: () => readonly LocalImage[];
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

const HOUR_MS = 3_600_000;

/**
 * Marks the images that a cloud uses, every hour from now on, and removes what nobody has used for a day.
 * @returns What ends it.
 */
export function keepImages({ folders, images, clock, onError }: KeepImagesOptions): () => Promise<void> {
  const work = async (prunes: boolean): Promise<void> => {
    await touchImages(images(), folders.unpacked, clock());
    if (prunes) await pruneImages(folders, clock());
  };
  let working = work(true).catch(onError);
  const timer = setInterval(() => {
    working = working.then(async () => work(false)).catch(onError);
  }, HOUR_MS).unref();
  return async () => {
    clearInterval(timer);
    await working;
  };
}
