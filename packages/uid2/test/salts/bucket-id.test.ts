import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createBucketIdEncoder } from '../../src/salts/bucket-id.ts';
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
});
