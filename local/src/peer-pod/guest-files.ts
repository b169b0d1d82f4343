import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { DependencyError, errorMessage, toHex } from '@holdfast/base';
import { encodeInitdata } from '@holdfast/initdata';

import type { GuestConfig } from './guest-config.ts';

const PEER_POD_FOLDER = 'run/peerpod';

/** Where the guest keeps the keys that sealed secrets are verified with. */
export const SEALING_KEY_FOLDER = 'run/confidential-containers/cdh/sealed-secret';

/**
 * Writes what a guest has after its first boot stage, below `folder` as its root: the initdata as they arrived, their digest in
 * hex without a line end, and the files in them that its components read.
 */
export async function writeGuestFiles(folder: string, config: GuestConfig): Promise<void> {
  const { initdata, measurements, files } = config;
  await writeGuestFile(folder, `${PEER_POD_FOLDER}/initdata`, encodeInitdata(initdata.document));
  await writeGuestFile(folder, `${PEER_POD_FOLDER}/initdata.digest`, toHex(measurements.digest));
  for (const [name, content] of files) await writeGuestFile(folder, `${PEER_POD_FOLDER}/${name}`, content);
}

/**
 * Writes one file below the guest's root, readable by its owner only.
 * @throws DependencyError PEER_POD_FOLDER_UNUSABLE
 */
export async function writeGuestFile(folder: string, path: string, content: string | Uint8Array): Promise<string> {
  const file = join(folder, path);
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, content, { mode: 0o600 });
  } catch (cause) {
    throw new DependencyError('PEER_POD_FOLDER_UNUSABLE', `cannot write ${file}: ${errorMessage(cause)}`, {
      retryable: false,
      cause,
      action: 'Make the folder of the guest one that this user can write.',
    });
  }
  return file;
}
