import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface WriteFileOptions {
  /** Permission bits of the new file; 0o644 when missing. Files with keys take 0o600. */
  readonly mode?: number;
}

/**
 * Writes a whole file so that a reader, or a crash at any moment, sees the old content or the new one and nothing between:
 * a temporary neighbour is written, flushed to disk and renamed.
 */
export async function writeFileAtomic(
  file: string,
  content: Uint8Array | string,
  options: WriteFileOptions = {},
): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', options.mode ?? 0o644);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

async function syncFolder(folder: string): Promise<void> {
  // A rename is durable once its folder is; Windows offers no handle for that and needs none.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
