import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { lockHome } from '../../src/home/home-lock.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

/** Above the largest process id any Linux gives out. */
const NOBODY = 2 ** 22 + 1;

describe('lockHome', () => {
  it('holds the folder until it is released', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'lock');
    const lock = await lockHome(file);
    expect(Number.parseInt(await readFile(file, 'utf8'), 10)).toBe(process.pid);
    await lock.release();
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });

  it('refuses a folder whose holder is running, and names the process', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'lock');
    await writeFile(file, `${process.ppid}\n`);
    await expect(lockHome(file)).rejects.toMatchObject({
      code: 'HOME_IN_USE',
      message: expect.stringContaining(String(process.ppid)),
    });
    expect(await readFile(file, 'utf8')).toBe(`${process.ppid}\n`);
  });

  it.each(['', 'not a number\n', `${NOBODY}\n`])('takes over a lock that nobody holds: %j', async (content) => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'lock');
    await writeFile(file, content);
    await lockHome(file);
    expect(Number.parseInt(await readFile(file, 'utf8'), 10)).toBe(process.pid);
  });

  it('lets exactly one of two starters have a folder with a stale lock', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'lock');
    await writeFile(file, `${NOBODY}\n`);
    const outcomes = await Promise.allSettled([lockHome(file, process.pid), lockHome(file, process.ppid)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await readdir(folder.path)).toEqual(['lock']);
  });

  it('leaves a lock alone that somebody else took in the meantime', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'lock');
    const lock = await lockHome(file);
    await writeFile(file, '1\n');
    await lock.release();
    expect(await readFile(file, 'utf8')).toBe('1\n');
  });

  it('says so when the folder cannot be written', async () => {
    await using folder = await temporaryFolder();
    await expect(lockHome(join(folder.path, 'missing', 'lock'))).rejects.toMatchObject({ code: 'HOME_UNUSABLE' });
  });
});
