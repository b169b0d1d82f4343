import { DependencyError, errorMessage } from '@holdfast/base';
import { takeLockFile } from '@holdfast/process';

export interface HomeLock {
  /** Gives the home folder free again. */
  release(): Promise<void>;
}

/**
 * Takes the lock file of a home folder for this process. A lock whose process no longer runs is taken over.
 * @throws DependencyError HOME_IN_USE naming the process that holds it
 * @throws DependencyError HOME_UNUSABLE when the folder cannot be written
 */
export async function lockHome(file: string, pid: number = process.pid): Promise<HomeLock> {
  const attempt = await takeLockFile(file, pid).catch((cause: unknown) => {
    throw new DependencyError('HOME_UNUSABLE', `cannot lock the home folder: ${errorMessage(cause)}`, {
      retryable: false,
      cause,
      action: 'Make the folder writable for this user, or choose another one with --home.',
    });
  });
  if (attempt.taken) return attempt;
  if (attempt.holder === undefined) {
    throw new DependencyError('HOME_IN_USE', 'another holdfast is starting in this home folder', {
      retryable: true,
      details: { file },
      action: 'Try again, or choose another folder with --home.',
    });
  }
  throw new DependencyError('HOME_IN_USE', `another holdfast (process ${attempt.holder}) uses this home folder`, {
    retryable: false,
    details: { pid: attempt.holder, file },
    action: 'Stop that process, or choose another folder with --home and other ports with --port-base.',
  });
}
