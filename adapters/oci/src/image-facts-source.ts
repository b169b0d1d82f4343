import { MalformedError } from '@holdfast/base';
import { parseImageReference } from '@holdfast/policy';
import type { ImageFacts, ImageFactsSource, ImageLayer, ImagePlatform } from '@holdfast/policy';

import { AccountScanner, effectiveAccounts } from './accounts.ts';
import type { LayerAccounts } from './accounts.ts';
import { decompress } from './decompress.ts';
import { diffIdHasher } from './diff-id-hasher.ts';
import { digestMismatch } from './digest.ts';
import { DrainableSource } from './drainable-source.ts';
import { DEFAULT_IMAGE_LIMITS, LINUX_AMD64 } from './image-source.ts';
import type { ImageSource, SourceImage, SourceLayer } from './image-source.ts';
import type { LayerFormat, LayerHasher, LayerRootHashes } from './layer-hasher.ts';
import { mapParallel } from './parallel.ts';

export interface ImageFactsOptions {
  /** Where the image with a reference is. */
  readonly sourceOf: (reference: string) => Promise<ImageSource> | ImageSource;
  readonly hasher: LayerHasher;
  /** Root hashes to compute; none for Kata policies of the upstream profile. */
  readonly formats: readonly LayerFormat[];
  /** Whether to read `/etc/passwd` and `/etc/group`, for Kata policies of the upstream profile. Reads every layer. */
  readonly accounts?: boolean;
  /** linux/amd64 when missing. */
  readonly platform?: ImagePlatform;
  /** Layers of one image that are read at once; 3 when missing. */
  readonly parallelLayers?: number;
  /** Most bytes that the tar of a layer may have; 128 GiB when missing. */
  readonly maxLayerBytes?: number;
  /** Called for each layer that is done. */
  readonly onLayer?: (progress: LayerProgress) => void;
}

export interface LayerProgress {
  readonly reference: string;
  readonly diffId: string;
  /** Whether its root hashes were known, so that nothing was read. */
  readonly cached: boolean;
}

const DEFAULT_PARALLEL_LAYERS = 3;
const DEFAULT_MAX_LAYER_BYTES = 128 * 1024 ** 3;

const NO_ACCOUNTS: LayerAccounts = { passwd: 'unchanged', group: 'unchanged' };

interface LayerFacts {
  readonly hashes: LayerRootHashes;
  readonly accounts: LayerAccounts;
}

/**
 * Facts of images from where they are: manifest and configuration, and each layer streamed once through decompression, digest
 * checks and hashing, several at a time, none of them whole in memory. Layers that an image has twice are read once, layers
 * whose hashes are cached not at all. The same reference is looked up once; a failure is forgotten.
 *
 * The returned function rejects with the errors of the source, and MalformedError LAYER_COMPRESSION_INVALID, LAYER_TOO_LARGE,
 * VerificationError IMAGE_DIGEST_MISMATCH, IMAGE_SIZE_MISMATCH.
 */
export function imageFactsSource(options: ImageFactsOptions): ImageFactsSource {
  const known = new Map<string, Promise<ImageFacts>>();
  return (reference) => {
    const found = known.get(reference);
    if (found !== undefined) return found;
    const pending = readImageFacts(reference, options);
    known.set(reference, pending);
    pending.catch(() => known.delete(reference));
    return pending;
  };
}

async function readImageFacts(text: string, options: ImageFactsOptions): Promise<ImageFacts> {
  const reference = parseImageReference(text);
  const source = await options.sourceOf(text);
  const image = await source.open(reference, options.platform ?? LINUX_AMD64);
  const distinct = [...new Map(image.layers.map((layer) => [layer.diffId, layer])).values()];
  const read = await mapParallel(distinct, options.parallelLayers ?? DEFAULT_PARALLEL_LAYERS, (layer, signal) =>
    readLayer(text, image, layer, options, signal),
  );
  const byDiffId = new Map(distinct.map((layer, position) => [layer.diffId, read[position]]));
  const layers = image.layers.map((layer) => factsOfLayer(layer, byDiffId.get(layer.diffId)?.hashes ?? {}));
  const accounts = image.layers.map((layer) => byDiffId.get(layer.diffId)?.accounts ?? NO_ACCOUNTS);
  return {
    reference: text,
    manifestDigest: image.manifestDigest,
    platform: image.config.platform,
    config: image.config.config,
    layers,
    ...(options.accounts === true ? effectiveAccounts(accounts) : {}),
  };
}

function factsOfLayer({ mediaType, digest, size, diffId }: SourceLayer, hashes: LayerRootHashes): ImageLayer {
  const { rootHashExt4, rootHashTarfs } = hashes;
  return {
    mediaType,
    digest,
    size,
    diffId,
    ...(rootHashExt4 === undefined ? {} : { rootHashExt4 }),
    ...(rootHashTarfs === undefined ? {} : { rootHashTarfs }),
  };
}

async function readLayer(
  reference: string,
  image: SourceImage,
  layer: SourceLayer,
  options: ImageFactsOptions,
  signal: AbortSignal,
): Promise<LayerFacts> {
  const { formats, accounts = false, onLayer } = options;
  const known = await options.hasher.lookup?.(layer.diffId, formats);
  const done = (cached: boolean) => onLayer?.({ reference, diffId: layer.diffId, cached });
  // Without formats there is nothing to hash, and what nobody reads need not be fetched.
  if (!accounts && (known !== undefined || formats.length === 0)) {
    done(true);
    return { hashes: known ?? {}, accounts: NO_ACCOUNTS };
  }
  const scanner = accounts ? new AccountScanner() : undefined;
  const hasher = known === undefined && formats.length > 0 ? options.hasher : diffIdHasher;
  const source = new DrainableSource(openTar(image, layer, options, signal));
  const hashes = await hashDraining(source, (chunks) =>
    hasher.hash(scanned(chunks, scanner), formats, { diffId: layer.diffId }),
  );
  if (hashes.diffId !== layer.diffId) throw digestMismatch('the tar of a layer', layer.diffId, hashes.diffId);
  done(false);
  return { hashes: known ?? hashes, accounts: scanner?.end() ?? NO_ACCOUNTS };
}

/**
 * Damaged bytes are often no layer either: when `hash` fails, the rest is read to learn whether the digest at the end holds,
 * because a wrong digest is the better explanation.
 */
async function hashDraining<T>(
  source: DrainableSource,
  hash: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  try {
    return await hash(source.chunks());
  } catch (error) {
    await source.drain();
    throw error;
  } finally {
    await source.close();
  }
}

/** The uncompressed tar of a layer. */
function openTar(
  image: SourceImage,
  layer: SourceLayer,
  { maxLayerBytes = DEFAULT_MAX_LAYER_BYTES }: ImageFactsOptions,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  if (layer.size > DEFAULT_IMAGE_LIMITS.layerBytes || layer.size > maxLayerBytes) {
    throw new MalformedError('LAYER_TOO_LARGE', `layer ${layer.digest} has ${layer.size} bytes`, {
      action: 'Raise the limit if the image really is that large.',
    });
  }
  return decompress(image.openLayer(layer, signal), { compression: layer.compression, maxBytes: maxLayerBytes });
}

async function* scanned(
  chunks: AsyncIterable<Uint8Array>,
  scanner: AccountScanner | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    scanner?.push(chunk);
    yield chunk;
  }
}
