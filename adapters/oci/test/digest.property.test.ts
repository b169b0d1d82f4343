import fc from 'fast-check';
import { describe, test } from 'vitest';

import { sha256Digest, verifiedChunks } from '../src/digest.ts';
import { collect } from './support/images.ts';

async function* inChunks(bytes: Uint8Array, step: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield await Promise.resolve(bytes.subarray(at, at + step));
}

const content = fc.uint8Array({ minLength: 1, maxLength: 300 });
const step = fc.integer({ min: 1, max: 100 });

describe('verifiedChunks', () => {
  test('hands on exactly what it was given', async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(content, step, async (bytes, step) => {
        const expected = { digest: sha256Digest(bytes), size: bytes.length };
        const read = await collect(verifiedChunks(inChunks(bytes, step), expected, 'blob'));
        expect(read.equals(bytes)).toBe(true);
      }),
    );
  });

  test('fails for one flipped bit, for fewer bytes and for more', async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(content, step, fc.nat(), fc.nat(7), async (bytes, step, place, bit) => {
        const expected = { digest: sha256Digest(bytes), size: bytes.length };
        const flipped = bytes.slice();
        const at = place % bytes.length;
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        const changes = [
          [flipped, 'IMAGE_DIGEST_MISMATCH'],
          [bytes.subarray(0, at), 'IMAGE_SIZE_MISMATCH'],
          [Buffer.concat([bytes, Buffer.alloc(1)]), 'IMAGE_SIZE_MISMATCH'],
        ] as const;
        for (const [changed, code] of changes) {
          await expect(collect(verifiedChunks(inChunks(changed, step), expected, 'blob'))).rejects.toMatchObject({
            code,
          });
        }
      }),
      { numRuns: 50 },
    );
  });
});
