import type { BuiltinServices } from './builtins/builtin.ts';
import type { Budget } from './limits.ts';
import type { RuleSet } from './rule-set.ts';
import type { RegoValue } from './value.ts';

/** What one query, or one part of it under `with`, sees. */
export interface Evaluation {
  readonly input: RegoValue | undefined;
  readonly data: RegoValue;
  /** Paths under `data` that `with` replaced: they win over rules. */
  readonly replaced: readonly (readonly string[])[];
  readonly results: Map<RuleSet, RegoValue | undefined>;
  /** Shared by the whole query. */
  readonly active: Set<RuleSet>;
  readonly budget: Budget;
  readonly services: BuiltinServices;
}

/** Variables of one rule while it is evaluated. Which slots hold a value at a point is known when it is compiled. */
export interface Frame {
  readonly slots: RegoValue[];
  evaluation: Evaluation;
}

/** Continues with the next expression; true stops the search for more solutions. */
export type Next = () => boolean;

export type CompiledTerm =
  | { readonly kind: 'one'; readonly constant?: RegoValue; evaluate: (frame: Frame) => RegoValue | undefined }
  | { readonly kind: 'many'; each: (frame: Frame, next: (value: RegoValue) => boolean) => boolean };

export type CompiledPattern =
  | { readonly kind: 'one'; match: (frame: Frame, value: RegoValue) => boolean }
  | { readonly kind: 'many'; each: (frame: Frame, value: RegoValue, next: Next) => boolean };

export type Step =
  | { readonly kind: 'one'; test: (frame: Frame) => boolean }
  | { readonly kind: 'many'; each: (frame: Frame, next: Next) => boolean };

export function constantTerm(value: RegoValue): CompiledTerm {
  return { kind: 'one', constant: value, evaluate: () => value };
}

/** Runs over every value of a term. */
export function eachValue(term: CompiledTerm, frame: Frame, next: (value: RegoValue) => boolean): boolean {
  if (term.kind === 'many') return term.each(frame, next);
  const value = term.evaluate(frame);
  return value !== undefined && next(value);
}

export function eachMatch(pattern: CompiledPattern, frame: Frame, value: RegoValue, next: Next): boolean {
  if (pattern.kind === 'many') return pattern.each(frame, value, next);
  return pattern.match(frame, value) && next();
}

/** Runs steps from a position on; `next` is called once per solution. */
export function runSteps(steps: readonly Step[], from: number, frame: Frame, next: Next): boolean {
  for (let at = from; at < steps.length; at++) {
    const step = steps[at];
    if (step === undefined) break;
    frame.evaluation.budget.spend(1);
    if (step.kind === 'many') return step.each(frame, () => runSteps(steps, at + 1, frame, next));
    if (!step.test(frame)) return false;
  }
  return next();
}
