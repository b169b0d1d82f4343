import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository whose files become images. */
export const REPOSITORY: string = fileURLToPath(new URL('../../..', import.meta.url));

/** Where images are kept. All local clouds of one checkout share them: everything in there is named by its content. */
export interface ImageFolders {
  /** OCI image layout with the images built from this repository: the disks that the host gives to guests. */
  readonly layout: string;
  /** Files of images whose layers were measured, by root hash. */
  readonly unpacked: string;
}

/**
 * The folders below `.holdfast-images` in the repository, or below the folder that HOLDFAST_IMAGES names. Deleting them is always
 * safe. Below node_modules they cannot be: Node runs no TypeScript from there.
 * @param environment Of the process.
 */
export function imageFolders(environment: Readonly<Record<string, string | undefined>>): ImageFolders {
  const named = environment['HOLDFAST_IMAGES'] ?? '';
  const folder = named === '' ? join(REPOSITORY, '.holdfast-images') : resolve(named);
  return { layout: join(folder, 'layout'), unpacked: join(folder, 'unpacked') };
}
