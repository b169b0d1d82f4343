import { Buffer } from 'node:buffer';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { InternalError, RequestError, VerificationError } from '@holdfast/base';
import { hashLayerFormats, LAYER_HASHER_VERSION } from '@holdfast/policy/layers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { createBlockHashingPool, createLayerHashCache, createLayerHasher } from '../../src/index.ts';
import type { BlockHashingPool } from '../../src/index.ts';

const DIFF_ID = `sha256:${'ab'.repeat(32)}`;
const ROOT = 'cd'.repeat(32);
/** The root hash of a layer without entries. */
const EMPTY_EXT4 = '8b4842f06982817534a75bcf71865213b09dfa8313229c384e5201dadbd75e25';

let folder = '';
let pool: BlockHashingPool | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-layers-'));
});

afterEach(async () => {
  await pool?.close();
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** An archive without entries, longer than a batch of blocks. */
async function* emptyLayer(): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  for (let piece = 0; piece < 50; piece += 1) yield Buffer.alloc(100_000);
}

describe('createBlockHashingPool', () => {
  it('gives the hashes that one thread gives, for several layers at once', async () => {
    pool = createBlockHashingPool({ threads: 2 });
    const { hashBlocks } = pool;
    const expected = await hashLayerFormats(emptyLayer(), ['ext4', 'tarfs']);
    const all = await Promise.all(
      [1, 2, 3].map(() => hashLayerFormats(emptyLayer(), ['ext4', 'tarfs'], { hashBlocks })),
    );
    expect(all).toEqual([expected, expected, expected]);
    expect(expected.ext4?.rootHash).toBe(EMPTY_EXT4);
  });

  it('fails what is under way, and what comes later, when it is closed', async () => {
    pool = createBlockHashingPool({ threads: 1 });
    const { hashBlocks } = pool;
    const work = hashLayerFormats(emptyLayer(), ['tarfs'], { hashBlocks });
    const outcome = work.then(
      () => 'hashed',
      (error: unknown) => error,
    );
    await pool.close();
    expect(await outcome).toBeInstanceOf(InternalError);
    await expect(hashLayerFormats(emptyLayer(), ['tarfs'], { hashBlocks })).rejects.toThrow('closed');
  });
});

describe('createLayerHashCache', () => {
  it('finds what was put, by diff id and format', async () => {
    const cache = createLayerHashCache(join(folder, 'found'));
    expect(await cache.get(DIFF_ID, 'ext4')).toBeUndefined();
    await cache.put(DIFF_ID, 'ext4', ROOT);
    expect(await cache.get(DIFF_ID, 'ext4')).toBe(ROOT);
    expect(await cache.get(DIFF_ID, 'tarfs')).toBeUndefined();
  });

  it('leaves one whole file when many write at once', async () => {
    const shared = join(folder, 'shared');
    const caches = Array.from({ length: 20 }, () => createLayerHashCache(shared));
    await Promise.all(caches.map((cache) => cache.put(DIFF_ID, 'ext4', ROOT)));
    expect(await readdir(join(shared, LAYER_HASHER_VERSION, 'ext4'))).toEqual(['ab'.repeat(32)]);
    expect(await caches[0]?.get(DIFF_ID, 'ext4')).toBe(ROOT);
  });

  it('takes a damaged or empty file for missing', async () => {
    const cache = createLayerHashCache(join(folder, 'damaged'));
    await cache.put(DIFF_ID, 'ext4', ROOT);
    const file = join(folder, 'damaged', LAYER_HASHER_VERSION, 'ext4', 'ab'.repeat(32));
    for (const text of ['', ROOT.slice(1), `${ROOT}${ROOT}`]) {
      await writeFile(file, text);
      expect(await cache.get(DIFF_ID, 'ext4')).toBeUndefined();
    }
  });

  it('never stores an empty hash, and takes no path for a diff id', async () => {
    const cache = createLayerHashCache(join(folder, 'refused'));
    await expect(cache.put(DIFF_ID, 'ext4', '')).rejects.toThrow(RequestError);
    await expect(cache.get('sha256:../../etc/passwd', 'ext4')).rejects.toThrow(RequestError);
  });
});

describe('createLayerHasher', () => {
  it('hashes once and knows the layer afterwards', async () => {
    const hasher = createLayerHasher({ cache: createLayerHashCache(join(folder, 'hasher')) });
    const { diffId } = await hashLayerFormats(emptyLayer(), []);
    expect(await hasher.lookup?.(diffId, ['ext4'])).toBeUndefined();
    expect(await hasher.hash(emptyLayer(), ['ext4'], { diffId })).toEqual({ diffId, rootHashExt4: EMPTY_EXT4 });
    expect(await hasher.lookup?.(diffId, ['ext4'])).toEqual({ rootHashExt4: EMPTY_EXT4 });
    expect(await hasher.lookup?.(diffId, ['ext4', 'tarfs'])).toBeUndefined();
  });

  it('refuses a layer that is not the promised one and keeps nothing of it', async () => {
    const cache = createLayerHashCache(join(folder, 'mismatch'));
    const hasher = createLayerHasher({ cache });
    await expect(hasher.hash(emptyLayer(), ['ext4'], { diffId: DIFF_ID })).rejects.toThrow(VerificationError);
    expect(await cache.get(DIFF_ID, 'ext4')).toBeUndefined();
  });

  it('stops when its signal says so', async () => {
    const reason = new Error('enough');
    const hasher = createLayerHasher({ signal: AbortSignal.abort(reason) });
    await expect(hasher.hash(emptyLayer(), ['ext4'], { diffId: DIFF_ID })).rejects.toBe(reason);
  });
});
