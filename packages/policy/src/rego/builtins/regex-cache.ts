import { RE2JS, RE2JSException } from 're2js';

import type { Budget } from '../limits.ts';

const maxPatterns = 256;
const workPerStep = 64;

/** Compiled RE2 patterns, shared by the queries of an engine. */
export class RegexCache {
  readonly #compiled = new Map<string, RE2JS | undefined>();

  /** The compiled pattern, or undefined when it is no RE2 pattern. Counts the work of matching a text with it. */
  prepare(pattern: string, textLength: number, budget: Budget): RE2JS | undefined {
    let compiled = this.#compiled.get(pattern);
    if (compiled === undefined && !this.#compiled.has(pattern)) {
      budget.spend(pattern.length);
      compiled = compile(pattern);
      if (this.#compiled.size >= maxPatterns) this.#compiled.clear();
      this.#compiled.set(pattern, compiled);
    }
    if (compiled !== undefined) budget.spend((compiled.programSize() * (textLength + 1)) / workPerStep);
    return compiled;
  }
}

function compile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RE2JSException) return undefined;
    throw error;
  }
}
