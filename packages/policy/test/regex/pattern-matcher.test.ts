import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { anchorPattern, hasTopLevelAlternation, PatternMatcher } from '../../src/regex/index.ts';

describe('anchorPattern', () => {
  it.each([
    ['A=.+', '^A=.+$'],
    ['^A=.+', '^A=.+$'],
    ['A=.+$', '^A=.+$'],
    ['(?i)a=b', '^(?i)a=b$'],
    ['A=1|B=2', '^A=1|B=2$'],
    ['', '^$'],
  ])('anchors %s textually', (pattern, anchored) => {
    expect(anchorPattern(pattern)).toBe(anchored);
    expect(anchorPattern(anchored)).toBe(anchored);
  });
});

describe('hasTopLevelAlternation', () => {
  it.each(['A=1|B=2', '(a)|b', '[|]|x', '\\||x', '\\Qa\\E|b', '[]|]|x', '[^]|]|x', '[[:alpha:]|]|x'])(
    'finds it in %s',
    (pattern) => {
      expect(hasTopLevelAlternation(pattern)).toBe(true);
    },
  );

  it.each(['A=(1|2)', '[|]', '\\|', '\\Q|\\E', '(?i)(a|b)', '((a)|b)', '[]|]', '[^]|]', '[[:alpha:]|]'])(
    'finds none in %s',
    (pattern) => {
      expect(hasTopLevelAlternation(pattern)).toBe(false);
    },
  );
});

describe('PatternMatcher', () => {
  const matcher = new PatternMatcher();

  it.each([
    ['A=.+', 'A=1', true],
    ['A=.+', 'A=', false],
    ['A=.+', 'A=1\n2', false],
    ['A=.+', 'A=1\r2\u2028', true],
    ['(?i)(FABRIC)_.+=.+', 'Fabric_Id=x', true],
    ['A=\\d', 'A=٣', false],
    ['\\Qa.b\\E', 'axb', false],
    ['A=.', 'A=😀', true],
    ['a\\z', 'a', true],
  ])('matches %s against %s as RE2 does', (pattern, text, expected) => {
    expect(matcher.matchAnchored(pattern, text)).toBe(expected);
  });

  it.each(['(', '(?=a)', '(?<=a)', '(a)\\1', 'a**', '\\u0041', 'a{2000}'])(
    'has no answer for the invalid pattern %s',
    (pattern) => {
      expect(matcher.matchAnchored(pattern, 'a')).toBeUndefined();
      expect(matcher.isValid(pattern)).toBe(false);
    },
  );

  it('gives up on work without bound with its own error', () => {
    const small = new PatternMatcher({ maxWork: 100_000 });
    const text = `${'a'.repeat(10_000)}!`;
    expect(() => small.matchAnchored('((a{0,30}){0,30})', text)).toThrow(
      expect.objectContaining({ code: 'REGEX_BUDGET_EXCEEDED' }),
    );
    small.renewBudget();
    expect(small.matchAnchored('a', 'a')).toBe(true);
  });

  it('answers the same with a cache of one pattern', () => {
    const tiny = new PatternMatcher({ maxPatterns: 1 });
    for (const pattern of ['a+', 'b+', '(', 'a+', '(']) {
      expect(tiny.find(pattern, 'aab')).toBe(new PatternMatcher().find(pattern, 'aab'));
    }
  });

  it('treats quoted texts as themselves', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        fc.pre(!text.includes('\\E'));
        expect(matcher.find(`^\\Q${text}\\E$`, text)).toBe(true);
      }),
    );
  });
});
