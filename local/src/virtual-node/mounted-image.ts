import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { hashLayer } from '@holdfast/policy/layers';
import type { LayerFormat } from '@holdfast/policy/layers';

import type { LocalImage } from '../images/build-local-image.ts';
import { recordedHashes, touchImages, unpackedFolder } from '../images/unpacked-image.ts';
import { LayerUnpacker } from './unpack-layer.ts';

/** The layers of an image as a guest finds them on the disks that the host gives it. */
export interface MeasuredImage {
  /** dm-verity root hashes of what is really there, base layer first. */
  readonly rootHashes: readonly string[];
  /** Folder with the files of exactly these layers. */
  readonly root: string;
}

const READ_BYTES = 1024 * 1024;

/**
 * Measures every layer of an image, byte for byte, and unpacks them when these layers are not unpacked yet. Bytes are read
 * once: what is unpacked is what was measured. Nothing of it may be started before a policy has admitted the root hashes.
 * @param folder Where unpacked images are kept, by their root hashes.
 * @throws MalformedError LAYER_TAR_MALFORMED, LAYER_TAR_TRUNCATED, LAYER_PATH_UNSAFE for disks that hold no layers
 */
export async function measureImage(image: LocalImage, format: LayerFormat, folder: string): Promise<MeasuredImage> {
  await mkdir(folder, { recursive: true });
  const expected = unpackedFolder(folder, recordedHashes(image.facts, format));
  const scratch = existsSync(expected) ? undefined : join(folder, `.${randomBytes(6).toString('hex')}.tmp`);
  try {
    if (scratch !== undefined) await mkdir(scratch);
    const rootHashes: string[] = [];
    for (const file of image.layerFiles) rootHashes.push(await measureLayer(file, format, scratch));
    const root = unpackedFolder(folder, rootHashes);
    if (scratch !== undefined) await keep(scratch, root);
    // The disks hold other layers than the image's record says, and these are not unpacked.
    else if (root !== expected)
      return await measureImage({ ...image, facts: { ...image.facts, layers: [] } }, format, folder);
    await touchImages([image], folder, Date.now());
    return { rootHashes, root };
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}

async function measureLayer(file: string, format: LayerFormat, target: string | undefined): Promise<string> {
  const unpacker = target === undefined ? undefined : new LayerUnpacker(target);
  try {
    const { rootHash } = await hashLayer(readPieces(file, unpacker), format);
    unpacker?.finish();
    return rootHash;
  } finally {
    unpacker?.close();
  }
}

async function* readPieces(file: string, unpacker: LayerUnpacker | undefined): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Uint8Array>) {
    unpacker?.push(chunk);
    yield chunk;
  }
}

async function keep(scratch: string, root: string): Promise<void> {
  try {
    await rename(scratch, root);
  } catch (error) {
    // Somebody else unpacked the same layers meanwhile.
    if (!existsSync(root)) throw error;
  }
}
