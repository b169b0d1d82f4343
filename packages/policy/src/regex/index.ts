export { anchorPattern, hasTopLevelAlternation } from './anchor-pattern.ts';
export { regexErrorCodes } from './error-codes.ts';
export { PatternMatcher } from './pattern-matcher.ts';
export type { PatternMatcherOptions } from './pattern-matcher.ts';
