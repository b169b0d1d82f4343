import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { DependencyError, errorMessage } from '@holdfast/base';
import { takeLockFile } from '@holdfast/process';

import { LOCK_NAME, missingWorld } from './bucket.ts';
import type { Bucket, WorldLock, WorldLockAttempt } from './bucket.ts';

/** Five seconds: another command is done by then. */
const PATIENCE = { attempts: 20, pauseMs: 250 };

/**
 * Runs `work` while no other administrator changes the bucket. Waits some seconds for one who does.
 * @throws DependencyError WORLD_LOCKED, WORLD_UNWRITABLE
 * @throws RequestError WORLD_MISSING when the folder does not exist
 */
export async function whileLocked<T>(bucket: Bucket, work: () => Promise<T>, patience = PATIENCE): Promise<T> {
  const lock = await takeLock(bucket, patience);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

async function takeLock(
  bucket: Bucket,
  { attempts, pauseMs }: typeof PATIENCE,
): Promise<Extract<WorldLockAttempt, { taken: true }>> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await bucket.lock.take();
    if (outcome.taken) return outcome;
    const { holder, action } = outcome;
    if (attempt >= attempts) {
      const who = holder === undefined ? 'another administrator' : `another administrator (${holder})`;
      throw new DependencyError('WORLD_LOCKED', `${who} is changing ${bucket.name}`, {
        retryable: true,
        details: { world: bucket.name, ...(holder === undefined ? {} : { holder }) },
        action,
      });
    }
    await pause(pauseMs);
  }
}

/** A lock file in the folder; processes of other machines that share the folder are not seen. */
export function folderLock(folder: string): WorldLock {
  const file = resolve(folder, LOCK_NAME);
  return {
    async take() {
      try {
        const attempt = await takeLockFile(file);
        if (attempt.taken) return attempt;
        return {
          taken: false,
          holder: attempt.holder === undefined ? undefined : `process ${attempt.holder}`,
          action: 'Try again when that command is done.',
        };
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw missingWorld(folder, 'there is no such folder');
        throw new DependencyError('WORLD_UNWRITABLE', `cannot write to ${folder}: ${errorMessage(cause)}`, {
          retryable: false,
          cause,
          action: 'Check that the folder exists and belongs to you, or name another one with --world.',
        });
      }
    },
  };
}
