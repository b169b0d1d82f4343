import { createHash } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';

import type { LayerFormat } from '@holdfast/policy/layers';

import type { LocalImage } from './build-local-image.ts';

const FORMATS: readonly LayerFormat[] = ['ext4', 'tarfs'];

/** Where the files of an image are unpacked: a name for exactly these layers. */
export function unpackedFolder(folder: string, rootHashes: readonly string[]): string {
  return join(folder, createHash('sha256').update(rootHashes.join('\n')).digest('hex'));
}

/** dm-verity root hashes of an image's layers as its record has them, base layer first; empty where it has none. */
export function recordedHashes(facts: LocalImage['facts'], format: LayerFormat): readonly string[] {
  return facts.layers.map((layer) => (format === 'ext4' ? layer.rootHashExt4 : layer.rootHashTarfs) ?? '');
}

/** All folders in which the files of an image may be unpacked. */
export function unpackedFolders(folder: string, facts: LocalImage['facts']): readonly string[] {
  return FORMATS.map((format) => unpackedFolder(folder, recordedHashes(facts, format)));
}

/** Notes that images are in use now, so that nobody prunes them for a day. */
export async function touchImages(images: readonly LocalImage[], unpacked: string, now: number): Promise<void> {
  const time = new Date(now);
  const paths = images.flatMap(({ facts, layerFiles }) => [...layerFiles, ...unpackedFolders(unpacked, facts)]);
  // What is not there, or belongs to somebody else, is not kept by this.
  for (const path of new Set(paths)) await utimes(path, time, time).catch(() => undefined);
}
