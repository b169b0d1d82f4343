import { Buffer } from 'node:buffer';

import { PlatformError } from '@holdfast/base';
import { everyOrEach, runsOf } from '@holdfast/base/testing/thorough';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { hashLayerFormats } from '../../src/layers/index.ts';
import type { HashBlocks, LayerFormat, LayerHashes } from '../../src/layers/index.ts';
import { hashBlocksHere } from '../../src/layers/verity.ts';
import { inPieces, makeTar } from './tar-builder.ts';

const BOTH: readonly LayerFormat[] = ['ext4', 'tarfs'];
const sample = makeTar(
  { name: 'etc/', typeflag: '5', mode: 0o755 },
  { name: 'etc/passwd', content: 'root:x:0:0\n', pax: { mtime: '1700000000.25', 'SCHILY.xattr.user.a': 'b' } },
  { name: 'etc/big', content: Buffer.alloc(9000, 7) },
  { name: 'etc/link', typeflag: '1', linkname: 'etc/passwd' },
  { name: 'usr/bin/tool', typeflag: '2', linkname: '../../etc/big' },
  { name: 'etc/.wh.gone' },
  { name: 'comment', typeflag: 'g', pax: { comment: 'hello' } },
);

async function hash(bytes: Uint8Array, cuts: readonly number[] = []): Promise<LayerHashes> {
  return hashLayerFormats(inPieces(bytes, cuts), BOTH);
}

/** The hashes, or the code of our own error; anything else fails the test. */
async function outcome(bytes: Uint8Array): Promise<LayerHashes | string> {
  try {
    return await hash(bytes);
  } catch (error) {
    if (error instanceof PlatformError) return error.code;
    throw error;
  }
}

describe('hashLayer on any input', () => {
  it('gives the same hashes wherever the archive is cut into pieces', async () => {
    const expected = await hash(sample);
    const cut = fc.array(fc.integer({ min: 0, max: sample.length }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(cut, async (cuts) => {
        expect(await hash(sample, cuts)).toEqual(expected);
      }),
      { numRuns: runsOf(20, 60) },
    );
  });

  it('gives the same hashes when the archive comes byte by byte', async () => {
    const everywhere = Array.from({ length: sample.length }, (_, index) => index);
    expect(await hash(sample, everywhere)).toEqual(await hash(sample));
  });

  it('gives the same hashes when batches of blocks are hashed late and out of order', async () => {
    const large = makeTar(
      ...Array.from({ length: 40 }, (_, file) => ({ name: `f${file}`, content: Buffer.alloc(150_000, file) })),
    );
    const expected = await hash(large);
    const waiting: (() => void)[] = [];
    const late: HashBlocks = (blocks, digests) =>
      new Promise((resolve) => {
        waiting.push(() => {
          hashBlocksHere(blocks, digests);
          resolve();
        });
        queueMicrotask(() => waiting.splice(Math.floor(waiting.length / 2), 1)[0]?.());
      });
    expect(await hashLayerFormats(inPieces(large), BOTH, { hashBlocks: late })).toEqual(expected);
  });

  it('answers hashes or one of our errors for an archive that is cut at any length', async () => {
    const small = makeTar({ name: 'a', content: 'content', pax: { mtime: '1.5' } }, { name: 'd/', typeflag: '5' });
    const whole = await hash(small);
    for (let length = 0; length < small.length; length += everyOrEach(19)) {
      const cut = await outcome(small.subarray(0, length));
      if (typeof cut !== 'string') expect(cut.diffId).not.toBe(whole.diffId);
      else expect(cut).toBe('LAYER_TAR_TRUNCATED');
    }
  });

  it('never gives the same hash once a bit is flipped', async () => {
    const whole = await hash(sample);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: sample.length * 8 - 1 }), async (bit) => {
        const changed = Uint8Array.from(sample);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const result = await outcome(changed);
        if (typeof result === 'string') return;
        expect(result.tarfs?.rootHash).not.toBe(whole.tarfs?.rootHash);
      }),
      { numRuns: runsOf(100, 300) },
    );
  });

  it('answers hashes or one of our errors for arbitrary bytes behind a valid header', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3000 }),
        fc.constantFrom('x', 'g', 'L', 'K', 'S', '0'),
        async (bytes, typeflag) => {
          const tar = Buffer.concat([makeTar({ name: 'a', typeflag, content: bytes }), Buffer.from(bytes)]);
          await outcome(tar);
        },
      ),
      { numRuns: runsOf(100, 200) },
    );
  });
});
