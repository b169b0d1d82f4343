import { setTimeout as pause } from 'node:timers/promises';

import { DependencyError, errorMessage } from '@holdfast/base';
import { takeLockFile } from '@holdfast/process';
import type { LockAttempt } from '@holdfast/process';

import { missingWorld } from './open-bucket.ts';
import type { Bucket } from './open-bucket.ts';

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
): Promise<Extract<LockAttempt, { taken: true }>> {
  let holder: number | undefined;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (attempt > 0) await pause(pauseMs);
    const outcome = await tryLock(bucket);
    if (outcome.taken) return outcome;
    holder = outcome.holder;
  }
  const who = holder === undefined ? 'another administrator' : `another administrator (process ${holder})`;
  throw new DependencyError('WORLD_LOCKED', `${who} is changing ${bucket.folder}`, {
    retryable: true,
    details: { folder: bucket.folder, ...(holder === undefined ? {} : { pid: holder }) },
    action: 'Try again when that command is done.',
  });
}

async function tryLock(bucket: Bucket): Promise<LockAttempt> {
  try {
    return await takeLockFile(bucket.lockFile);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw missingWorld(bucket, 'there is no such folder');
    throw new DependencyError('WORLD_UNWRITABLE', `cannot write to ${bucket.folder}: ${errorMessage(cause)}`, {
      retryable: false,
      cause,
      action: 'Check that the folder exists and belongs to you, or name another one with --world.',
    });
  }
}
