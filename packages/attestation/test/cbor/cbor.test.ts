import { Buffer } from 'node:buffer';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeCbor } from '../../src/cbor/decode.ts';
import { encodeCbor } from '../../src/cbor/encode.ts';
import { CborTagged } from '../../src/cbor/value.ts';
import type { CborValue } from '../../src/cbor/value.ts';
import { codeOf } from '../support/chain.ts';
import { fromBase64Text } from '../support/vectors.ts';

const { item } = fc.letrec<{ item: CborValue }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small' },
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('item'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.oneof(fc.string(), fc.integer()), tie('item')), { maxLength: 4 })
      .map((entries) => new Map(entries)),
    tie('item').map((value) => new CborTagged(18, value)),
  ),
}));

describe('CBOR', () => {
  it('round trips', () => {
    fc.assert(
      fc.property(item, (value) => {
        expect(decodeCbor(encodeCbor(value))).toEqual(value);
      }),
    );
  });

  it('encodes the examples of RFC 8949 appendix A', () => {
    const hex = (value: CborValue): string => Buffer.from(encodeCbor(value)).toString('hex');
    expect(hex(23)).toBe('17');
    expect(hex(24)).toBe('1818');
    expect(hex(1_000_000_000_000)).toBe('1b000000e8d4a51000');
    expect(hex(-1000)).toBe('3903e7');
    expect(hex('IETF')).toBe('6449455446');
    expect(hex([1, [2, 3], [4, 5]])).toBe('8301820203820405');
    expect(hex(new Map([['a', 1]]))).toBe('a1616101');
  });

  it('reads items of indefinite length as those of definite length', () => {
    const indefinite = decodeCbor(fromBase64Text('bf61619f015f41024103ff7f61626163ffffff', 'hex'));
    expect(indefinite).toEqual(new Map([['a', [1, Uint8Array.of(2, 3), 'bc']]]));
  });

  it.each([
    ['an indefinite array without its break', '9f01'],
    ['a break where an item is due', 'ff'],
    ['a break between key and value', 'bf01ff'],
    ['an indefinite text that cuts a character', '7f61c361a4ff'],
    ['an indefinite byte string with a text in it', '5f6161ff'],
    ['an indefinite string inside an indefinite string', '5f5f4101ffff'],
    ['an indefinite map with a doubled key', 'bf01010102ff'],
    ['an indefinite integer', '1f'],
    ['a doubled key', 'a201010102'],
    ['a byte string as a key', 'a1410101'],
    ['a text that is not UTF-8', '61ff'],
    ['a length beyond the end', '5b00ffffffffffffff'],
    ['a huge array', '9affffffff'],
    ['undefined', 'f7'],
    ['trailing bytes', '0101'],
    ['too many levels', '81'.repeat(40) + '01'],
    ['nothing', ''],
  ])('refuses %s', (_name, hex) => {
    expect(codeOf(() => decodeCbor(fromBase64Text(hex, 'hex')))).toBe('CBOR_MALFORMED');
  });

  it('lets only our errors escape, whatever bytes come in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(codeOf(() => decodeCbor(bytes))).toMatch(/^(?:CBOR_MALFORMED|nothing)$/);
      }),
    );
  });
});
