import { readFile } from 'node:fs/promises';

/** The text of a file, undefined when there is none. @throws what reading throws otherwise */
export async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
