import { fromHex, toBase64, toBase64Url, toHex } from '@holdfast/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeLenientBase64, decodeLenientBase64Url } from '../../src/encoding/lenient-base64.ts';
import { vectorGroup, vectorsMissing } from '../operator-vectors.ts';

describe('decodeLenientBase64', () => {
  it('decodes what standard encoders write, with and without padding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = toBase64(bytes);
        expect(toHex(decodeLenientBase64(text) ?? new Uint8Array(1))).toBe(toHex(bytes));
        expect(toHex(decodeLenientBase64(text.replaceAll('=', '')) ?? new Uint8Array(1))).toBe(toHex(bytes));
      }),
    );
  });

  it.each([
    ['the empty text', '', ''],
    ['non-zero trailing bits', 'QR==', '41'],
    ['non-zero trailing bits without padding', 'QR', '41'],
  ])('accepts %s', (_name, text, hex) => {
    expect(toHex(decodeLenientBase64(text) ?? new Uint8Array(9))).toBe(hex);
  });

  it.each([
    ['URL-safe letters', '-_-_'],
    ['white space', 'QUJD RUZH'],
    ['a line break at the end', 'QUJD\n'],
    ['incomplete padding', 'QQ='],
    ['too much padding', 'QQ==='],
    ['padding where none is needed', 'QUJD='],
    ['a whole group of padding', 'QUJD===='],
    ['padding alone', '='],
    ['padding in the middle', 'QQ==QUJD'],
    ['a dangling letter', 'QUJDR'],
    ['a dangling letter with padding', 'QUJDR==='],
    ['letters outside ASCII', 'QUJé'],
  ])('refuses %s', (_name, text) => {
    expect(decodeLenientBase64(text)).toBeUndefined();
  });
});

it('texts of any letters are refused, or taken, as looking at every letter would', () => {
  const letter = fc.constantFrom(
    'A',
    'z',
    '9',
    '+',
    '/',
    '-',
    '_',
    '=',
    ' ',
    '\n',
    '\0',
    'é',
    '\u012b',
    '\uff21',
    '\ud800',
  );
  const text = fc.tuple(fc.base64String(), fc.array(letter, { maxLength: 5 }), fc.base64String());
  const shape = (alphabet: string) =>
    new RegExp(`^(?:[${alphabet}]{4})*(?:[${alphabet}]{2}(?:==)?|[${alphabet}]{3}=?)?$`);
  const [standard, urlSafe] = [shape('A-Za-z0-9+/'), shape('A-Za-z0-9_-')];
  fc.assert(
    fc.property(text, ([before, between, after]) => {
      const whole = before.replaceAll('=', '') + between.join('') + after;
      expect(decodeLenientBase64(whole) !== undefined).toBe(standard.test(whole));
      expect(decodeLenientBase64Url(whole) !== undefined).toBe(urlSafe.test(whole));
    }),
    { numRuns: 3000 },
  );
});

describe('decodeLenientBase64Url', () => {
  it('tolerates correct padding and refuses the standard alphabet', () => {
    expect(decodeLenientBase64Url('_-A=')).toEqual(decodeLenientBase64Url('_-A'));
    expect(decodeLenientBase64Url('_-A')).toBeDefined();
    expect(decodeLenientBase64Url('/+A')).toBeUndefined();
  });

  describe.skipIf(vectorsMissing)('known answers', () => {
    it.each(vectorGroup<{ bytes_hex: string; base64url: string }>('base64url'))('agrees on $base64url', (vector) => {
      expect(toHex(decodeLenientBase64Url(vector.base64url) ?? new Uint8Array())).toBe(vector.bytes_hex);
      expect(toBase64Url(fromHex(vector.bytes_hex))).toBe(vector.base64url);
    });
  });
});
