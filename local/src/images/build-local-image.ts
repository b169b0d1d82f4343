import { createHash } from 'node:crypto';
import { createReadStream, existsSync, lstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { blobPath, writeOciLayout } from '@holdfast/oci';
import type { LayerEntry } from '@holdfast/oci';
import type { ImageConfig, ImageFacts } from '@holdfast/policy';
import { hashLayerFormats, LAYER_HASHER_VERSION } from '@holdfast/policy/layers';
import type { LayerFormat } from '@holdfast/policy/layers';
import { writeFileAtomic } from '@holdfast/process';

import { REPOSITORY } from './image-folders.ts';
import type { ImageFolders } from './image-folders.ts';
import { collectProgramFiles, programEntry } from './program-files.ts';
import type { ProgramFile, ProgramFiles, ProgramSelection } from './program-files.ts';

/** An image made of this repository's own files. */
export interface LocalImageDefinition {
  /** `registry/repository:tag`. */
  readonly reference: string;
  /** None when missing: then the image holds `files` only. */
  readonly selection?: ProgramSelection;
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
/** Counts the ways in which files of images were made of those of the repository; Node takes the types out of them. */
const PROGRAM_VERSION = `2 ${process.version}`;
const NO_FILES: ProgramFiles = { dependencies: [], program: [] };

/**
 * Builds an image as an OCI image layout in `folder`, without a container engine: one layer with third-party packages, one
 * with the program. The same files give the same digests on every machine. When nothing changed since the last time, nothing
 * is built.
 * @throws RequestError LAYOUT_SOURCE_INVALID when a file cannot be read
 */
export async function buildLocalImage(
  folder: string,
  repository: string,
  definition: LocalImageDefinition,
): Promise<LocalImage> {
  const { selection } = definition;
  const files = selection === undefined ? NO_FILES : collectProgramFiles(repository, selection);
  const fingerprint = fingerprintOf(definition, [...files.dependencies, ...files.program]);
  const recordFile = join(
    folder,
    `${createHash('sha256').update(definition.reference).digest('hex').slice(0, 16)}.json`,
  );
  const known = await readRecord(recordFile);
  if (known?.fingerprint === fingerprint) {
    const layerFiles = known.facts.layers.map(({ digest }) => join(folder, blobPath(digest)));
    if (layerFiles.every((file) => existsSync(file))) return { facts: known.facts, layerFiles };
  }
  const written = await writeOciLayout({
    folder,
    reference: definition.reference,
    image: {
      config: definition.config,
      layers: [files.dependencies.map(programEntry), [...files.program.map(programEntry), ...definition.files]],
    },
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
  await writeFileAtomic(recordFile, `${JSON.stringify({ fingerprint, facts })}\n`);
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
  readonly facts: ImageFacts;
}

/** What was built last; undefined when there is nothing, or nothing that can be read: then the image is built anew. */
async function readRecord(file: string): Promise<BuildRecord | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as BuildRecord;
  } catch {
    return undefined;
  }
}

/** Changes when a file is added, removed, or may have other content. */
function fingerprintOf(definition: LocalImageDefinition, files: readonly ProgramFile[]): string {
  const hash = createHash('sha256').update(JSON.stringify([LAYER_HASHER_VERSION, PROGRAM_VERSION, definition]));
  for (const file of files) {
    hash.update(`\n${file.path}`);
    if ('linkTarget' in file) continue;
    const { size, mtimeMs, ctimeMs } = lstatSync(file.source);
    hash.update(` ${file.source} ${size} ${mtimeMs} ${ctimeMs}`);
  }
  return hash.digest('hex');
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
