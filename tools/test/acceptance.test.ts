import { describe, expect, it } from 'vitest';

import { acceptance, additions, numberedTests } from '../reference/acceptance-page.ts';

describe('what a deployment must show', () => {
  const tests = numberedTests();

  // That everything runs without a network is shown by running it so.
  const numbers = acceptance.map((_, index) => index + 1).filter((number) => number !== 19);

  it.each(numbers)('has tests for number %i', (number) => {
    expect(tests.get(`acceptance ${number}`) ?? []).not.toEqual([]);
  });

  it.each(additions.map((_, index) => index + 1))('has tests for what the guides say besides, number %i', (number) => {
    expect(tests.get(`addition ${number}`) ?? []).not.toEqual([]);
  });

  it('knows every number that a test carries', () => {
    const known = new Set([
      ...acceptance.map((_, index) => `acceptance ${index + 1}`),
      ...additions.map((_, index) => `addition ${index + 1}`),
    ]);
    expect([...tests.keys()].filter((key) => !known.has(key))).toEqual([]);
  });
});
