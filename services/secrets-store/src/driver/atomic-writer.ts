import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';

import type { Clock } from '@holdfast/base';

import type { MountedFile } from '../provider/provider.ts';
import { assertPaths } from './payload-path.ts';

const DATA = '..data';
const NEW_DATA = '..data_tmp';
const FOLDER_MODE = 0o755;

/**
 * Makes `files` the whole content of a volume in one step: they go to a new folder, to which the link `..data` is then moved.
 * Beside it stands one link for each name at the top. Whoever reads below the volume sees the files of one moment.
 * Nothing is written when all contents are as they were; a changed mode alone does not count. Of two files with one path the
 * later wins.
 * @returns Whether something was written.
 * @throws RequestError MOUNT_PATH_INVALID, before anything is written
 * @see Kubernetes pkg/volume/util/atomic_writer, whose layout this is
 */
export async function writeVolume(folder: string, files: readonly MountedFile[], clock: Clock): Promise<boolean> {
  assertPaths(files.map(({ path }) => path));
  const payload = new Map(files.map((file) => [file.path, file]));
  await assertNoFileIsFolder(payload);
  const current = await readlink(join(folder, DATA)).catch(ignoreMissing);
  if (current !== undefined && sameContents(payload, await readVolume(folder))) return false;
  await removeLeftovers(folder, current);
  const name = `..${stamp(clock())}.${randomBytes(5).toString('hex')}`;
  const next = join(folder, name);
  await mkdir(next, { mode: FOLDER_MODE });
  try {
    await chmod(next, FOLDER_MODE);
    for (const file of payload.values()) await writeOne(next, file);
    await symlink(name, join(folder, NEW_DATA));
    await rename(join(folder, NEW_DATA), join(folder, DATA));
  } catch (error) {
    await rm(next, { recursive: true, force: true });
    throw error;
  }
  await linkNames(folder, new Set([...payload.keys()].map(firstPart)));
  if (current !== undefined) await rm(join(folder, current), { recursive: true, force: true });
  return true;
}

/** The files of a volume by path; empty when nothing was ever written. */
export async function readVolume(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const current = await readlink(join(folder, DATA)).catch(ignoreMissing);
  const found = new Map<string, Uint8Array>();
  if (current === undefined) return found;
  // The folder behind the link, so that a swap in between does not mix two moments.
  const root = join(folder, current);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path.slice(root.length + 1).replaceAll('\\', '/'), await readFile(path));
  }
  return found;
}

/** Whether a volume was written. */
export async function isWritten(folder: string): Promise<boolean> {
  return (await readlink(join(folder, DATA)).catch(ignoreMissing)) !== undefined;
}

function sameContents(payload: ReadonlyMap<string, MountedFile>, present: ReadonlyMap<string, Uint8Array>): boolean {
  if (payload.size !== present.size) return false;
  return [...payload].every(([path, { contents }]) => {
    const known = present.get(path);
    return known !== undefined && Buffer.compare(known, contents) === 0;
  });
}

/** A file `a` and a file `a/b` cannot both be there; found before anything is written. */
async function assertNoFileIsFolder(payload: ReadonlyMap<string, MountedFile>): Promise<void> {
  for (const path of payload.keys()) {
    for (let above = posix.dirname(path); above !== '.'; above = posix.dirname(above)) {
      // The same refusal as for a path that cannot be: the payload is wrong, not the disk.
      if (payload.has(above)) assertPaths([`${path}/`]);
    }
  }
  return Promise.resolve();
}

async function writeOne(root: string, { path, mode, contents }: MountedFile): Promise<void> {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true, mode: FOLDER_MODE });
  await writeFile(target, contents, { flag: 'wx', mode: 0o600 });
  // Not through the mode of the open: the umask of the process would take bits away.
  await chmod(target, mode & 0o7777);
}

/** One link for each name, and none for names that are gone. */
async function linkNames(folder: string, names: ReadonlySet<string>): Promise<void> {
  const present = new Set((await readdir(folder)).filter((name) => !name.startsWith('..')));
  for (const name of names) {
    if (!present.has(name)) await symlink(join(DATA, name), join(folder, name));
  }
  for (const name of present) {
    if (!names.has(name)) await rm(join(folder, name), { force: true });
  }
}

/** What a process left behind that ended in the middle of a write. */
async function removeLeftovers(folder: string, current: string | undefined): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith('..') || name === DATA || name === current) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

function firstPart(path: string): string {
  return path.split('/', 1)[0] ?? path;
}

/** `2026_01_31_08_15_00` */
function stamp(now: number): string {
  return new Date(now).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_');
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
