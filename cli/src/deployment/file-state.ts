import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { errorMessage, RequestError } from '@holdfast/base';
import type { StatePort } from '@holdfast/deployment';
import { writeFileAtomic } from '@holdfast/process';

const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
const NEWLINE = 0x0a;
const NAME = /^(?!\.)[\w.-]+(?:\/(?!\.)[\w.-]+)*$/;

/**
 * Small files under `folder`, which is made when the first of them is written. Names have slashes on every system and never
 * leave the folder. `list` answers the names of the files of a folder as the other methods take them, in order; names that
 * are only being written are left out.
 * @throws RequestError STATE_NAME_INVALID for a name with other characters, or one that leaves the folder
 * @throws RequestError STATE_UNUSABLE when the file system refuses
 */
export function createFileState(folder: string): StatePort {
  const run = async <T>(name: string, work: (path: string) => Promise<T>): Promise<T> => {
    if (!NAME.test(name)) {
      throw new RequestError('STATE_NAME_INVALID', `${JSON.stringify(name.slice(0, 100))} is no name of a file here`, {
        action: 'Names have letters, digits, dots, dashes and underscores, with slashes between folders.',
      });
    }
    const path = join(folder, ...name.split('/'));
    try {
      return await work(path);
    } catch (cause) {
      throw new RequestError('STATE_UNUSABLE', `${path} cannot be used: ${errorMessage(cause)}`, {
        cause,
        action: 'Check the permissions of the folder and the space on its disk.',
      });
    }
  };
  return {
    read: async (name) => await run(name, async (path) => await unlessAbsent(readFile(path, 'utf8'), undefined)),
    write: async (name, text) => {
      await run(name, async (path) => {
        await makeFolder(path);
        await writeFileAtomic(path, text, { mode: PRIVATE_FILE });
      });
    },
    append: async (name, line) => {
      await run(name, async (path) => {
        await makeFolder(path);
        await appendLine(path, line);
      });
    },
    remove: async (name) => {
      await run(name, async (path) => {
        await rm(path, { force: true });
      });
    },
    list: async (name) =>
      await run(name, async (path) => {
        const entries = await unlessAbsent(readdir(path, { withFileTypes: true }), []);
        return entries
          .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
          .map((entry) => `${name}/${entry.name}`)
          .toSorted();
      }),
  };
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: PRIVATE_FOLDER });
}

/** A line is on the disk when this returns. One that a crash has cut is ended first, so that the new one is whole. */
async function appendLine(path: string, line: string): Promise<void> {
  const handle = await open(path, 'a+', PRIVATE_FILE);
  try {
    const { size } = await handle.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await handle.read(last, 0, 1, size - 1);
    const torn = size > 0 && last[0] !== NEWLINE;
    await handle.appendFile(`${torn ? '\n' : ''}${line}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function unlessAbsent<T, A>(work: Promise<T>, absent: A): Promise<T | A> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return absent;
    throw error;
  }
}
