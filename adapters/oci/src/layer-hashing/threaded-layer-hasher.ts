import { hashLayerFormats } from '@holdfast/policy/layers';
import type { HashBlocks } from '@holdfast/policy/layers';

import { digestMismatch } from '../digest.ts';
import type { LayerFormat, LayerHasher, LayerRootHashes } from '../layer-hasher.ts';
import type { LayerHashCache } from './layer-hash-cache.ts';

export interface LayerHasherOptions {
  /** Of a block hashing pool; everything happens in this thread when missing. */
  readonly hashBlocks?: HashBlocks;
  readonly cache?: LayerHashCache;
  /** Ends what is under way, and what is asked for later, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * A layer hasher over the ext4 and tarfs images that policies name. Layers that were hashed before come from the cache; what
 * is hashed now goes into it once the bytes are known to be the promised ones.
 */
export function createLayerHasher(options: LayerHasherOptions = {}): LayerHasher {
  const { hashBlocks, cache, signal } = options;
  return {
    async hash(chunks, formats, { diffId: promised }) {
      const hashes = await hashLayerFormats(chunks, formats, {
        ...(hashBlocks === undefined ? {} : { hashBlocks }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (hashes.diffId !== promised) throw digestMismatch('the tar of a layer', promised, hashes.diffId);
      const roots = rootHashes(hashes.ext4?.rootHash, hashes.tarfs?.rootHash);
      if (cache !== undefined)
        for (const format of formats) await cache.put(promised, format, rootOf(roots, format) ?? '');
      return { diffId: hashes.diffId, ...roots };
    },
    async lookup(diffId, formats) {
      if (cache === undefined) return undefined;
      const known = await Promise.all(
        formats.map(async (format) => [format, await cache.get(diffId, format)] as const),
      );
      if (known.some(([, rootHash]) => rootHash === undefined)) return undefined;
      const found = new Map(known);
      return rootHashes(found.get('ext4'), found.get('tarfs'));
    },
  };
}

function rootHashes(ext4: string | undefined, tarfs: string | undefined): LayerRootHashes {
  return {
    ...(ext4 === undefined ? {} : { rootHashExt4: ext4 }),
    ...(tarfs === undefined ? {} : { rootHashTarfs: tarfs }),
  };
}

function rootOf(roots: LayerRootHashes, format: LayerFormat): string | undefined {
  return format === 'ext4' ? roots.rootHashExt4 : roots.rootHashTarfs;
}
