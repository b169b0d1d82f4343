import { copyFile, cp, link, mkdir, realpath, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, sep } from 'node:path';

import { VolumeProblem } from './volume-files.ts';
import type { VolumeMountObject } from './volume-objects.ts';

/**
 * The path inside a volume that a mount names; empty for the volume as a whole.
 * @param variables Of the container, for `subPathExpr`.
 * @throws VolumeProblem for a path that leads out of the volume, and for a variable that is not there
 */
export function subPathOf(
  { subPath = '', subPathExpr }: VolumeMountObject,
  variables: Readonly<Record<string, string>>,
): string {
  const path =
    subPathExpr?.replaceAll(/\$\$|\$\(([A-Za-z_.-][\w.-]*)\)/g, (found, name?: string) => {
      if (name === undefined) return found.slice(1);
      const value = variables[name];
      if (value === undefined) throw new VolumeProblem(`missing value for "${name}"`);
      return value;
    }) ?? subPath;
  if (isAbsolute(path)) throw new VolumeProblem('must be a relative path');
  if (path.split('/').includes('..')) throw new VolumeProblem("must not contain '..'");
  return path;
}

/** A part of an emptyDir, which is made when it is not there: containers see each other's changes in it. */
export async function livePart(volume: string, path: string): Promise<string> {
  const target = join(volume, path);
  await mkdir(dirname(target), { recursive: true });
  // Looked at before anything is made below it: a container may have put a link there.
  await assertInside(volume, dirname(target));
  await mkdir(target, { recursive: true });
  await assertInside(volume, target);
  return target;
}

/**
 * A part of a volume as it is now, in a place of its own: whoever mounts a part keeps its files when those of the volume are
 * replaced. A part that is not there becomes an empty folder.
 */
export async function partNow(volume: string, path: string, target: string): Promise<string> {
  await rm(target, { recursive: true, force: true });
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const source = join(volume, path);
  const found = await stat(source).catch(ignoreMissing);
  if (found === undefined) await mkdir(target);
  else {
    await assertInside(volume, source);
    const real = await realpath(source);
    if (found.isDirectory()) await cp(real, target, { recursive: true });
    // A link holds the same file, as a mount does; some file systems have none.
    else await link(real, target).catch(async () => copyFile(real, target));
  }
  return target;
}

async function assertInside(volume: string, path: string): Promise<void> {
  const [root, real] = [await realpath(volume), await realpath(path)];
  if (real === root || real.startsWith(`${root}${sep}`)) return;
  throw new VolumeProblem(`subpath "${path}" not within volume path "${volume}"`);
}

function ignoreMissing(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw error;
}
