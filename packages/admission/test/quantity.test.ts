import { describe, expect, it } from 'vitest';

import { addQuantities, compareQuantities, parseQuantity, roundUp } from '../src/index.ts';

describe('quantities', () => {
  it.each([
    ['2', 2n],
    ['500m', 1n],
    ['1001m', 2n],
    ['0', 0n],
    ['1.5', 2n],
    ['.5', 1n],
    ['1e3', 1000n],
    ['1E2', 100n],
    ['1E', 10n ** 18n],
    ['1Ei', 2n ** 60n],
    ['0.5Ki', 512n],
    ['1n', 1n],
    ['+3', 3n],
    ['3k', 3000n],
  ])('reads %s, rounded up %s', (text, whole) => {
    expect(roundUp(parseQuantity(text))).toBe(whole);
  });

  it('adds exactly where floating point would not', () => {
    const sum = Array.from({ length: 10 }, () => parseQuantity('100m')).reduce(addQuantities);
    expect(compareQuantities(sum, parseQuantity('1'))).toBe(0);
  });

  it.each(['', '.', 'm', '1 Gi', '1gi', '1KI', '--1', '0x10', '1e', '1e9999', '1'.repeat(65), 'NaN'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseQuantity(text)).toThrow(expect.objectContaining({ code: 'QUANTITY_INVALID' }));
    },
  );
});
