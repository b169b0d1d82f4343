import { UnsupportedError } from '@holdfast/base';
import { RE2JS, RE2JSException } from 're2js';

import { anchorPattern } from './anchor-pattern.ts';

export interface PatternMatcherOptions {
  /** Compiled patterns kept, the most recently used ones. */
  readonly maxPatterns?: number;
  /** Upper bound for one budget period, in steps of the automaton (program size times text length). */
  readonly maxWork?: number;
}

/** Compiling costs about as much as matching this many characters per character of the pattern. */
const compileWorkPerCharacter = 64;
const defaultMaxPatterns = 4096;
const defaultMaxWork = 500_000_000;

/**
 * RE2 semantics (linear time, no back-references, no look-around) with a cache of compiled patterns and a bound on the
 * work between two calls of `renewBudget`. Texts and patterns are compared as the guest sees them, as UTF-8: unpaired
 * surrogates count as U+FFFD.
 */
export class PatternMatcher {
  readonly #compiled = new Map<string, RE2JS | undefined>();
  readonly #maxPatterns: number;
  readonly #maxWork: number;
  #work = 0;

  constructor(options: PatternMatcherOptions = {}) {
    this.#maxPatterns = options.maxPatterns ?? defaultMaxPatterns;
    this.#maxWork = options.maxWork ?? defaultMaxWork;
  }

  /** Starts a new budget period; an evaluator calls it once per decision. */
  renewBudget(): void {
    this.#work = 0;
  }

  /**
   * Whether the pattern, as written, is found anywhere in the text; undefined when it is not a valid RE2 pattern.
   * Throws `REGEX_BUDGET_EXCEEDED` when the answer would take too long.
   */
  find(pattern: string, text: string): boolean | undefined {
    const compiled = this.#compile(pattern);
    if (compiled === undefined) return undefined;
    this.#spend(compiled.programSize() * (text.length + 1), pattern);
    return compiled.test(text.toWellFormed());
  }

  /** `find` after the textual anchoring of `anchorPattern`. */
  matchAnchored(pattern: string, text: string): boolean | undefined {
    return this.find(anchorPattern(pattern), text);
  }

  /** Whether the text is a valid RE2 pattern. */
  isValid(pattern: string): boolean {
    return this.#compile(pattern) !== undefined;
  }

  /** Counts work that is done outside, such as comparing a text with many rules. */
  charge(work: number): void {
    this.#spend(work, '');
  }

  #compile(pattern: string): RE2JS | undefined {
    const known = this.#compiled.get(pattern);
    if (known !== undefined || this.#compiled.has(pattern)) {
      this.#compiled.delete(pattern);
      this.#compiled.set(pattern, known);
      return known;
    }
    this.#spend(pattern.length * compileWorkPerCharacter, pattern);
    const compiled = compile(pattern);
    this.#compiled.set(pattern, compiled);
    if (this.#compiled.size > this.#maxPatterns) this.#forgetOldest();
    return compiled;
  }

  #forgetOldest(): void {
    for (const oldest of this.#compiled.keys()) {
      this.#compiled.delete(oldest);
      return;
    }
  }

  #spend(work: number, pattern: string): void {
    this.#work += work;
    if (this.#work <= this.#maxWork) return;
    throw new UnsupportedError(
      'REGEX_BUDGET_EXCEEDED',
      'The patterns of the policy take more work than one decision may cost.',
      { details: { pattern: pattern.slice(0, 200), patternLength: pattern.length, maxWork: this.#maxWork } },
    );
  }
}

function compile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern.toWellFormed());
  } catch (error) {
    // An invalid pattern is a fact about the policy, not a failure: the framework's rule is then undefined.
    if (error instanceof RE2JSException) return undefined;
    throw error;
  }
}
