import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { toUtf8 } from '@holdfast/base';
import { writeTar } from '@holdfast/oci';
import type { LayerEntry } from '@holdfast/oci';
import { describe, expect, it } from 'vitest';

import { LayerUnpacker } from '../../src/virtual-node/unpack-layer.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

async function unpack(root: string, entries: readonly LayerEntry[]): Promise<void> {
  await mkdir(root, { recursive: true });
  const unpacker = new LayerUnpacker(root);
  try {
    for await (const chunk of writeTar(entries, 0)) unpacker.push(chunk);
    unpacker.finish();
  } finally {
    unpacker.close();
  }
}

const file = (path: string, text = path): LayerEntry => ({ kind: 'file', path, source: toUtf8(text) });

describe('LayerUnpacker', () => {
  it('lays layers over each other, with links and long names', async () => {
    await using folder = await temporaryFolder();
    const root = join(folder.path, 'root');
    const long = `/app/${'deep/'.repeat(40)}file.txt`;
    await unpack(root, [file('/etc/a', 'below'), file('/etc/b'), file(long)]);
    await unpack(root, [file('/etc/a', 'above'), { kind: 'symlink', path: '/link', target: 'etc/a' }]);
    expect(readFileSync(join(root, 'link'), 'utf8')).toBe('above');
    expect(readFileSync(join(root, 'etc/b'), 'utf8')).toBe('/etc/b');
    expect(readFileSync(join(root, long), 'utf8')).toBe(long);
  });

  it('takes away what a layer marks as gone', async () => {
    await using folder = await temporaryFolder();
    const root = join(folder.path, 'root');
    await unpack(root, [file('/etc/a'), file('/etc/b'), file('/var/c')]);
    await unpack(root, [file('/etc/.wh.a', ''), file('/var/.wh..wh..opq', '')]);
    expect(existsSync(join(root, 'etc/a'))).toBe(false);
    expect(existsSync(join(root, 'etc/b'))).toBe(true);
    expect(existsSync(join(root, 'var/c'))).toBe(false);
  });

  it('never follows a link of the layer out of the image', async () => {
    await using folder = await temporaryFolder();
    const root = join(folder.path, 'root');
    const outside = join(folder.path, 'outside');
    await mkdir(outside);
    await unpack(root, [{ kind: 'symlink', path: '/escape', target: outside }]);
    expect(readlinkSync(join(root, 'escape'))).toBe(outside);
    await expect(unpack(root, [file('/escape/stolen')])).rejects.toMatchObject({ code: 'LAYER_PATH_UNSAFE' });
    expect(existsSync(join(outside, 'stolen'))).toBe(false);
  });
});
