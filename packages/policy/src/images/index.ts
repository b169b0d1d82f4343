export { imageConfigSchema, parseImageConfig } from './image-config.ts';
export type { ImageConfigDocument } from './image-config.ts';
export type { ImageConfig, ImageFacts, ImageFactsSource, ImageLayer, ImagePlatform } from './image-facts.ts';
export {
  chooseManifest,
  DOCKER_CONFIG,
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  layerCompression,
  MANIFEST_MEDIA_TYPES,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
  parseManifest,
  platformText,
  platformUnavailable,
} from './image-manifest.ts';
export type { Descriptor, ImageIndex, ImageManifest, IndexEntry } from './image-manifest.ts';
export { isSha256Digest, parseImageReference } from './image-reference.ts';
export type { ImageReference, ImageReferenceWarning } from './image-reference.ts';
export { parseLayerHasherOutput } from './layer-hasher-output.ts';
export { formatImageFacts, parseImageFacts, recordedImageFacts } from './recorded-image-facts.ts';
export { imagesErrorCodes } from './error-codes.ts';
