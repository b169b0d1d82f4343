import { isAbsolute, join, posix, sep } from 'node:path';

/** A volume as one container sees it. */
export interface ContainerMount {
  /** Where the container has it. */
  readonly mountPath: string;
  /** Where its files are on this machine: a folder, or a file that is mounted alone. */
  readonly folder: string;
  readonly readOnly: boolean;
}

/** How the paths of a container are to be read on this machine. */
export interface MountTable {
  readonly mounts: readonly ContainerMount[];
  /** Places of this machine that the node itself gave to the program, and that mean themselves even below a mount path. */
  readonly kept: readonly string[];
}

export interface FoundPath {
  /** On this machine. */
  readonly path: string;
  readonly readOnly: boolean;
}

/**
 * The place on this machine of an absolute path inside a container; undefined when it is below no mount. The longest mount path
 * counts, as with mounts one over the other.
 */
export function findMounted(path: string, { mounts, kept }: MountTable): FoundPath | undefined {
  if (!isAbsolute(path)) return undefined;
  for (const { folder, readOnly } of mounts) {
    // What was translated before, for example by a function that calls another.
    if (restBelow(path, folder, sep) !== undefined) return { path, readOnly };
  }
  const normal = posix.normalize(path);
  let best: { readonly mount: ContainerMount; readonly at: string; readonly rest: string } | undefined;
  for (const mount of mounts) {
    const at = trimmed(mount.mountPath);
    const rest = restBelow(normal, at, '/');
    if (rest !== undefined && (best === undefined || at.length > best.at.length)) best = { mount, at, rest };
  }
  if (best === undefined) return undefined;
  const { mount, at, rest } = best;
  if (kept.some((place) => place.length > at.length && restBelow(normal, trimmed(place), '/') !== undefined)) {
    return undefined;
  }
  // A slash at the end stays: for mkdtemp it makes a difference.
  const end = rest === '' && path.endsWith('/') ? sep : '';
  return { path: rest === '' ? `${mount.folder}${end}` : join(mount.folder, rest), readOnly: mount.readOnly };
}

/** The path inside the container of a place below a mounted folder; other places as they are. */
export function shownPath(path: string, { mounts }: MountTable): string {
  for (const { folder, mountPath } of mounts) {
    const rest = restBelow(path, folder, sep);
    if (rest !== undefined) return rest === '' ? mountPath : posix.join(mountPath, rest);
  }
  return path;
}

/** What of `path` comes behind `above`; undefined when it is somewhere else. */
function restBelow(path: string, above: string, separator: string): string | undefined {
  if (path === above) return '';
  const start = above.endsWith(separator) ? above : `${above}${separator}`;
  return path.startsWith(start) ? path.slice(start.length) : undefined;
}

function trimmed(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
