import { Buffer } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';

import { loadVectors, vectorsFolder } from '@holdfast/base/testing';
import { thorough } from '@holdfast/base/testing/thorough';
import { MalformedError } from '@holdfast/base';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { hashLayer, hashLayerFormats } from '../../src/layers/index.ts';
import { makeMember } from './tar-builder.ts';

const hashed = z.object({ rootHash: z.string(), imageBytes: z.number() });
const layerCase = z.object({
  id: z.string(),
  kind: z.literal('layer-hash'),
  tarSha256: z.string(),
  tarBytes: z.number(),
  ext4: z.union([hashed, z.object({ error: z.string() })]),
  tarfs: hashed.nullable(),
  file: z.string().optional(),
  recipe: z.string().optional(),
});
const index = z.object({ cases: z.array(z.object({ kind: z.string() }).loose()) });

/** Archives of 640 MiB and of 33,000 files: `npm run test:slow` has them. */
const LARGE: ReadonlySet<string> = new Set(['layer-hash/six-extents', 'layer-hash/many-inodes']);

const folder = vectorsFolder();
const vectors = loadVectors('policy/index.json');
const cases =
  vectors === undefined
    ? []
    : index
        .parse(vectors)
        .cases.filter(({ kind }) => kind === 'layer-hash')
        .map((entry) => layerCase.parse(entry))
        .filter(({ id }) => thorough || !LARGE.has(id));

/** The archives that are described instead of delivered. */
const RECIPES: Readonly<Record<string, () => Generator<Buffer>>> = {
  *'layer-hash/many-inodes'() {
    for (let file = 0; file < 33_000; file += 1)
      yield makeMember({ name: `f${String(file).padStart(5, '0')}`, mode: 0o644 });
  },
  *'layer-hash/six-extents'() {
    const size = 4096 * (32_768 * 5 + 10);
    yield makeMember({ name: 'big', sizeField: size.toString(8).padStart(11, '0') });
    for (let left = size; left > 0; left -= 4096 * 10) yield Buffer.alloc(4096 * 10);
  },
  *'layer-hash/mb'() {
    yield makeMember({
      name: 'mb',
      content: Buffer.alloc(256 * 12_288, Buffer.from(Array.from({ length: 256 }, (_, i) => i))),
    });
  },
};

function source(id: string, file: string | undefined, tarBytes: number): AsyncIterable<Uint8Array> {
  return file === undefined || folder === undefined
    ? recipe(id, tarBytes)
    : createReadStream(join(folder, 'policy', file));
}

async function* recipe(id: string, tarBytes: number): AsyncGenerator<Buffer> {
  await Promise.resolve();
  let given = 0;
  for (const piece of RECIPES[id]?.() ?? []) {
    given += piece.length;
    yield piece;
  }
  yield Buffer.alloc(tarBytes - given);
}

describe.skipIf(cases.length === 0)('hashLayer on layers that the reference converters hashed', () => {
  it.each(cases)(
    '$id: both root hashes in one pass',
    { timeout: 60_000 },
    async ({ id, file, tarBytes, ...expected }) => {
      if ('error' in expected.ext4) {
        await expect(hashLayer(source(id, file, tarBytes), 'ext4')).rejects.toThrow(MalformedError);
        const { rootHash, imageBytes } = await hashLayer(source(id, file, tarBytes), 'tarfs');
        expect({ rootHash, imageBytes }).toEqual(expected.tarfs);
        return;
      }
      const hashes = await hashLayerFormats(source(id, file, tarBytes), ['ext4', 'tarfs']);
      expect(hashes.diffId).toBe(`sha256:${expected.tarSha256}`);
      expect(hashes.tarBytes).toBe(tarBytes);
      expect(hashes.ext4).toEqual(expected.ext4);
      if (expected.tarfs !== null) expect(hashes.tarfs).toEqual(expected.tarfs);
    },
  );

  it('gives the published hashes of a layer without entries', async () => {
    const ext4 = '8b4842f06982817534a75bcf71865213b09dfa8313229c384e5201dadbd75e25';
    for (const length of [0, 512, 1024, 10_240]) {
      const { rootHash } = await hashLayer(source('', undefined, length), 'ext4');
      expect(rootHash).toBe(ext4);
    }
    const { rootHash } = await hashLayer(source('', undefined, 1024), 'tarfs');
    expect(rootHash).toBe('67450082ab56da1aecc5eae2f18d980cd9e7306e79334a1a826a91cfd90114a8');
  });
});
