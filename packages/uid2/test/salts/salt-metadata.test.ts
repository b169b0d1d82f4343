import { MalformedError } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseSaltMetadata } from '../../src/salts/salt-metadata.ts';
import { thrownBy } from '../operator-vectors.ts';

const METADATA = {
  version: 7,
  generated: 1_800_000_000,
  first_level: 'first',
  id_prefix: 'a',
  id_secret: 'secret',
  salts: [
    { effective: 1000, expires: 2000, location: 'salts/1', size: 5 },
    { effective: 2000, location: 'salts/2', size: 1_048_576 },
  ],
};

describe('parseSaltMetadata', () => {
  it('reads every field and lets entries without an end expire a year after loading', () => {
    expect(parseSaltMetadata(METADATA, 50)).toEqual({
      version: 7,
      firstLevelSalt: 'first',
      idPrefix: 'a',
      idSecret: 'secret',
      salts: [
        { effective: 1000, expires: 2000, location: 'salts/1', size: 5 },
        { effective: 2000, expires: 50 + 365 * 86_400_000, location: 'salts/2', size: 1_048_576 },
      ],
    });
  });

  it.each([
    ['a missing first-level salt', { ...METADATA, first_level: undefined }],
    ['a version that is a text', { ...METADATA, version: '7' }],
    ['salts that are no list', { ...METADATA, salts: {} }],
    ['an entry without a size', { ...METADATA, salts: [{ effective: 1, expires: 2, location: 'x' }] }],
    ['a size of zero', { ...METADATA, salts: [{ effective: 1, expires: 2, location: 'x', size: 0 }] }],
    ['a size beyond memory', { ...METADATA, salts: [{ effective: 1, expires: 2, location: 'x', size: 1e12 }] }],
    ['a list', []],
    ['null', null],
  ])('refuses %s', (_name, json) => {
    expect(thrownBy(() => parseSaltMetadata(json, 0))).toMatchObject({ code: 'SALT_METADATA_MALFORMED' });
  });

  it('fails with its own error for arbitrary JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        expect(thrownBy(() => parseSaltMetadata(json, 0))).toBeInstanceOf(MalformedError);
      }),
    );
  });
});
