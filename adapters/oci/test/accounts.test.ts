import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, test } from 'vitest';

import { PlatformError } from '@holdfast/base';
import { vectorsFolder } from '@holdfast/base/testing';

import { AccountScanner, effectiveAccounts } from '../src/accounts.ts';
import type { LayerAccounts } from '../src/accounts.ts';
import { openFileTree } from '../src/layouts/file-tree.ts';
import type { LayerEntry } from '../src/writer/tar-writer.ts';
import { file, tarOf } from './support/images.ts';

function scan(tar: Uint8Array, step = tar.length): LayerAccounts {
  const scanner = new AccountScanner();
  for (let at = 0; at < tar.length; at += step) scanner.push(tar.subarray(at, at + step));
  return scanner.end();
}

async function accountsOf(...layers: LayerEntry[][]) {
  const scanned = [];
  for (const layer of layers) scanned.push(scan(await tarOf(layer)));
  return effectiveAccounts(scanned);
}

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\n';

describe('AccountScanner', () => {
  test('finds the files among others, whatever the size of the chunks', async ({ expect }) => {
    const tar = await tarOf([
      file('etc/group', 'g:x:1:\n'),
      file(`etc/${'long'.repeat(40)}`, 'x'.repeat(1000)),
      file('etc/passwd', PASSWD),
      file('home/etc/passwd', 'other'),
    ]);
    for (const step of [1, 7, 512, 513, tar.length]) {
      expect(scan(tar, step)).toEqual({ passwd: { text: PASSWD }, group: { text: 'g:x:1:\n' } });
    }
  });

  test('lets later layers win', async ({ expect }) => {
    expect(await accountsOf([file('etc/passwd', PASSWD), file('etc/group', 'g')], [file('etc/passwd', '')])).toEqual({
      passwd: '',
      group: 'g',
    });
  });

  test.for(['etc/.wh.passwd', 'etc/.wh..wh..opq', '.wh.etc', '.wh..wh..opq'])(
    'takes away what %s hides',
    async (whiteout, { expect }) => {
      expect((await accountsOf([file('etc/passwd', PASSWD)], [file(whiteout, '')])).passwd).toBe(undefined);
      // In the same layer a whiteout hides only what is below it.
      expect(
        (await accountsOf([file('etc/passwd', 'old')], [file('etc/passwd', PASSWD), file(whiteout, '')])).passwd,
      ).toBe(PASSWD);
    },
  );

  test('does not read through a link', async ({ expect }) => {
    const link: LayerEntry = { kind: 'symlink', path: 'etc/passwd', target: '../secret' };
    expect(await accountsOf([file('etc/passwd', PASSWD)], [link])).toEqual({});
  });

  test('refuses a file that is too long to be a list of accounts', async ({ expect }) => {
    const tar = await tarOf([file('etc/passwd', 'x'.repeat(1024 * 1024 + 1))]);
    expect(() => scan(tar, 4096)).toThrow(expect.objectContaining({ code: 'LAYER_TOO_LARGE' }));
  });

  test('a layer cut anywhere ends with one of our errors', async ({ expect }) => {
    const tar = await tarOf([file('etc/passwd', PASSWD)]);
    fc.assert(
      fc.property(fc.nat(tar.length), (at) => {
        try {
          scan(tar.subarray(0, at));
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      }),
    );
  });
});

describe.skipIf(vectorsFolder() === undefined)('AccountScanner and openFileTree, published layers', () => {
  const folder = join(vectorsFolder() ?? '', 'policy/layers');
  const names = vectorsFolder() === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.tar'));

  test.for(names)('read %s to its end', async (name, { expect }) => {
    const tar = readFileSync(join(folder, name));
    expect(scan(tar, 700)).toEqual(scan(tar));
    const tree = await openFileTree(join(folder, name));
    expect(await tree.size('no/such/file')).toBe(undefined);
    await tree.close();
  });
});
