import { DEFAULT_IMAGE_LIMITS, assembleImage } from '../image-source.ts';
import type { ImageLimits, ImageSource } from '../image-source.ts';
import { resolveManifest } from '../resolve-manifest.ts';
import { RegistryClient } from './registry-client.ts';
import type { RegistryClientOptions } from './registry-client.ts';

export interface RegistrySourceOptions extends RegistryClientOptions {
  readonly limits?: ImageLimits;
}

/** Images of registries, any that the references name. Opening one fetches its manifest and configuration. */
export function registrySource({ limits = DEFAULT_IMAGE_LIMITS, ...options }: RegistrySourceOptions = {}): ImageSource {
  const client = new RegistryClient(options);
  return {
    open: async (reference, platform) => {
      const wanted = reference.digest ?? reference.tag ?? 'latest';
      const start = await client.fetchManifest(reference, wanted, limits.manifestBytes);
      const resolved = await resolveManifest(start, platform, async ({ digest, mediaType }) => {
        const { bytes } = await client.fetchManifest(reference, digest, limits.manifestBytes);
        return { bytes, mediaType };
      });
      const configBytes = await client.fetchBlob(reference, resolved.manifest.config, limits.configBytes);
      return assembleImage(
        { ...resolved, configBytes, openLayer: (layer, signal) => client.streamBlob(reference, layer, signal) },
        platform,
      );
    },
    close: () => client.close(),
  };
}
