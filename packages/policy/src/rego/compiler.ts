import type { CompiledPattern, CompiledTerm, Frame, Step } from './evaluation.ts';
import type { RegoPosition } from './position.ts';
import type { Bound, Scope } from './scope.ts';
import type { Literal, Term } from './syntax.ts';
import type { RegoValue } from './value.ts';

/** Where a compiled piece stands: the names it sees and the variables that hold a value there. */
export interface Place {
  readonly scope: Scope;
  readonly bound: Bound;
}

export interface ResolvedCall {
  readonly arity: number | undefined;
  call(frame: Frame, values: readonly RegoValue[]): RegoValue | undefined;
}

/**
 * The parts of the compiler, which need each other. Every part answers undefined when a variable it needs has no value
 * yet: the expression is then tried again after others of its body.
 */
export interface Compiler {
  term(term: Term, place: Place): CompiledTerm | undefined;
  pattern(term: Term, place: Place): CompiledPattern | undefined;
  /** A body in a new scope; `heads` are compiled behind it and see its variables. */
  closure(body: readonly Literal[], place: Place, options: ClosureOptions): CompiledClosure | undefined;
  resolveCall(name: string, place: Place, at: RegoPosition): ResolvedCall;
}

export interface ClosureOptions {
  /** Terms whose values are wanted for every solution. */
  readonly heads: readonly Term[];
  /** Patterns that are matched before the body: the key and value of `every`. */
  readonly patterns: readonly Term[];
}

export interface CompiledClosure {
  readonly patterns: readonly CompiledPattern[];
  readonly steps: readonly Step[];
  readonly heads: readonly CompiledTerm[];
}
