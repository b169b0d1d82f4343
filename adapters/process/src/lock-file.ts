import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

/** What became of an attempt to take a lock file. */
export type LockAttempt =
  /** It is this process's now; `release` gives it free again. */
  | { readonly taken: true; release(): Promise<void> }
  /** A running process has it, or took it at this moment (then undefined). */
  | { readonly taken: false; readonly holder: number | undefined };

const ATTEMPTS = 3;

/**
 * Takes the lock file `file` for this process. It holds the process id; a lock whose process no longer runs is taken over.
 * Processes of other machines that share the folder are not seen. Throws what the file system throws.
 */
export async function takeLockFile(file: string, pid: number = process.pid): Promise<LockAttempt> {
  const own = `${file}.${pid}.tmp`;
  try {
    await writeFile(own, `${pid}\n`, { mode: 0o600 });
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (await tryLink(own, file)) return { taken: true, release: () => release(file, pid) };
      const holder = liveHolder(await holderOf(file), pid) ?? (await removeStale(file, pid));
      if (holder !== undefined) return { taken: false, holder };
    }
  } finally {
    await rm(own, { force: true }).catch(() => undefined);
  }
  return { taken: false, holder: undefined };
}

function liveHolder(holder: number | undefined, pid: number): number | undefined {
  return holder !== undefined && holder !== pid && isRunning(holder) ? holder : undefined;
}

/** Moves the lock aside before judging it again: another process may have replaced the stale one in the meantime. */
async function removeStale(file: string, pid: number): Promise<number | undefined> {
  const aside = `${file}.${pid}.stale.tmp`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // released in the meantime
    throw error;
  }
  try {
    const holder = liveHolder(await holderOf(aside), pid);
    if (holder !== undefined) await tryLink(aside, file);
    return holder;
  } finally {
    await rm(aside, { force: true });
  }
}

/** A hard link appears with its content or not at all, so nobody ever reads a lock without a process id. */
async function tryLink(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function holderOf(file: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(file, 'utf8')).trim());
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // released in the meantime
    throw error;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // runs, but belongs to somebody else
  }
}

async function release(file: string, pid: number): Promise<void> {
  if ((await holderOf(file)) === pid) await rm(file, { force: true });
}
