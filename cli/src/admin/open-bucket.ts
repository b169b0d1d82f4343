import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';

import { RequestError, Secret } from '@holdfast/base';
import { homeLayout } from '@holdfast/local/home';
import { createDirectoryStore } from '@holdfast/storage';
import type { ObjectStore } from '@holdfast/storage';

import type { WorldFlags } from '../commands/uid2-admin/flags.ts';
import type { CliIo } from '../context.ts';

const DEFAULT_HOME = '.holdfast';
const LINK_KEY_BYTES = 32;

/** Core's bucket as the administrator's commands see it. */
export interface Bucket {
  readonly objects: ObjectStore;
  /** The folder, for messages. */
  readonly folder: string;
  /** Held while the bucket is changed. It lies beside no object: no reader of the bucket asks for it. */
  readonly lockFile: string;
}

/** The bucket of --world, or that of the home folder. */
export function openBucket(flags: WorldFlags, io: CliIo): Bucket {
  const folder =
    flags.world === undefined
      ? homeLayout(resolve(io.cwd, flags.home ?? DEFAULT_HOME)).coreBucket
      : resolve(io.cwd, flags.world);
  const objects = createDirectoryStore({
    folder,
    // Administration hands out no download links, so nobody ever sees what these would be signed with.
    linkBaseUrl: 'http://127.0.0.1',
    linkKey: new Secret<Uint8Array>(randomBytes(LINK_KEY_BYTES)),
    clock: Date.now,
  });
  return { objects, folder, lockFile: resolve(folder, 'administration.lock') };
}

export function missingWorld(bucket: Bucket, reason: string): RequestError {
  return new RequestError('WORLD_MISSING', `${bucket.folder} holds no UID2 world: ${reason}`, {
    details: { folder: bucket.folder },
    action: 'Run `holdfast up` once to make one, name its folder with --home or --world, or import an exported world.',
  });
}
