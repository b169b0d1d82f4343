import { randomBytes } from 'node:crypto';

import { PlatformError } from '@holdfast/base';
import type { ObjectStore } from '@holdfast/storage';
import { deriveScopedFiles } from '@holdfast/uid2';

import { readBytes, removeSuperseded } from './store-files.ts';

/** Folders of single sites below a store: `clients/site/3/`, `clients/encrypted/3_private/`. */
const VIEW_PATH = /^([^/]+)\/(?:site|encrypted)\/[^/]+\//;

/**
 * Brings what is derived from the global stores up to date: the views of single sites and the encrypted ones. Call it while
 * the bucket is locked, after a change. A bucket without such views, whose operators all read the global files, gets none.
 * @returns What went wrong, as a sentence: the change itself is published by then.
 */
export async function refreshViews(objects: ObjectStore, now: number): Promise<string | undefined> {
  if (!(await hasViews(objects))) return undefined;
  try {
    await writeViews(objects, now);
    return undefined;
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return `The views of single sites are out of date: ${error.message}. Run \`holdfast uid2 view refresh\` when that is mended.`;
  }
}

/**
 * Writes the views of every site that has an operator: contents before the metadata that name them.
 * @returns The paths that were written.
 * @throws PolicyError CLOUD_ENCRYPTION_KEY_MISSING
 */
export async function writeViews(objects: ObjectStore, now: number): Promise<readonly string[]> {
  const files = deriveScopedFiles({
    read: (path) => readBytes(objects, path),
    exists: (path) => objects.exists(path),
    now,
    randomBytes,
  });
  const written: string[] = [];
  for await (const { path, content } of files) {
    await objects.write(path, content);
    written.push(path);
  }
  for (const path of written) {
    const folder = VIEW_PATH.exec(path)?.[0];
    const store = VIEW_PATH.exec(path)?.[1];
    if (folder === undefined || store === undefined || path.endsWith('/metadata.json')) continue;
    await removeSuperseded(objects, folder, store, new Set([path]), now);
  }
  return written;
}

async function hasViews(objects: ObjectStore): Promise<boolean> {
  for (const folder of ['clients/encrypted/', 'clients/site/']) {
    if ((await objects.list(folder)).length > 0) return true;
  }
  return false;
}
