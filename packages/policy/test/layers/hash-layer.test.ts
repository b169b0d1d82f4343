import { Buffer } from 'node:buffer';

import { MalformedError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { hashLayer, hashLayerFormats } from '../../src/layers/index.ts';
import type { LayerFormat } from '../../src/layers/index.ts';
import { inPieces, makeMember, makeTar } from './tar-builder.ts';
import type { TarMember } from './tar-builder.ts';

async function rootHash(format: LayerFormat, ...members: readonly TarMember[]): Promise<string> {
  return (await hashLayer(inPieces(makeTar(...members)), format)).rootHash;
}

/** The number of inodes in the super block at the end of a tarfs image. */
async function inodesOfTarfs(...members: readonly TarMember[]): Promise<bigint> {
  let last = Buffer.alloc(0);
  const tarfs = (_: number, bytes: Uint8Array): void => {
    last = Buffer.from(bytes);
  };
  await hashLayer(inPieces(makeTar(...members)), 'tarfs', { writeBlock: { tarfs } });
  return last.readBigUInt64LE(4096 - 512 + 8);
}

async function code(bytes: Uint8Array, format: LayerFormat = 'ext4', maximumEntries = 100): Promise<string> {
  try {
    await hashLayer(inPieces(bytes), format, { maximumEntries });
    return 'no error';
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedError);
    return error instanceof MalformedError ? error.code : '';
  }
}

describe('hashLayer', () => {
  const file: TarMember = { name: 'a', content: 'content' };

  it('answers only the formats that are asked for', async () => {
    const one = await hashLayerFormats(inPieces(makeTar(file)), ['tarfs']);
    expect(one.ext4).toBeUndefined();
    expect(one.tarfs?.rootHash).toHaveLength(64);
  });

  it('resolves names against the root of an ext4 image, and leaves such entries out of a tarfs index', async () => {
    const outside = { ...file, name: '../../a' };
    expect(await rootHash('ext4', outside)).toBe(await rootHash('ext4', file));
    // One node, the root itself: the super block of the index counts what it has.
    expect(await inodesOfTarfs(outside)).toBe(1n);
    expect(await inodesOfTarfs(file)).toBe(2n);
  });

  it('keeps a name with a trailing slash a file in ext4 unless the archive is of the V7 kind', async () => {
    const slash = { name: 'd/', typeflag: '0' };
    expect(await rootHash('ext4', slash)).toBe(await rootHash('ext4', { name: 'd' }));
    expect(await rootHash('ext4', { ...slash, typeflag: '\0', mode: 0o755 })).toBe(
      await rootHash('ext4', { name: 'd/', typeflag: '5', mode: 0o755 }),
    );
  });

  it('makes a file of a global header in ext4, and nothing in tarfs', async () => {
    const global: TarMember = { name: 'pax', typeflag: 'g', pax: { comment: 'x' } };
    const noTime = '-62135596800';
    const empty: TarMember = { name: 'pax', mode: 0, pax: { mtime: noTime } };
    expect(await rootHash('ext4', global)).toBe(await rootHash('ext4', empty));
    expect(await inodesOfTarfs(global)).toBe(1n);
  });

  it('uses times and owners of PAX records in ext4', async () => {
    const plain = { ...file, mtime: 5, uid: 7 };
    const pax = { ...file, pax: { mtime: '5.0', uid: '7' } };
    expect(await rootHash('ext4', pax)).toBe(await rootHash('ext4', plain));
  });

  it('fills the holes of a sparse file', async () => {
    const sparse: TarMember = {
      name: 'GNUSparseFile.0/a',
      content: 'ab',
      pax: {
        'GNU.sparse.major': '0',
        'GNU.sparse.minor': '1',
        'GNU.sparse.name': 'a',
        'GNU.sparse.realsize': '10000',
        'GNU.sparse.numblocks': '2',
        'GNU.sparse.map': '0,1,9000,1',
      },
    };
    const full = Buffer.alloc(10_000);
    full.write('a', 0);
    full.write('b', 9000);
    expect(await rootHash('ext4', sparse)).toBe(await rootHash('ext4', { name: 'a', content: full }));
  });

  it('reads the map of a sparse file from the start of its content', async () => {
    const map = Buffer.alloc(512);
    map.write('2\n0\n1\n9000\n1\n');
    const records = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '10000' };
    const full = Buffer.alloc(10_000);
    full.write('a', 0);
    full.write('b', 9000);
    const sparse: TarMember = { name: 'a', content: Buffer.concat([map, Buffer.from('ab')]), pax: records };
    expect(await rootHash('ext4', sparse)).toBe(await rootHash('ext4', { name: 'a', content: full }));
  });

  it('keeps the attributes of a directory that becomes opaque, also those outside of the inode', async () => {
    const records = Object.fromEntries(
      Array.from({ length: 6 }, (_, index) => [`SCHILY.xattr.user.key${index}`, 'v'.repeat(40)]),
    );
    const directory: TarMember = { name: 'd/', typeflag: '5', pax: records };
    const marked = { ...directory, pax: { ...records, 'SCHILY.xattr.trusted.overlay.opaque': 'y' } };
    expect(await rootHash('ext4', directory, { name: 'd/.wh..wh..opq' })).toBe(await rootHash('ext4', marked));
  });
});

describe('hashLayer on hostile input', () => {
  const header = makeMember({ name: 'a' });

  it.each([
    ['a number that is not octal', makeTar({ name: 'a', sizeField: '99999999999' }), 'LAYER_TAR_MALFORMED'],
    ['a negative size', makeTar({ name: 'a', sizeField: '\xff'.repeat(12) }), 'LAYER_TAR_MALFORMED'],
    ['a size beyond 64 bits', makeTar({ name: 'a', sizeField: `\x80${'\xff'.repeat(11)}` }), 'LAYER_TAR_MALFORMED'],
    [
      'a size beyond the image',
      makeTar({ name: 'a', sizeField: `\x80${'\0'.repeat(5)}\x40${'\0'.repeat(5)}` }),
      'LAYER_LIMIT_EXCEEDED',
    ],
    ['a negative PAX size', makeTar({ name: 'a', pax: { size: '-1' } }), 'LAYER_TAR_MALFORMED'],
    ['content that is missing', makeMember({ name: 'a', sizeField: '77777777777' }), 'LAYER_TAR_TRUNCATED'],
    ['half a header', header.subarray(0, 300), 'LAYER_TAR_TRUNCATED'],
    ['a changed header', Buffer.concat([Buffer.from('b'), header.subarray(1)]), 'LAYER_TAR_MALFORMED'],
    ['one block of zeros and then more', Buffer.concat([Buffer.alloc(512), header]), 'LAYER_TAR_MALFORMED'],
    ['a PAX header of 2 MiB', makeTar({ name: 'a', typeflag: 'x', sizeField: '00010000000' }), 'LAYER_LIMIT_EXCEEDED'],
    [
      'endless extension headers',
      Buffer.concat(Array.from({ length: 20 }, () => makeMember({ name: 'l', typeflag: 'L', content: 'n' }))),
      'LAYER_LIMIT_EXCEEDED',
    ],
    [
      'a PAX record with a wrong length',
      makeTar({ name: 'a', typeflag: 'x', content: '99 path=b\n' }),
      'LAYER_TAR_MALFORMED',
    ],
    ['a PAX time that is none', makeTar({ name: 'a', pax: { mtime: 'now' } }), 'LAYER_TAR_MALFORMED'],
    [
      'too many files',
      makeTar(...Array.from({ length: 101 }, (_, index) => ({ name: `f${index}` }))),
      'LAYER_LIMIT_EXCEEDED',
    ],
    [
      'a name that is a thousand directories',
      makeTar({ name: 'a', pax: { path: 'd/'.repeat(1000) } }),
      'LAYER_LIMIT_EXCEEDED',
    ],
    ['a component of 256 bytes', makeTar({ name: 'a', pax: { path: 'n'.repeat(256) } }), 'LAYER_NAME_INVALID'],
    ['a file twice', makeTar({ name: 'a', content: 'x' }, { name: 'a', content: 'y' }), 'LAYER_ENTRY_CONFLICT'],
    ['a file in a file', makeTar({ name: 'a' }, { name: 'a/b' }), 'LAYER_ENTRY_CONFLICT'],
    ['a directory over a file', makeTar({ name: 'a' }, { name: 'a/', typeflag: '5' }), 'LAYER_ENTRY_CONFLICT'],
    ['a file over a directory', makeTar({ name: 'a/', typeflag: '5' }, { name: 'a' }), 'LAYER_ENTRY_CONFLICT'],
    [
      'a hard link to a directory',
      makeTar({ name: 'd/', typeflag: '5' }, { name: 'l', typeflag: '1', linkname: 'd' }),
      'LAYER_ENTRY_CONFLICT',
    ],
    [
      'too many attributes',
      makeTar({ name: 'a', pax: { 'SCHILY.xattr.user.a': 'v'.repeat(5000) } }),
      'LAYER_LIMIT_EXCEEDED',
    ],
    [
      'a sparse file whose runs overlap',
      makeTar({
        name: 'a',
        content: 'abc',
        pax: { 'GNU.sparse.map': '0,2,1,1', 'GNU.sparse.numblocks': '2', 'GNU.sparse.size': '9' },
      }),
      'LAYER_TAR_MALFORMED',
    ],
  ])('refuses %s with one clear error', async (_, bytes, expected) => {
    expect(await code(bytes)).toBe(expected);
  });

  it('holds the limit of files for a tarfs index too', async () => {
    const bytes = makeTar({ name: 'a', pax: { path: 'd/'.repeat(1000) } });
    expect(await code(bytes, 'tarfs')).toBe('LAYER_LIMIT_EXCEEDED');
  });

  it('hashes a sparse file of 40 GiB of holes without holding them', async () => {
    const records = { 'GNU.sparse.map': '0,1', 'GNU.sparse.numblocks': '1', 'GNU.sparse.size': String(40 * 2 ** 30) };
    const { imageBytes } = await hashLayer(inPieces(makeTar({ name: 'a', content: 'x', pax: records })), 'ext4');
    expect(imageBytes).toBeGreaterThan(40 * 2 ** 30);
  });

  it('stops with the reason of the signal', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(hashLayer(inPieces(makeTar({ name: 'a' })), 'ext4', { signal })).rejects.toBe(reason);
  });

  it('reports a failure of the hashing once, and only that', async () => {
    const reason = new Error('thread lost');
    const hashBlocks = () => Promise.reject(reason);
    await expect(hashLayer(inPieces(makeTar({ name: 'a' })), 'ext4', { hashBlocks })).rejects.toBe(reason);
  });
});
