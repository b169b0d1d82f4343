import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  fromBase64,
  fromBase64Url,
  fromHex,
  fromUtf8,
  MalformedError,
  toBase64,
  toBase64Url,
  toHex,
  toUtf8,
} from '../src/index.ts';

const codecs = [
  { name: 'hex', encode: toHex, decode: fromHex, invalid: ['a', 'zz', '0x00', 'aa ', 'aa\n'] },
  {
    name: 'Base64',
    encode: toBase64,
    decode: fromBase64,
    invalid: ['A', 'AA', 'AAA', 'AB==', 'AAF=', 'AA-_', 'AAAA ', 'AA==AA=='],
  },
  {
    name: 'URL-safe Base64',
    encode: toBase64Url,
    decode: fromBase64Url,
    invalid: ['A', 'AA==', 'AB', 'AAF', 'AA+/', 'AAAA\n'],
  },
];

describe.each(codecs)('$name', ({ encode, decode, invalid }) => {
  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decode(encode(bytes))).toEqual(bytes);
      }),
    );
  });

  it.each(invalid)('refuses %j', (text) => {
    expect(() => decode(text)).toThrow(MalformedError);
  });

  it('accepts a text only if it would write the same text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), (text) => {
        let bytes: Uint8Array;
        try {
          bytes = decode(text);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(MalformedError);
          return;
        }
        expect(encode(bytes).toLowerCase()).toBe(text.toLowerCase());
      }),
    );
  });
});

describe('UTF-8', () => {
  it('decodes what it encodes, a byte order mark included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(fromUtf8(toUtf8(text))).toBe(text);
      }),
    );
    expect(fromUtf8(new Uint8Array([0xef, 0xbb, 0xbf]))).toBe('\ufeff');
  });

  it('refuses bytes that are not well-formed', () => {
    expect(() => fromUtf8(new Uint8Array([0xc3]))).toThrow(MalformedError);
  });
});
