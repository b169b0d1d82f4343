import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import { livePart, partNow, subPathOf } from '../../../../src/kubernetes/kubelet/volumes/sub-path.ts';
import { temporaryFolder } from '../../../../testing/temporary-folder.ts';

describe('parts of volumes', () => {
  let folder: string;
  let volume: string;
  beforeEach(async () => {
    const made = await temporaryFolder();
    folder = made.path;
    volume = join(folder, 'volume');
    await mkdir(volume);
    await mkdir(join(folder, 'outside'));
    return async () => made[Symbol.asyncDispose]();
  });

  it('are made in an emptyDir, but never through a link that a container has put there', async () => {
    expect(await livePart(volume, 'a/b')).toBe(join(volume, 'a/b'));
    await symlink(join(folder, 'outside'), join(volume, 'link'));
    for (const path of ['link', 'link/deeper']) {
      await expect(livePart(volume, path)).rejects.toThrow(/^subpath ".*" not within volume path/);
    }
  });

  it('hold the file of that moment, and no file through a link that leads out', async () => {
    await writeFile(join(volume, 'file'), 'one');
    const part = await partNow(volume, 'file', join(folder, 'part'));
    await writeFile(join(volume, 'next'), 'two');
    await rename(join(volume, 'next'), join(volume, 'file'));
    expect(await readFile(part, 'utf8')).toBe('one');
    await writeFile(join(folder, 'outside/secret'), 'x');
    await symlink(join(folder, 'outside/secret'), join(volume, 'link'));
    await expect(partNow(volume, 'link', part)).rejects.toThrow(/not within volume path/);
  });

  it('take variables of the container into their paths', () => {
    const mount = { name: 'room', mountPath: '/room', subPathExpr: '$(POD)/$$(POD)/x' };
    expect(subPathOf(mount, { POD: 'vote-1' })).toBe('vote-1/$(POD)/x');
    expect(() => subPathOf(mount, {})).toThrow('missing value for "POD"');
    expect(() => subPathOf(mount, { POD: '../..' })).toThrow("must not contain '..'");
  });
});
