import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { blobPath } from '@holdfast/oci';

import type { LocalImage } from './build-local-image.ts';
import type { ImageFolders } from './image-folders.ts';
import { unpackedFolders } from './unpacked-image.ts';

const DAY_MS = 24 * 3_600_000;
const BLOBS = 'blobs/sha256';
const HEX = /^[0-9a-f]{64}$/;
const SCRATCH = /^\.[0-9a-f]+\.tmp$/;
const RECORD = /^[0-9a-f]{16}\.json$/;

/**
 * Removes what earlier versions of the sources left among the local images: unpacked images and blobs that no image of the layout
 * has, and that nobody has used for a day. Other local clouds may share the folders; they touch what they use more often than that,
 * and make anew what is missing.
 * @param now Milliseconds since the epoch.
 * @returns Names of what was removed.
 */
export async function pruneImages({ layout, unpacked }: ImageFolders, now: number): Promise<readonly string[]> {
  const records = await readRecords(layout);
  const used = new Set(records.flatMap(({ facts }) => unpackedFolders(unpacked, facts)).map((path) => basename(path)));
  const removed = await pruneFolder(unpacked, (name) => SCRATCH.test(name) || (HEX.test(name) && !used.has(name)), now);
  const blobs = await referencedBlobs(layout, records);
  // A layout that cannot be read is left alone.
  if (blobs === undefined) return removed;
  return [...removed, ...(await pruneFolder(join(layout, BLOBS), (name) => HEX.test(name) && !blobs.has(name), now))];
}

type BuildRecord = Pick<LocalImage, 'facts'>;

async function readRecords(layout: string): Promise<readonly BuildRecord[]> {
  const records: BuildRecord[] = [];
  for (const name of await names(layout)) {
    if (!RECORD.test(name)) continue;
    const record = (await readJson(join(layout, name))) as Partial<BuildRecord> | undefined;
    if (Array.isArray(record?.facts?.layers)) records.push({ facts: record.facts });
  }
  return records;
}

interface Descriptors {
  readonly manifests?: readonly { readonly digest: string }[];
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
}

/** Names of the blobs that the index leads to, and of the layers in records; undefined when the index cannot be read. */
async function referencedBlobs(
  layout: string,
  records: readonly BuildRecord[],
): Promise<ReadonlySet<string> | undefined> {
  const index = (await readJson(join(layout, 'index.json'))) as Descriptors | undefined;
  if (!Array.isArray(index?.manifests)) return undefined;
  const digests = records.flatMap(({ facts }) => facts.layers.map(({ digest }) => digest));
  for (const { digest } of index.manifests) {
    const manifest = (await readJson(join(layout, blobPath(digest)))) as Descriptors | undefined;
    if (manifest === undefined) return undefined;
    digests.push(digest, ...[manifest.config, ...(manifest.layers ?? [])].map((one) => one?.digest ?? ''));
  }
  return new Set(digests.map((digest) => digest.replace(/^sha256:/, '')));
}

async function pruneFolder(folder: string, isLeft: (name: string) => boolean, now: number): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const name of await names(folder)) {
    const path = join(folder, name);
    const found = isLeft(name) ? await stat(path).catch(() => undefined) : undefined;
    if (found === undefined || now - found.mtimeMs < DAY_MS) continue;
    // First out of the way in one step: nobody finds half of it.
    const aside = SCRATCH.test(name) ? path : join(folder, `.${name.slice(0, 16)}.tmp`);
    // Another cloud that starts now may have been faster.
    if (aside !== path && !(await moved(path, aside))) continue;
    await rm(aside, { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function names(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch {
    return undefined; // what cannot be read is made anew by whoever needs it
  }
}
