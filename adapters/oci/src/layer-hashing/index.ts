export { createBlockHashingPool } from './block-hashing-pool.ts';
export type { BlockHashingPool, BlockHashingPoolOptions } from './block-hashing-pool.ts';
export { layerHashingErrorCodes } from './error-codes.ts';
export { createLayerHashCache } from './layer-hash-cache.ts';
export type { LayerHashCache } from './layer-hash-cache.ts';
export { createLayerHasher } from './threaded-layer-hasher.ts';
export type { LayerHasherOptions } from './threaded-layer-hasher.ts';
