import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatJson, parseJson } from '../../src/json/json.ts';
import { codeOf } from '../support/chain.ts';

describe('parseJson', () => {
  it('agrees with the built-in parser on what it accepts', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        // The built-in parser keeps the last of doubled members, which we refuse; fc.json makes none.
        expect(JSON.parse(formatJson(parseJson(text, 'X')))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps integers beyond 2^53 exactly', () => {
    expect(parseJson('7394904505194784658', 'X')).toBe(7394904505194784658n);
    expect(formatJson(parseJson('{"n":18446744073709551615}', 'X'))).toBe('{"n":18446744073709551615}');
  });

  it('treats __proto__ as a member like any other', () => {
    const value = parseJson('{"__proto__":{"a":1}}', 'X') as object;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect('a' in value).toBe(false);
  });

  it.each([
    '',
    ' ',
    '{',
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a":1,}',
    '[1,]',
    '01',
    '1.',
    '+1',
    'NaN',
    '1e999',
    '"\\x"',
    '"\\ud800"',
    '"a\nb"',
    'nul',
    '1 2',
    '['.repeat(100),
    '9'.repeat(60),
  ])('refuses %s', (text) => {
    expect(codeOf(() => parseJson(text, 'X'))).toBe('X');
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(codeOf(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), 'X'))).toBe('X');
  });

  it('lets only our errors escape, whatever text comes in', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('{}[]",:\\u0019 ent-.')) }), (text) => {
        expect(codeOf(() => parseJson(text, 'X'))).toMatch(/^(?:X|nothing)$/);
      }),
    );
  });

  it('reads fractions as null for readers that know integers only', () => {
    expect(parseJson('[1, 1.0, 1e0, -2, 0.5, 18446744073709551615]', 'X', { fractions: 'null' })).toEqual([
      1,
      null,
      null,
      -2,
      null,
      18_446_744_073_709_551_615n,
    ]);
  });
});
