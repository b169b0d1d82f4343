import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { takeLockFile } from '../src/index.ts';

/** Above the largest process id any Linux gives out. */
const NOBODY = 2 ** 22 + 1;

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-lock-'));
  file = join(folder, 'lock');
});

afterEach(() => rm(folder, { recursive: true }));

const holder = async (): Promise<number> => Number.parseInt(await readFile(file, 'utf8'), 10);

describe('takeLockFile', () => {
  it('leaves a file with the process id, and removes it when released', async () => {
    const lock = await takeLockFile(file);
    expect([lock.taken, await holder()]).toEqual([true, process.pid]);
    if (lock.taken) await lock.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('names the running process that has it, and leaves its file alone', async () => {
    await writeFile(file, `${process.ppid}\n`);
    expect(await takeLockFile(file)).toEqual({ taken: false, holder: process.ppid });
    expect([await readFile(file, 'utf8'), await readdir(folder)]).toEqual([`${process.ppid}\n`, ['lock']]);
  });

  it.each(['', 'not a number\n', '-1\n', `${NOBODY}\n`])('takes over a lock that nobody holds: %j', async (content) => {
    await writeFile(file, content);
    expect((await takeLockFile(file)).taken).toBe(true);
    expect(await holder()).toBe(process.pid);
  });

  it.runIf(process.platform === 'linux')(
    'takes over a lock whose process is gone, although another one has its number now',
    async () => {
      const taken = await takeLockFile(file, process.ppid);
      expect([taken.taken, await takeLockFile(file)]).toEqual([true, { taken: false, holder: process.ppid }]);
      const [pid, birth = ''] = (await readFile(file, 'utf8')).split('\n');
      await writeFile(file, `${pid}\n${birth}0\n`);
      expect((await takeLockFile(file)).taken).toBe(true);
      expect(await holder()).toBe(process.pid);
    },
  );

  it('gives a stale lock to exactly one of two', async () => {
    await writeFile(file, `${NOBODY}\n`);
    const attempts = await Promise.all([takeLockFile(file, process.pid), takeLockFile(file, process.ppid)]);
    expect(attempts.filter(({ taken }) => taken)).toHaveLength(1);
  });

  it('does not release what somebody else took in the meantime', async () => {
    const lock = await takeLockFile(file);
    await writeFile(file, '1\n');
    if (lock.taken) await lock.release();
    expect(await readFile(file, 'utf8')).toBe('1\n');
  });

  it('fails as the file system does when there is no folder', async () => {
    await expect(takeLockFile(join(folder, 'missing', 'lock'))).rejects.toThrow('ENOENT');
  });
});
