import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';

import { DependencyError, errorMessage } from '@holdfast/base';

export interface HomeLock {
  /** Gives the home folder free again. */
  release(): Promise<void>;
}

const ATTEMPTS = 3;

/**
 * Takes the lock file of a home folder for this process. A lock whose process no longer runs is taken over.
 * @throws DependencyError HOME_IN_USE naming the process that holds it
 * @throws DependencyError HOME_UNUSABLE when the folder cannot be written
 */
export async function lockHome(file: string, pid: number = process.pid): Promise<HomeLock> {
  const own = `${file}.${pid}.tmp`;
  try {
    await writeFile(own, `${pid}\n`, { mode: 0o600 });
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (await tryLink(own, file)) return { release: () => release(file, pid) };
      refuseLiveHolder(await holderOf(file), pid, file);
      await removeStale(file, pid);
    }
  } catch (cause) {
    if (cause instanceof DependencyError) throw cause;
    throw new DependencyError('HOME_UNUSABLE', `cannot lock the home folder: ${errorMessage(cause)}`, {
      retryable: false,
      cause,
      action: 'Make the folder writable for this user, or choose another one with --home.',
    });
  } finally {
    await rm(own, { force: true }).catch(() => undefined);
  }
  throw new DependencyError('HOME_IN_USE', 'another holdfast is starting in this home folder', {
    retryable: true,
    details: { file },
    action: 'Try again, or choose another folder with --home.',
  });
}

function refuseLiveHolder(holder: number | undefined, pid: number, file: string): void {
  if (holder === undefined || holder === pid || !isRunning(holder)) return;
  throw new DependencyError('HOME_IN_USE', `another holdfast (process ${holder}) uses this home folder`, {
    retryable: false,
    details: { pid: holder, file },
    action: 'Stop that process, or choose another folder with --home and other ports with --port-base.',
  });
}

/** Moves the lock aside before judging it again: another starter may have replaced the stale one in the meantime. */
async function removeStale(file: string, pid: number): Promise<void> {
  const aside = `${file}.${pid}.stale.tmp`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return; // released in the meantime
    throw error;
  }
  try {
    const holder = await holderOf(aside);
    if (holder !== undefined && holder !== pid && isRunning(holder)) await tryLink(aside, file);
    refuseLiveHolder(holder, pid, file);
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
