import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

import { errorMessage, MalformedError } from '@holdfast/base';
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, parseManifest } from '@holdfast/policy';
import type { Descriptor, ImageConfig, ImagePlatform, IndexEntry } from '@holdfast/policy';
import { writeFileAtomic } from '@holdfast/process';

import { sha256Digest } from '../digest.ts';
import { LINUX_AMD64 } from '../image-source.ts';
import type { SourceImage, SourceLayer } from '../image-source.ts';
import { blobPath, REF_NAME } from '../layouts/oci-layout.ts';
import { writeTar } from './tar-writer.ts';
import type { LayerEntry } from './tar-writer.ts';

export interface NewImage {
  /** The image that the new layers lie on: its layers are taken over as they are, its settings are not. */
  readonly base?: SourceImage;
  readonly config: ImageConfig;
  readonly labels?: Readonly<Record<string, string>>;
  /** Base layer first; each a list of what it holds. */
  readonly layers: readonly (readonly LayerEntry[])[];
  /** linux/amd64 when missing. */
  readonly platform?: ImagePlatform;
  /** Seconds since the Unix epoch for everything in the image; 0 when missing. Part of the digest. */
  readonly createdAtSeconds?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface WriteOciLayoutOptions {
  /** Is created, or has to be an OCI image layout: an image of the same name is replaced, others stay. */
  readonly folder: string;
  readonly image: NewImage;
  /** Name of the image in `index.json`; none when missing. */
  readonly reference?: string;
  /** `none` when missing: then the digests do not depend on the compression library. */
  readonly compression?: 'none' | 'gzip';
}

export interface WrittenImage {
  readonly manifestDigest: string;
  readonly configDigest: string;
  readonly layers: readonly SourceLayer[];
}

const CREATED_BY = 'holdfast';

/**
 * Writes an image made of local files as an OCI image layout, streaming, without a container engine. The same input gives the
 * same digests, on any day and in any order of entries. Blobs first and `index.json` last, each by rename.
 * @throws RequestError LAYOUT_SOURCE_INVALID, MalformedError LAYOUT_MALFORMED when `folder` holds a damaged layout
 * @see OCI Image Specification 1.1, "Image Layout"
 */
export async function writeOciLayout(options: WriteOciLayoutOptions): Promise<WrittenImage> {
  const { folder, image } = options;
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  const time = image.createdAtSeconds ?? 0;
  const layers: SourceLayer[] = [];
  const { base } = image;
  if (base !== undefined) {
    for (const layer of base.layers) {
      await copyLayer(folder, base, layer);
      layers.push({ ...layer, mediaType: layerTypes[layer.compression] });
    }
  }
  for (const entries of image.layers)
    layers.push(await writeLayer(folder, entries, time, options.compression ?? 'none'));
  const configDigest = await writeJsonBlob(folder, configDocument(image, layers, time));
  const manifestBytes = jsonBytes({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: configDigest,
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    ...(image.annotations === undefined ? {} : { annotations: sorted(image.annotations) }),
  });
  const manifest = await writeBlob(folder, manifestBytes, OCI_MANIFEST);
  const entry = { ...manifest, platform: image.platform ?? LINUX_AMD64 };
  await addToIndex(folder, entry, options.reference);
  return { manifestDigest: manifest.digest, configDigest: configDigest.digest, layers };
}

/**
 * Copies an image into an OCI image layout exactly as it is: manifest, configuration and layers keep their digests.
 * @throws VerificationError IMAGE_DIGEST_MISMATCH and whatever the image's source throws
 */
export async function copyToOciLayout(folder: string, image: SourceImage, reference?: string): Promise<void> {
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  for (const layer of image.layers) await copyLayer(folder, image, layer);
  await writeBlob(folder, image.configBytes, image.manifest.config.mediaType);
  const manifest = await writeBlob(folder, image.manifestBytes, image.manifest.mediaType);
  await addToIndex(folder, { ...manifest, platform: image.config.platform }, reference);
}

/** Docker's own names for the same bytes do not belong into an OCI manifest. */
const layerTypes = { none: OCI_LAYER, gzip: `${OCI_LAYER}+gzip`, zstd: `${OCI_LAYER}+zstd` } as const;

async function copyLayer(folder: string, image: SourceImage, layer: SourceLayer): Promise<void> {
  await storeBlob(folder, async (write) => {
    for await (const chunk of image.openLayer(layer)) await write(chunk);
    return layer.digest;
  });
}

async function writeLayer(
  folder: string,
  entries: readonly LayerEntry[],
  time: number,
  compression: 'none' | 'gzip',
): Promise<SourceLayer> {
  const tarHash = createHash('sha256');
  const blobHash = createHash('sha256');
  let size = 0;
  const tar = hashed(writeTar(entries, time), (chunk) => tarHash.update(chunk));
  const digest = await storeBlob(folder, async (write) => {
    for await (const chunk of compression === 'gzip' ? gzip(tar) : tar) {
      blobHash.update(chunk);
      size += chunk.length;
      await write(chunk);
    }
    return `sha256:${blobHash.digest('hex')}`;
  });
  return {
    mediaType: compression === 'gzip' ? `${OCI_LAYER}+gzip` : OCI_LAYER,
    digest,
    size,
    diffId: `sha256:${tarHash.digest('hex')}`,
    compression,
  };
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  update: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue;
    update(chunk);
    yield chunk;
  }
}

/** The tenth byte of a gzip stream names the operating system (RFC 1952); "unknown" makes it the same everywhere. */
async function* gzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const compressor = createGzip({ level: 6 });
  pipeline(Readable.from(chunks, { objectMode: true, highWaterMark: 2 }), compressor, () => undefined);
  let offset = 0;
  for await (const chunk of compressor as AsyncIterable<Uint8Array>) {
    if (offset <= 9 && offset + chunk.length > 9) chunk[9 - offset] = 255;
    offset += chunk.length;
    yield chunk;
  }
}

/** Writes a blob whose digest is known once it is written: to a temporary name, then renamed. Answers its digest. */
async function storeBlob(
  folder: string,
  produce: (write: (chunk: Uint8Array) => Promise<void>) => Promise<string>,
): Promise<string> {
  const temporary = join(folder, `blobs/sha256/.${process.pid}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx', 0o644);
    let digest: string;
    try {
      digest = await produce((chunk) => writeAll(handle, chunk));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, join(folder, blobPath(digest)));
    return digest;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeAll(handle: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  let written = 0;
  while (written < chunk.length) written += (await handle.write(chunk, written)).bytesWritten;
}

async function writeBlob(folder: string, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const digest = sha256Digest(bytes);
  await writeFileAtomic(join(folder, blobPath(digest)), bytes);
  return { mediaType, digest, size: bytes.length };
}

function writeJsonBlob(folder: string, document: unknown): Promise<Descriptor> {
  return writeBlob(folder, jsonBytes(document), OCI_CONFIG);
}

function configDocument(image: NewImage, layers: readonly SourceLayer[], time: number): unknown {
  const { os, architecture, variant } = image.platform ?? LINUX_AMD64;
  const created = new Date(time * 1000).toISOString().replace('.000Z', 'Z');
  return {
    created,
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: sorted(image.labels === undefined ? image.config : { ...image.config, Labels: sorted(image.labels) }),
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, created_by: CREATED_BY })),
  };
}

/** `index.json` is written last: a reader sees an image once all of it is there. */
async function addToIndex(folder: string, entry: IndexEntry, reference: string | undefined): Promise<void> {
  const named = reference === undefined ? entry : { ...entry, annotations: { [REF_NAME]: reference } };
  const others = (await readIndex(folder)).filter(
    ({ digest, annotations }) =>
      annotations?.[REF_NAME] !== reference || (reference === undefined && digest !== entry.digest),
  );
  await writeFileAtomic(join(folder, 'oci-layout'), jsonBytes({ imageLayoutVersion: '1.0.0' }));
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...others, named] };
  await writeFileAtomic(join(folder, 'index.json'), jsonBytes(index));
}

async function readIndex(folder: string): Promise<readonly IndexEntry[]> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(join(folder, 'index.json'));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new MalformedError('LAYOUT_MALFORMED', `${folder}/index.json cannot be read: ${errorMessage(cause)}`, {
      cause,
    });
  }
  const index = parseManifest(bytes, OCI_INDEX);
  if (index.kind !== 'index') throw new MalformedError('LAYOUT_MALFORMED', `${folder}/index.json is no image index`);
  return index.manifests;
}

function sorted(record: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function jsonBytes(document: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(document));
}
