import { loadVectors } from '@holdfast/base/testing';

import type { ImageConfig, ImageFacts, ImageFactsSource } from '../../src/images/image-facts.ts';

/** Facts of an image with the given root hashes. */
export function imageFacts(reference: string, config: ImageConfig, rootHashes: readonly string[]): ImageFacts {
  return {
    reference,
    config,
    manifestDigest: `sha256:${'0'.repeat(64)}`,
    platform: { os: 'linux', architecture: 'amd64' },
    layers: rootHashes.map((rootHashExt4, index) => ({
      rootHashExt4,
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: `sha256:${String(index).padStart(64, '0')}`,
      size: 1,
      diffId: `sha256:${String(index).padStart(64, '0')}`,
    })),
  };
}

/** A source that knows the given images. */
export function knownImages(images: readonly ImageFacts[]): ImageFactsSource {
  return (reference) => {
    const found = images.find((image) => image.reference === reference);
    return found === undefined ? Promise.reject(new Error(`unexpected image ${reference}`)) : Promise.resolve(found);
  };
}

/** The images of the recorded cases. */
export function sampleImages(): ImageFactsSource {
  const recorded = loadVectors('policy/cce/images.json') as Record<string, { config: ImageConfig; layers: string[] }>;
  return knownImages(
    Object.entries(recorded).map(([reference, { config, layers }]) => imageFacts(reference, config, layers)),
  );
}

/** A plain image: one layer, a command, a PATH. */
export function plainImages(config: ImageConfig = { Cmd: ['/app'], Env: ['PATH=/bin'] }): ImageFactsSource {
  return (reference) => Promise.resolve(imageFacts(reference, config, ['ab'.repeat(32)]));
}
