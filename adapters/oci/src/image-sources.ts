import type { ImageSource } from './image-source.ts';
import { openLayout } from './layouts/layout-source.ts';
import { findTarball } from './layouts/tarball-map.ts';
import type { TarballMap } from './layouts/tarball-map.ts';

/** Every place that images may come from. */
export interface ImageSources {
  /** The source for a reference; pass it to `imageFactsSource`. */
  readonly sourceOf: (reference: string) => Promise<ImageSource>;
  readonly close: () => Promise<void>;
}

/**
 * Images of archives where the map names one, and of `fallback` otherwise, which is most often `registrySource()`. Archives are
 * opened when first needed; `close` closes them and the fallback.
 */
export function combinedSources(tarballs: TarballMap, fallback: ImageSource): ImageSources {
  const opened = new Map<string, Promise<ImageSource>>();
  return {
    sourceOf: (reference) => {
      const path = findTarball(tarballs, reference);
      if (path === undefined) return Promise.resolve(fallback);
      const found = opened.get(path) ?? openLayout(path);
      opened.set(path, found);
      return found;
    },
    close: async () => {
      for (const source of await Promise.allSettled(opened.values())) {
        if (source.status === 'fulfilled') await source.value.close();
      }
      await fallback.close();
    },
  };
}
