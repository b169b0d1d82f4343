import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { blobPath, writeOciLayout } from '@holdfast/oci';
import type { LayerEntry } from '@holdfast/oci';
import type { ImageConfig, ImageFacts } from '@holdfast/policy';
import { hashLayerFormats, LAYER_HASHER_VERSION } from '@holdfast/policy/layers';
import type { LayerFormat } from '@holdfast/policy/layers';
import { writeFileAtomic } from '@holdfast/process';

import { bundleProgram } from './bundle-program.ts';
import type { ProgramBundle } from './bundle-program.ts';
import { REPOSITORY } from './image-folders.ts';
import type { ImageFolders } from './image-folders.ts';

/** An image made of this repository's own files. */
export interface LocalImageDefinition {
  /** `registry/repository:tag`. */
  readonly reference: string;
  /** Workspaces of the services that the image holds; none when missing: then it holds `files` only. */
  readonly services?: readonly string[];
  readonly config: ImageConfig;
  /** In which forms guests mount its layers: `ext4` under CCE policies, `tarfs` under Kata policies. */
  readonly formats: readonly LayerFormat[];
  /** Files beside the program's own. */
  readonly files: readonly LayerEntry[];
}

/** A built image: what a policy generator must know, and where its layers are. */
export interface LocalImage {
  readonly facts: ImageFacts;
  /** Uncompressed tar files, base layer first. */
  readonly layerFiles: readonly string[];
}

const READ_BYTES = 1024 * 1024;
/** What makes images: with other code the same sources may give another one. */
const MAKERS = ['build-local-image.ts', 'bundle-program.ts', 'third-party-licenses.ts'].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);
const NO_PROGRAM: ProgramBundle = { files: [], sources: [] };

/**
 * Builds an image of one layer as an OCI image layout in `folder`, without a container engine. The same files give the same
 * digests on every machine. When nothing changed since the last time, nothing is built.
 * @throws RequestError LAYOUT_SOURCE_INVALID when a file cannot be read
 */
export async function buildLocalImage(
  folder: string,
  repository: string,
  definition: LocalImageDefinition,
): Promise<LocalImage> {
  const recordFile = join(
    folder,
    `${createHash('sha256').update(definition.reference).digest('hex').slice(0, 16)}.json`,
  );
  const known = await readRecord(recordFile);
  if (known !== undefined && known.fingerprint === fingerprintOf(definition, known.sources)) {
    const layerFiles = known.facts.layers.map(({ digest }) => join(folder, blobPath(digest)));
    if (layerFiles.every((file) => existsSync(file))) return { facts: known.facts, layerFiles };
  }
  const { services } = definition;
  const begunAtMs = Date.now();
  const { files, sources } = services === undefined ? NO_PROGRAM : await bundleProgram(repository, services);
  const written = await writeOciLayout({
    folder,
    reference: definition.reference,
    image: { config: definition.config, layers: [[...files, ...definition.files]] },
  });
  const layerFiles = written.layers.map(({ digest }) => join(folder, blobPath(digest)));
  const hashed = await Promise.all(layerFiles.map((file) => rootHashes(file, definition.formats)));
  const facts: ImageFacts = {
    reference: definition.reference,
    manifestDigest: written.manifestDigest,
    platform: { os: 'linux', architecture: 'amd64' },
    config: definition.config,
    layers: written.layers.map(({ mediaType, digest, size, diffId }, index) => ({
      mediaType,
      digest,
      size,
      diffId,
      ...hashed[index],
    })),
  };
  // Of a source that has changed in the meantime nobody knows which content is in the image: the next time it is built again.
  const fingerprint = sources.some((source) => hasChangedSince(source, begunAtMs))
    ? ''
    : fingerprintOf(definition, sources);
  await writeFileAtomic(recordFile, `${JSON.stringify({ fingerprint, sources, facts })}\n`);
  return { facts, layerFiles };
}

/** Builds images from this repository, as `buildLocalImage` does. */
export async function buildLocalImages(
  folders: ImageFolders,
  definitions: readonly LocalImageDefinition[],
): Promise<readonly LocalImage[]> {
  const images: LocalImage[] = [];
  // One after the other: they share a layout.
  for (const definition of definitions) images.push(await buildLocalImage(folders.layout, REPOSITORY, definition));
  return images;
}

interface BuildRecord {
  readonly fingerprint: string;
  /** Files that the image was made of. */
  readonly sources: readonly string[];
  readonly facts: ImageFacts;
}

/** What was built last; undefined when there is nothing, or nothing that this version reads: then the image is built anew. */
async function readRecord(file: string): Promise<BuildRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(file, 'utf8')) as BuildRecord;
    return Array.isArray(record.sources) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Changes when a file that the image was made of, or what makes it, is gone or may have other content. */
function fingerprintOf(definition: LocalImageDefinition, sources: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([LAYER_HASHER_VERSION, definition]));
  for (const source of [...MAKERS, ...sources]) {
    const status = statSync(source, { throwIfNoEntry: false });
    hash.update(`\n${source} ${status?.size} ${status?.mtimeMs} ${status?.ctimeMs}`);
  }
  return hash.digest('hex');
}

function hasChangedSince(file: string, timeMs: number): boolean {
  return Math.floor(statSync(file, { throwIfNoEntry: false })?.ctimeMs ?? Infinity) > timeMs;
}

async function rootHashes(
  file: string,
  formats: readonly LayerFormat[],
): Promise<{ readonly rootHashExt4?: string; readonly rootHashTarfs?: string }> {
  const chunks = createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Uint8Array>;
  const { ext4, tarfs } = await hashLayerFormats(chunks, formats);
  return {
    ...(ext4 === undefined ? {} : { rootHashExt4: ext4.rootHash }),
    ...(tarfs === undefined ? {} : { rootHashTarfs: tarfs.rootHash }),
  };
}
