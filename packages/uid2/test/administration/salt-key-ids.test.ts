import { describe, expect, it } from 'vitest';

import { saltKeyIds } from '../../src/administration/index.ts';
import { coreVector, hasVectors } from '../uid2-vectors.ts';
import { saltTable } from './salt-fixture.ts';

interface SequenceVector {
  readonly cases: readonly { readonly existing: readonly number[]; readonly next: readonly number[] }[];
}

describe('ids of salt key material', () => {
  it('begin at 0 where no bucket has a key', () => {
    const next = saltKeyIds(saltTable([{ ageDays: 1 }]));
    expect([next(), next(), next()]).toEqual([0, 1, 2]);
  });

  describe.skipIf(!hasVectors)('as in the reference', () => {
    const { cases } = coreVector<SequenceVector>('salt-key-id-sequence');

    it.each(cases ?? [])('after $existing come $next', ({ existing, next }) => {
      const table = saltTable(
        existing.map((id, index) => ({
          ageDays: index === 0 ? 20 : 10,
          salt: undefined,
          currentKey: { id, key: 'key', salt: 'salt' },
        })),
      );
      const draw = saltKeyIds(table);
      expect(next.map(() => draw())).toEqual(next);
    });
  });
});
