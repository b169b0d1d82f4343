import { fromHex } from '@holdfast/base';
import { describe, expect, it } from 'vitest';

import { SaltTableBuilder } from '../../src/salts/salt-table-builder.ts';
import { vectorGroup, vectorsMissing } from '../operator-vectors.ts';

const tableOf = (size: number) => new SaltTableBuilder({ size, idPrefix: '', idSecret: '' }).finish();

describe.skipIf(vectorsMissing)('SaltTable.indexOf known answers', () => {
  const million = tableOf(1_048_576);
  const thousand = tableOf(1000);
  const five = tableOf(5);

  it.each(
    vectorGroup<{ first_level_hash_hex: string; index_1048576: number; index_mod_5: number; index_mod_1000: number }>(
      'salt_index',
    ),
  )('finds $first_level_hash_hex', (vector) => {
    const flh = fromHex(vector.first_level_hash_hex);
    expect(million.indexOf(flh)).toBe(vector.index_1048576);
    expect(thousand.indexOf(flh)).toBe(vector.index_mod_1000);
    expect(five.indexOf(flh)).toBe(vector.index_mod_5);
  });

  it.each(
    vectorGroup<{ first_level_hash_hex: string; salt_index_1048576: number; salt_index_mod_5: number }>(
      'first_level_hash',
    ),
  )('finds the bucket of $first_level_hash_hex', (vector) => {
    const flh = fromHex(vector.first_level_hash_hex);
    expect(million.indexOf(flh)).toBe(vector.salt_index_1048576);
    expect(five.indexOf(flh)).toBe(vector.salt_index_mod_5);
  });
});
