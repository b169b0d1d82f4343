import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';

import { Secret } from '@holdfast/base';
import { homeLayout } from '@holdfast/local/home';
import { createDirectoryStore } from '@holdfast/storage';

import type { WorldFlags } from '../commands/uid2-admin/flags.ts';
import type { CliIo } from '../context.ts';
import { homeFolder } from '../home-folder.ts';
import { openBlobBucket } from './blob-bucket.ts';
import type { Bucket } from './bucket.ts';
import { folderLock } from './world-lock.ts';

const LINK_KEY_BYTES = 32;
const FOLDER_MODE = 0o700;

/**
 * The bucket of --world, or that of the home folder.
 * @throws RequestError WORLD_ADDRESS_INVALID
 * @throws ConfigError CONFIG_INVALID when a setting of the storage account is not valid
 */
export function openBucket(flags: WorldFlags, io: Pick<CliIo, 'cwd' | 'env'>): Bucket {
  if (flags.world !== undefined && /^[a-z][a-z\d+.-]*:\/\//i.test(flags.world)) {
    return openBlobBucket(flags.world, io.env);
  }
  return openFolderBucket(
    flags.world === undefined ? homeLayout(homeFolder(io, flags.home)).coreBucket : resolve(io.cwd, flags.world),
  );
}

export function openFolderBucket(folder: string): Bucket {
  const objects = createDirectoryStore({
    folder,
    // Administration hands out no download links, so nobody ever sees what these would be signed with.
    linkBaseUrl: 'http://127.0.0.1',
    linkKey: new Secret<Uint8Array>(randomBytes(LINK_KEY_BYTES)),
    clock: Date.now,
  });
  return {
    objects,
    name: folder,
    lock: folderLock(folder),
    async prepare() {
      await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    },
  };
}
