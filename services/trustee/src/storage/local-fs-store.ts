import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileAtomic } from '@holdfast/process';

import { checkKey } from './key-value-store.ts';
import type { KeyValueStore } from './key-value-store.ts';

const SLASH = '\\x2F';

/** One file per name in a folder; a slash in a name is written as the four characters `\x2F`. */
export function createLocalFsStore(folder: string): KeyValueStore {
  const fileOf = (key: string): string => {
    checkKey(key);
    return join(folder, key.replaceAll('/', SLASH));
  };
  return {
    get: (key) => readIfPresent(fileOf(key)),
    set: async (key, value) => {
      const file = fileOf(key);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFileAtomic(file, value, { mode: 0o600 });
    },
    delete: async (key) => {
      const file = fileOf(key);
      const present = (await readIfPresent(file)) !== undefined;
      await rm(file, { force: true });
      return present;
    },
    list: async () => {
      const names = await namesIn(folder);
      return names
        .filter((name) => !name.endsWith('.tmp'))
        .map((name) => name.replaceAll(SLASH, '/'))
        .sort();
    },
  };
}

/** The bytes of a file, or undefined when there is none. */
export async function readIfPresent(file: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
