import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileAtomic } from '@holdfast/process';

/** A folder for secrets, shared with the other containers of the pod. */
export interface SecretFolder {
  /** Writes files by name, each whole or not at all; when one fails, none of them stays. */
  write(files: readonly (readonly [name: string, content: Uint8Array])[]): Promise<void>;
  /** Removes files; those that are not there do not matter. */
  remove(names: readonly string[]): Promise<void>;
  /** Whether the folder is held in memory, so that nothing reaches a disk of the host. */
  inMemory(): Promise<boolean>;
}

/** `f_type` of file systems in memory (statfs(2)). */
const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/** @param mode Permission bits of the files. */
export function createSecretFolder(folder: string, mode: number): SecretFolder {
  const remove = async (names: readonly string[]): Promise<void> => {
    await Promise.all(names.map(async (name) => rm(join(folder, name), { force: true })));
  };
  return {
    write: async (files) => {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      try {
        for (const [name, content] of files) await writeFileAtomic(join(folder, name), content, { mode });
      } catch (error) {
        await remove(files.map(([name]) => name));
        throw error;
      }
    },
    remove,
    inMemory: async () => {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      const { type } = await statfs(folder);
      return type === TMPFS || type === RAMFS;
    },
  };
}
