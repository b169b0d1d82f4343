import { constants } from 'node:fs';
import type { Dirent } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { DependencyError, errorMessage, PlatformError, RequestError } from '@holdfast/base';
import type { Clock, Secret } from '@holdfast/base';
import { writeFileAtomic } from '@holdfast/process';

import { invalidPath, objectPath, TEMPORARY_NAME } from './object-path.ts';
import type { ObjectInfo, ObjectStore } from './object-store.ts';
import { createLinkSigner } from './signed-link.ts';

export interface DirectoryStoreOptions {
  /** The bucket. Created at the first write. */
  readonly folder: string;
  /** Scheme, host and port under which `useSignedLinks` serves this store. */
  readonly linkBaseUrl: string;
  /** At least 32 random bytes, shared by all instances that serve the same folder. */
  readonly linkKey: Secret<Uint8Array>;
  readonly clock: Clock;
}

/** Buckets hold salts and keys: their files and folders belong to the service's user alone. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Salts and opt-outs have up to a hundred megabytes: pieces of this size take a fifth less time than those that Node reads by itself. */
const READ_BYTES = 256 * 1024;

/** A write takes seconds; what lies beside an object for an hour was left by a crash. */
const UNFINISHED_MS = 60 * 60 * 1000;

/**
 * An object store whose objects are the regular files below one folder. Symbolic links below the folder are refused, so no
 * object path can lead out of it.
 */
export function createDirectoryStore(options: DirectoryStoreOptions): ObjectStore {
  const root = resolve(options.folder);
  const links = createLinkSigner({ baseUrl: options.linkBaseUrl, key: options.linkKey, clock: options.clock });

  async function openObject(path: string): Promise<FileHandle> {
    const segments = objectPath(path);
    return reportFailures(path, async () => {
      const file = join(await realpath(root), ...segments);
      // The path as the system resolves it differs from ours exactly when a link is on the way.
      if ((await realpath(file)) !== file) throw invalidPath(path);
      if (!(await lstat(file)).isFile()) throw notFound(path);
      return open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    });
  }

  return {
    async read(path) {
      const handle = await openObject(path);
      try {
        return await reportFailures(path, () => handle.readFile());
      } finally {
        await handle.close();
      }
    },

    async readStream(path) {
      const handle = await openObject(path);
      try {
        const { size } = await handle.stat();
        // `end` keeps the stream to the announced length should the file grow; -1 would be taken as "no end".
        const end = Math.max(size - 1, 0);
        const stream = handle.createReadStream({ autoClose: true, start: 0, end, highWaterMark: READ_BYTES });
        return { sizeBytes: size, stream };
      } catch (error) {
        await handle.close();
        throw storageFailed(path, error);
      }
    },

    async exists(path) {
      try {
        await (await openObject(path)).close();
        return true;
      } catch (error) {
        if (error instanceof PlatformError && error.code === 'OBJECT_NOT_FOUND') return false;
        throw error;
      }
    },

    async list(prefix) {
      const slash = prefix.lastIndexOf('/');
      const folder = slash === -1 ? [] : objectPath(prefix.slice(0, slash));
      const leftBefore = options.clock() - UNFINISHED_MS;
      const found = await reportFailures(prefix, () => listFolder(root, folder, { prefix, leftBefore }));
      return found.sort((a, b) => (a.path < b.path ? -1 : 1));
    },

    async write(path, bytes) {
      const segments = objectPath(path);
      await reportFailures(path, async () => {
        await mkdir(root, { recursive: true, mode: FOLDER_MODE });
        await makeFolders(root, segments.slice(0, -1), path);
        await writeFileAtomic(join(root, ...segments), bytes, { mode: FILE_MODE });
      });
    },

    async delete(path) {
      const segments = objectPath(path);
      await reportFailures(path, async () => {
        const file = join(root, ...segments);
        const parent = join(root, ...segments.slice(0, -1));
        const real = await realpath(parent).catch(nullWhenMissing);
        if (real === null) return;
        if (real !== join(await realpath(root), ...segments.slice(0, -1))) throw invalidPath(path);
        await rm(file, { force: true });
      });
    },

    async presign(path, ttlSeconds) {
      objectPath(path);
      return links.sign(path, ttlSeconds);
    },

    verifyLink(path, query) {
      objectPath(path);
      links.verify(path, query);
    },
  };
}

interface Listing {
  readonly prefix: string;
  /** Unfinished writes from before this time (milliseconds since the epoch) are removed on the way. */
  readonly leftBefore: number;
}

async function listFolder(root: string, folder: readonly string[], listing: Listing): Promise<ObjectInfo[]> {
  const { prefix } = listing;
  const location = join(root, ...folder);
  const real = await realpath(location).catch(nullWhenMissing);
  if (real === null) return [];
  if (real !== join(await realpath(root), ...folder)) throw invalidPath(folder.join('/'));
  const entries = await readdir(location, { withFileTypes: true }).catch((error: unknown): Dirent[] => {
    if (isMissing(error)) return [];
    throw error;
  });
  const found: ObjectInfo[] = [];
  for (const entry of entries) {
    const path = [...folder, entry.name].join('/');
    if (entry.isDirectory() && (`${path}/`.startsWith(prefix) || prefix.startsWith(`${path}/`))) {
      found.push(...(await listFolder(root, [...folder, entry.name], listing)));
    } else if (entry.isFile() && path.startsWith(prefix)) {
      const file = join(location, entry.name);
      const info = await lstat(file).catch(nullWhenMissing);
      if (info === null) continue;
      if (!TEMPORARY_NAME.test(entry.name)) found.push({ path, sizeBytes: info.size, modifiedAt: info.mtimeMs });
      else if (info.mtimeMs < listing.leftBefore) await rm(file, { force: true });
    }
  }
  return found;
}

/** Creates the folders of an object one by one, so that a link on the way is seen before anything is made behind it. */
async function makeFolders(root: string, folders: readonly string[], path: string): Promise<void> {
  let location = root;
  for (const name of folders) {
    location = join(location, name);
    try {
      await mkdir(location, { mode: FOLDER_MODE });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (!(await lstat(location)).isDirectory()) throw invalidPath(path);
  }
}

/** Turns what the file system throws into this package's errors. */
async function reportFailures<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    if (isMissing(error)) throw notFound(path, error);
    if ((error as NodeJS.ErrnoException).code === 'ENAMETOOLONG') throw invalidPath(path, error);
    throw storageFailed(path, error);
  }
}

function notFound(path: string, cause?: unknown): RequestError {
  return new RequestError('OBJECT_NOT_FOUND', `there is no object ${path}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { path },
    action: 'Check the path and that the object was written to this storage folder.',
  });
}

function storageFailed(path: string, cause: unknown): DependencyError {
  return new DependencyError('STORAGE_FAILED', `storage failed at ${path}: ${errorMessage(cause)}`, {
    retryable: true,
    cause,
    details: { path },
    action: 'Check that the folder exists, belongs to the user of the service, and that its disk is not full.',
  });
}

function nullWhenMissing(error: unknown): null {
  if (isMissing(error)) return null;
  throw error;
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
