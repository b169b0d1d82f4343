export type { WriteBlock } from './block-stream.ts';
export { layersErrorCodes } from './error-codes.ts';
export { hashLayer, hashLayerFormats, LAYER_HASHER_VERSION } from './hash-layer.ts';
export type { HashLayerOptions, LayerFormat, LayerHashes, LayerImageHash } from './hash-layer.ts';
export { TarReader } from './tar-reader.ts';
export type { TarEntry, TarHandler } from './tar-reader.ts';
export { DIGEST, hashBlocksHere, SALTED_BLOCK } from './verity.ts';
export type { HashBlocks } from './verity.ts';
