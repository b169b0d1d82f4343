import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createBucketIdEncoder, createBucketIdWriter } from '../../src/salts/bucket-id.ts';
import { vectorGroup, vectorsMissing } from '../operator-vectors.ts';

describe('createBucketIdEncoder', () => {
  describe.skipIf(vectorsMissing)('known answers', () => {
    it.each(vectorGroup<{ id_prefix: string; id_secret: string; salt_id: number; bucket_id: string }>('bucket_id'))(
      'names $salt_id $bucket_id',
      (vector) => {
        expect(createBucketIdEncoder(vector.id_prefix, vector.id_secret)(vector.salt_id)).toBe(vector.bucket_id);
      },
    );
  });

  it('gives different ids different names of at least nine letters', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.nat(), (secret, a, b) => {
        const encode = createBucketIdEncoder('p', secret);
        expect(encode(a)).toMatch(/^p[a-zA-Z0-9]{9,}$/);
        expect(encode(a) === encode(b)).toBe(a === b);
      }),
    );
  });

  it('writes what it encodes, and not beyond', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), fc.nat(20), (prefix, secret, id, start) => {
        const { encode, write, maxLength } = createBucketIdWriter(prefix.toWellFormed(), secret);
        const target = new Uint8Array(start + maxLength + 5).fill(0xff);
        const length = write(id, target, start);
        expect(length).toBeLessThanOrEqual(maxLength);
        expect(Buffer.from(target.subarray(start, start + length)).toString('utf8')).toBe(encode(id));
        expect(target.subarray(start + length).every((byte) => byte === 0xff)).toBe(true);
      }),
    );
  });
});
