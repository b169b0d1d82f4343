import { declareNames, literalTerms, visitNames } from './body-names.ts';
import type { ClosureOptions, CompiledClosure, Compiler, Place } from './compiler.ts';
import { attempt } from './compile-term.ts';
import { compileExpression } from './compile-expression.ts';
import { compileModifiers } from './compile-with.ts';
import type { CompiledPattern, CompiledTerm, Step } from './evaluation.ts';
import { syntaxError } from './position.ts';
import { Bound } from './scope.ts';
import type { Literal } from './syntax.ts';
import { wildcard } from './syntax.ts';

/** Compiles a body with its own scope; undefined when a variable of a body around it has no value yet. */
export function compileClosure(
  compiler: Compiler,
  body: readonly Literal[],
  outer: Place,
  options: ClosureOptions,
): CompiledClosure | undefined {
  const { counter } = outer.scope;
  const floor = counter.next;
  const place: Place = { scope: outer.scope.child(), bound: new Bound(outer.bound.slots, floor) };
  declareNames(place.scope, body, options.patterns, options.heads);
  const closure = compileParts(compiler, body, place, options);
  if (closure === undefined) counter.next = floor;
  else counter.unsafe = undefined;
  return closure;
}

function compileParts(
  compiler: Compiler,
  body: readonly Literal[],
  place: Place,
  { patterns, heads }: ClosureOptions,
): CompiledClosure | undefined {
  const matched: CompiledPattern[] = [];
  for (const pattern of patterns) {
    const compiled = compiler.pattern(pattern, place);
    if (compiled === undefined) return undefined;
    matched.push(compiled);
  }
  const steps = compileSteps(compiler, body, place);
  if (steps === undefined) return undefined;
  const values: CompiledTerm[] = [];
  for (const head of heads) {
    const compiled = compiler.term(head, place);
    if (compiled === undefined) {
      visitNames(head, (name) => noteUnbound(name, place, head.at));
      return undefined;
    }
    values.push(compiled);
  }
  return { patterns: matched, steps, heads: values };
}

/** Puts the literals in an order in which each finds its variables bound, as near to the written one as possible. */
function compileSteps(compiler: Compiler, body: readonly Literal[], place: Place): readonly Step[] | undefined {
  const steps: Step[] = [];
  let waiting = body;
  while (waiting.length > 0) {
    const left: Literal[] = [];
    for (const literal of waiting) {
      const step = attempt(place, (tried) => compileLiteral(compiler, literal, tried));
      if (step === undefined) left.push(literal);
      else steps.push(step);
    }
    if (left.length === waiting.length) {
      for (const literal of left) {
        for (const term of literalTerms(literal)) visitNames(term, (name) => noteUnbound(name, place, literal.at));
      }
      return undefined;
    }
    waiting = left;
  }
  return steps;
}

function noteUnbound(name: string, place: Place, at: Literal['at']): void {
  const slot = place.scope.slotOf(name);
  const unbound = slot === undefined ? place.scope.global(name) === undefined : !place.bound.has(slot);
  if (unbound && name !== wildcard) place.scope.counter.unsafe ??= { name, at };
}

function compileLiteral(compiler: Compiler, literal: Literal, place: Place): Step | undefined {
  const step = literal.negated
    ? compileNegated(compiler, literal, place)
    : compileModifiers(compiler, literal, place, compileExpression(compiler, literal, place));
  return step;
}

function compileNegated(compiler: Compiler, literal: Literal, place: Place): Step | undefined {
  for (const term of literalTerms(literal)) {
    visitNames(term, (name) => {
      if (name === wildcard) throw syntaxError(literal.at, 'a negated expression cannot use "_" (it is unsafe)');
    });
  }
  const bound = place.bound.copy();
  const inner: Place = { scope: place.scope, bound };
  const step = compileModifiers(compiler, literal, inner, compileExpression(compiler, literal, inner));
  // A variable that only the negated expression would bind has no value it could be checked for.
  if (step === undefined || bound.slots.size > place.bound.slots.size) return undefined;
  if (step.kind === 'one') return { kind: 'one', test: (frame) => !step.test(frame) };
  return { kind: 'one', test: (frame) => !step.each(frame, () => true) };
}
