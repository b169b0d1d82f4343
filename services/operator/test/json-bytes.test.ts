import fc from 'fast-check';
import { expect, it } from 'vitest';

import { JsonBytes, jsonPiece } from '../src/json-bytes.ts';
import { jsonText } from '../src/json-text.ts';

function textOf(bytes: JsonBytes): string {
  return Buffer.from(bytes.written).toString('utf8');
}

it('string literals are those of jsonText, whatever they hold', () => {
  const letters = fc.constantFrom('a', '"', '\\', '\n', 'é', '\u007f', '\u2028', '😀', '\ud800', '\u0000');
  fc.assert(
    fc.property(fc.array(letters), fc.nat(10), (pieces, sizeHint) => {
      const text = pieces.join('');
      expect(textOf(new JsonBytes(sizeHint).string('x').string(text))).toBe(`"x"${jsonText(text)}`);
    }),
  );
});

it.each([0, 7, 99_999, 100_000, 1_806_364_800, 9_999_900_000, 9_999_999_999, 10_000_000_000, -5, 2 ** 53 - 1])(
  'the integer %i is written in full',
  (value) => {
    expect(textOf(new JsonBytes(0).integer(value))).toBe(String(value));
  },
);

it('any integer is written in full', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      expect(textOf(new JsonBytes(0).integer(value))).toBe(String(value));
    }),
  );
});

it('more fits than was expected', () => {
  const piece = jsonPiece('0123456789');
  const all = new JsonBytes(0);
  for (let i = 0; i < 1000; i += 1) all.append(new JsonBytes(0).bytes(piece).bytes(piece, 2, 3));
  expect(textOf(all)).toBe('0123456789234'.repeat(1000));
});
