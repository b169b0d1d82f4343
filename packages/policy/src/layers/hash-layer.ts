import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

import type { WriteBlock } from './block-stream.ts';
import { Ext4Image } from './ext4/ext4-image.ts';
import { TarToExt4 } from './ext4/from-tar.ts';
import { TarReader } from './tar-reader.ts';
import type { TarHandler } from './tar-reader.ts';
import { TarfsImage } from './tarfs/tarfs-image.ts';
import { TarfsTree } from './tarfs/tarfs-tree.ts';
import { hashBlocksHere } from './verity.ts';
import type { HashBlocks } from './verity.ts';

/** `ext4`: layers in CCE policies. `tarfs`: layers in Kata policies of the AKS profile. */
export type LayerFormat = 'ext4' | 'tarfs';

/**
 * Changes whenever the same layer could get another hash: part of every cache key. It names the rules that are followed, the
 * converter with a 128 GiB limit and the index of the AKS Kata fork.
 */
export const LAYER_HASHER_VERSION = 'ext4-128g.tarfs-1';

export interface LayerImageHash {
  /** Root of the dm-verity tree, 64 lowercase hex characters. */
  readonly rootHash: string;
  /** Size of the file system image, without the tree. */
  readonly imageBytes: number;
}

export interface LayerHashes {
  /** `sha256:` and 64 lowercase hex characters over the bytes that were given. */
  readonly diffId: string;
  readonly tarBytes: number;
  /** Only the formats that were asked for. */
  readonly ext4?: LayerImageHash;
  readonly tarfs?: LayerImageHash;
}

export interface HashLayerOptions {
  /** Does the hashing, for instance in other threads; in this thread by default. */
  readonly hashBlocks?: HashBlocks;
  /** Files and directories that a layer may have; 1,048,576 by default. Each takes about half a KiB of memory. */
  readonly maximumEntries?: number;
  /** Ends the work with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Receives every block of the image, late ones (the first, and rewritten attributes) again at the end. */
  readonly writeBlock?: Partial<Readonly<Record<LayerFormat, WriteBlock>>>;
}

const MAXIMUM_ENTRIES = 1_048_576;
/** Pieces of a chunk between which the hashing may catch up. */
const PIECE = 1024 * 1024;

/**
 * Hashes one image layer in one pass and in memory that does not grow with its content: 32 bytes per 4 KiB block and about half
 * a KiB per file. `chunks` is the uncompressed tar, cut anywhere. The same bytes give the same hash everywhere.
 * @throws MalformedError LAYER_TAR_MALFORMED, LAYER_TAR_TRUNCATED, LAYER_LIMIT_EXCEEDED, LAYER_NAME_INVALID,
 *   LAYER_ENTRY_CONFLICT (only `ext4`: the platform refuses the layer too)
 */
export async function hashLayer(
  chunks: AsyncIterable<Uint8Array>,
  format: LayerFormat,
  options: HashLayerOptions = {},
): Promise<LayerImageHash & Pick<LayerHashes, 'diffId' | 'tarBytes'>> {
  const { diffId, tarBytes, ext4, tarfs } = await hashLayerFormats(chunks, [format], options);
  const image = ext4 ?? tarfs;
  if (image === undefined) throw new TypeError(`unknown layer format ${format}`);
  return { ...image, diffId, tarBytes };
}

/** As `hashLayer`, for several formats in the same pass. */
export async function hashLayerFormats(
  chunks: AsyncIterable<Uint8Array>,
  formats: readonly LayerFormat[],
  options: HashLayerOptions = {},
): Promise<LayerHashes> {
  const { hashBlocks = hashBlocksHere, maximumEntries = MAXIMUM_ENTRIES, signal, writeBlock = {} } = options;
  const ext4 = formats.includes('ext4') ? new Ext4Image(hashBlocks, maximumEntries, writeBlock.ext4) : undefined;
  const tree = formats.includes('tarfs') ? new TarfsTree(maximumEntries) : undefined;
  const tarfs = tree === undefined ? undefined : new TarfsImage(tree, hashBlocks, writeBlock.tarfs);
  const handlers: TarHandler[] = [];
  if (ext4 !== undefined) handlers.push(new TarToExt4(ext4));
  if (tree !== undefined) handlers.push(tree);
  const reader = new TarReader(both(handlers));
  const digest = createHash('sha256');
  let tarBytes = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE) {
      signal?.throwIfAborted();
      const piece = chunk.subarray(at, at + PIECE);
      digest.update(piece);
      tarfs?.write(piece);
      reader.push(piece);
      tarBytes += piece.length;
      if (ext4?.isFull === true) await ext4.drain();
      if (tarfs?.isFull === true) await tarfs.drain();
    }
  }
  reader.finish();
  const result = { diffId: `sha256:${digest.digest('hex')}`, tarBytes };
  return {
    ...result,
    ...(ext4 === undefined ? {} : { ext4: await finished(ext4, signal) }),
    ...(tarfs === undefined ? {} : { tarfs: await finished(tarfs, signal) }),
  };
}

async function finished(image: Ext4Image | TarfsImage, signal: AbortSignal | undefined): Promise<LayerImageHash> {
  signal?.throwIfAborted();
  const { rootHash, imageBytes } = await image.finish();
  return { rootHash: Buffer.from(rootHash).toString('hex'), imageBytes };
}

function both(handlers: readonly TarHandler[]): TarHandler {
  const [only] = handlers;
  if (only !== undefined && handlers.length === 1) return only;
  return {
    entry: (entry) => handlers.forEach((handler) => handler.entry(entry)),
    content: (bytes) => handlers.forEach((handler) => handler.content(bytes)),
    hole: (length) => handlers.forEach((handler) => handler.hole(length)),
  };
}
