import { limitExceeded } from './position.ts';

export interface RegoEngineLimits {
  /** UTF-16 units of one module. */
  readonly maxSourceLength: number;
  /** Nesting of terms and bodies in a module. */
  readonly maxNesting: number;
  /** Work of one query: literals tried, elements visited, and output of built-ins in units of 64 characters. */
  readonly maxSteps: number;
  /** Rules and functions that wait for each other. */
  readonly maxDepth: number;
  /** Elements in one value, nested ones included. */
  readonly maxValueSize: number;
}

export const defaultRegoEngineLimits: RegoEngineLimits = {
  maxSourceLength: 4 * 1024 * 1024,
  maxNesting: 100,
  maxSteps: 5_000_000,
  maxDepth: 200,
  maxValueSize: 4_000_000,
};

/** The work that one query may still do. */
export class Budget {
  readonly limits: RegoEngineLimits;
  #steps: number;
  #depth = 0;

  constructor(limits: RegoEngineLimits) {
    this.limits = limits;
    this.#steps = limits.maxSteps;
  }

  spend(work: number): void {
    this.#steps -= work;
    if (this.#steps < 0 || Number.isNaN(work)) throw limitExceeded('evaluation steps', this.limits.maxSteps);
  }

  /** Counts text that a built-in reads or writes. */
  spendText(length: number): void {
    this.spend(1 + length / 64);
  }

  enter(): void {
    this.#depth++;
    if (this.#depth > this.limits.maxDepth) throw limitExceeded('nested rules', this.limits.maxDepth);
  }

  leave(): void {
    this.#depth--;
  }
}
