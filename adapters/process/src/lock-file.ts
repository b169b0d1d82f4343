import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

import { isRunning, processBirth } from './process-state.ts';

/** What became of an attempt to take a lock file. */
export type LockAttempt =
  /** It is this process's now; `release` gives it free again. */
  | { readonly taken: true; release(): Promise<void> }
  /** A running process has it, or took it at this moment (then undefined). */
  | { readonly taken: false; readonly holder: number | undefined };

const ATTEMPTS = 3;

/**
 * Takes the lock file `file` for this process. It holds the process id, and where the system says so, in a second line, what tells the
 * process from a later one with the same id. A lock whose process no longer runs is taken over.
 * Processes of other machines that share the folder are not seen. Throws what the file system throws.
 */
export async function takeLockFile(file: string, pid: number = process.pid): Promise<LockAttempt> {
  const own = `${file}.${pid}.tmp`;
  try {
    await writeFile(own, `${pid}\n${processBirth(pid) ?? ''}\n`, { mode: 0o600 });
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (await tryLink(own, file)) return { taken: true, release: () => release(file, pid) };
      const holder = liveHolder(await readLock(file), pid) ?? (await removeStale(file, pid));
      if (holder !== undefined) return { taken: false, holder };
    }
  } finally {
    await rm(own, { force: true }).catch(() => undefined);
  }
  return { taken: false, holder: undefined };
}

/** What a lock file says. */
interface Lock {
  readonly holder: number;
  /** Empty when it is not known. */
  readonly birth: string;
}

function liveHolder(lock: Lock | undefined, pid: number): number | undefined {
  if (lock === undefined || lock.holder === pid || !isRunning(lock.holder)) return undefined;
  const birth = processBirth(lock.holder);
  // Somebody else has the number now, such as after the machine was started anew.
  if (lock.birth !== '' && birth !== undefined && birth !== lock.birth) return undefined;
  return lock.holder;
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
    const holder = liveHolder(await readLock(aside), pid);
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

/** Undefined for one that says nothing. */
async function readLock(file: string): Promise<Lock | undefined> {
  try {
    const [pid = '', birth = ''] = (await readFile(file, 'utf8')).split('\n');
    const holder = Number(pid);
    return Number.isSafeInteger(holder) && holder > 0 ? { holder, birth } : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // released in the meantime
    throw error;
  }
}

async function release(file: string, pid: number): Promise<void> {
  if ((await readLock(file))?.holder === pid) await rm(file, { force: true });
}
