import fc from 'fast-check';
import { expect, it } from 'vitest';

import { normalizeEmail } from '../../src/identity/normalize-email.ts';
import { writePlainEmail } from '../../src/identity/plain-email.ts';

function plain(text: string, limit = 55): string | undefined {
  const target = new Uint8Array(300);
  const length = writePlainEmail(text, target, 10, limit);
  return length < 0 ? undefined : Buffer.from(target.subarray(10, 10 + length)).toString('latin1');
}

it.each([
  ['user@example.com', 'user@example.com'],
  ['First.Last+tag@Example.COM', 'first.last+tag@example.com'],
  ['plain@gmail.com', 'plain@gmail.com'],
  ['a.b+c@gmail.co', 'a.b+c@gmail.co'],
  ['a@gmail.com.', 'a@gmail.com.'],
  ['a\t@b', 'a\t@b'],
])('writePlainEmail writes %j as %j', (text, normalized) => {
  expect(plain(text)).toBe(normalized);
  expect(normalizeEmail(text)).toBe(normalized);
});

it.each([
  'a.b@gmail.com',
  'a+b@GMAIL.com',
  'a b@c.d',
  'a@b ',
  'ü@b.c',
  'no address',
  'a@b@c',
  '@b',
  'a@',
  '@',
  '',
  `${'a'.repeat(54)}@b`,
])('writePlainEmail leaves %j to normalizeEmail', (text) => {
  expect(plain(text)).toBeUndefined();
});

it('what writePlainEmail writes is what normalizeEmail answers', () => {
  const letters = fc.constantFrom(
    'a',
    'Z',
    '.',
    '+',
    '@',
    ' ',
    'gmail.com',
    '@gmail.com',
    '@Gmail.Com',
    '\u007f',
    'é',
    '0',
  );
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('');
      const written = plain(text);
      if (written !== undefined) expect(written).toBe(normalizeEmail(text));
    }),
    { numRuns: 2000 },
  );
});
