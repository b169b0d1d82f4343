import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { existsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { hashLayer } from '../../src/layers/index.ts';
import { inPieces, makeTar } from './tar-builder.ts';

const run = promisify(execFile);
const E2FSCK = ['/sbin/e2fsck', '/usr/sbin/e2fsck', '/opt/homebrew/opt/e2fsprogs/sbin/e2fsck'].find((path) =>
  existsSync(path),
);
/** e2fsck wants the bits behind the last inode set; the platform's converter, whose bytes these must be, leaves them clear. */
const ACCEPTED = 'Padding at end of inode bitmap is not set.';
const tar = makeTar(
  { name: 'etc/', typeflag: '5', mode: 0o755 },
  {
    name: 'etc/passwd',
    content: 'root:x:0:0\n',
    pax: { 'SCHILY.xattr.user.a': 'b', 'SCHILY.xattr.security.b': 'c'.repeat(300) },
  },
  { name: 'etc/link', typeflag: '1', linkname: 'etc/passwd' },
  { name: 'var/long', typeflag: '2', pax: { linkpath: 't'.repeat(200) } },
  { name: 'var/short', typeflag: '2', linkname: '../etc' },
  { name: 'var/.wh.gone' },
  { name: 'var/.wh..wh..opq' },
  { name: 'var/pipe', typeflag: '6' },
  ...Array.from({ length: 400 }, (_, file) => ({
    name: `lib/a-rather-long-name-of-a-file-${file}`,
    content: 'x'.repeat(file * 40),
  })),
);

describe.skipIf(E2FSCK === undefined)('e2fsck on the image of a layer', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-ext4-'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('finds nothing wrong but the padding of an inode bitmap', async () => {
    const image = join(folder, 'image');
    const file = await open(image, 'w');
    try {
      await hashLayer(inPieces(tar), 'ext4', {
        writeBlock: { ext4: (block, bytes) => writeSync(file.fd, bytes, 0, bytes.length, block * 4096) },
      });
    } finally {
      await file.close();
    }
    const output = await run(E2FSCK ?? '', ['-fn', image]).then(
      ({ stdout }) => stdout,
      (failure: { readonly stdout?: string }) => failure.stdout ?? '',
    );
    const complaints = output.split('\n').filter((line) => line.includes('? no'));
    expect(output).toContain('Pass 5');
    expect(complaints.filter((line) => !line.startsWith(ACCEPTED))).toEqual([]);
  });
});
