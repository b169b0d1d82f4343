export { AccountScanner, effectiveAccounts } from './accounts.ts';
export type { AccountChange, LayerAccounts } from './accounts.ts';
export { decompress } from './decompress.ts';
export type { DecompressOptions } from './decompress.ts';
export { diffIdHasher } from './diff-id-hasher.ts';
export { sha256Digest, verifiedChunks, verifyContent } from './digest.ts';
export type { ExpectedContent } from './digest.ts';
export { errorCodes } from './error-codes.ts';
export { imageFactsSource } from './image-facts-source.ts';
export type { ImageFactsOptions, LayerProgress } from './image-facts-source.ts';
export { DEFAULT_IMAGE_LIMITS, LINUX_AMD64 } from './image-source.ts';
export type { ImageLimits, ImageSource, SourceImage, SourceLayer } from './image-source.ts';
export { combinedSources } from './image-sources.ts';
export type { ImageSources } from './image-sources.ts';
export type { LayerFormat, LayerHash, LayerHasher, LayerRootHashes } from './layer-hasher.ts';
export { createBlockHashingPool, createLayerHashCache, createLayerHasher } from './layer-hashing/index.ts';
export type {
  BlockHashingPool,
  BlockHashingPoolOptions,
  LayerHashCache,
  LayerHasherOptions,
} from './layer-hashing/index.ts';
export { openLayout } from './layouts/layout-source.ts';
export { blobPath } from './layouts/oci-layout.ts';
export { findTarball, parseTarballMap } from './layouts/tarball-map.ts';
export type { TarballMap } from './layouts/tarball-map.ts';
export type { CredentialHelperOptions } from './registry/credential-helper.ts';
export type { CredentialSource, RegistryCredential } from './registry/credentials.ts';
export { dockerCredentials } from './registry/docker-config.ts';
export type { DockerConfigOptions } from './registry/docker-config.ts';
export type { DownloadPace } from './registry/blob-download.ts';
export type { PlainHttpPolicy } from './registry/plain-http.ts';
export { pushBlob, pushImage, pushManifest } from './registry/push.ts';
export { RegistryClient } from './registry/registry-client.ts';
export type { FetchedManifest, RegistryClientOptions } from './registry/registry-client.ts';
export { registrySource } from './registry/registry-source.ts';
export type { RegistrySourceOptions } from './registry/registry-source.ts';
export type { RetryPolicy } from './registry/retry.ts';
export { copyToOciLayout, writeOciLayout } from './writer/oci-layout-writer.ts';
export type { NewImage, WriteOciLayoutOptions, WrittenImage } from './writer/oci-layout-writer.ts';
export { writeTar } from './writer/tar-writer.ts';
export type { LayerEntry } from './writer/tar-writer.ts';
