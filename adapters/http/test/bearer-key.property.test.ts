import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { bearerKey } from '../src/bearer-key.ts';

describe('bearerKey', () => {
  it('finds a key after the scheme, in any case and with blanks around it', () => {
    const scheme = fc.mixedCase(fc.constant('bearer '));
    const blanks = fc.string({ unit: fc.constantFrom(' ', '\t') });
    const key = fc.string({ unit: 'grapheme-ascii', minLength: 1 }).filter((text) => text.trim() === text);
    fc.assert(
      fc.property(blanks, scheme, key, blanks, (before, bearer, value, after) => {
        expect(bearerKey(before + bearer + value + after)).toBe(value);
      }),
    );
  });

  it('finds none without the scheme', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/^\s*bearer /i.test(text));
        expect(bearerKey(text)).toBeUndefined();
      }),
    );
  });
});
