import fc from 'fast-check';
import { expect, it } from 'vitest';

import { jsonText } from '../src/json-text.ts';

it('every text comes back from JSON, with a question mark for each unpaired surrogate', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(JSON.parse(jsonText(text))).toBe(text.isWellFormed() ? text : text.replaceAll(/\p{Surrogate}/gu, '?'));
    }),
  );
  expect(JSON.parse(jsonText('a\ud800b"\\\u0001'))).toBe('a?b"\\\u0001');
});
