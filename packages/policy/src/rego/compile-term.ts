import type { Compiler, Place } from './compiler.ts';
import { compileReference } from './compile-reference.ts';
import { constantTerm, eachValue, runSteps } from './evaluation.ts';
import type { CompiledTerm, Frame } from './evaluation.ts';
import { limitExceeded, malformedAt, syntaxError } from './position.ts';
import type { Comprehension, Term } from './syntax.ts';
import { wildcard } from './syntax.ts';
import { equalValues, RegoArray, RegoObject, RegoSet, sizeOf } from './value.ts';
import type { RegoValue } from './value.ts';

/** Compiles a term whose value is wanted. */
export function compileTerm(compiler: Compiler, term: Term, place: Place): CompiledTerm | undefined {
  switch (term.type) {
    case 'scalar':
      return constantTerm(term.value);
    case 'variable':
      return compileVariable(compiler, term, place);
    case 'reference':
      return compileReference(compiler, term, place);
    case 'call':
      return compileCall(compiler, term, place);
    case 'array':
      return collect(compiler, term.items, place, (values) => new RegoArray(values));
    case 'set':
      return collect(compiler, term.items, place, (values) => RegoSet.of(values));
    case 'object': {
      const parts = term.entries.flatMap((entry) => [entry.key, entry.value]);
      return collect(compiler, parts, place, objectOf);
    }
    default:
      return compileComprehension(compiler, term, place);
  }
}

function compileVariable(
  compiler: Compiler,
  term: Term & { type: 'variable' },
  place: Place,
): CompiledTerm | undefined {
  if (term.name === wildcard) return undefined;
  const slot = place.scope.slotOf(term.name);
  if (slot === undefined)
    return compileReference(compiler, { type: 'reference', head: term, operands: [], at: term.at }, place);
  return place.bound.has(slot) ? { kind: 'one', evaluate: (frame) => frame.slots[slot] } : undefined;
}

function compileCall(compiler: Compiler, term: Term & { type: 'call' }, place: Place): CompiledTerm | undefined {
  const target = compiler.resolveCall(term.name, place, term.at);
  if (target.arity !== undefined && target.arity !== term.arguments.length) {
    const wanted = `${target.arity} argument${target.arity === 1 ? '' : 's'}`;
    throw syntaxError(term.at, `${term.name} takes ${wanted}, found ${term.arguments.length}`);
  }
  return combine(compiler, term.arguments, place, (values, frame) => {
    frame.evaluation.budget.spend(1);
    return target.call(frame, values);
  });
}

function objectOf(values: readonly RegoValue[]): RegoValue | undefined {
  const object = new RegoObject();
  for (let at = 0; at + 1 < values.length; at += 2) {
    const key = values[at] ?? null;
    const value = values[at + 1] ?? null;
    const before = object.get(key);
    if (before !== undefined && !equalValues(before, value)) return undefined;
    object.set(key, value);
  }
  return object;
}

/** A collection: constant when all its parts are. */
function collect(
  compiler: Compiler,
  terms: readonly Term[],
  place: Place,
  build: (values: readonly RegoValue[]) => RegoValue | undefined,
): CompiledTerm | undefined {
  const compiled = compileAll(compiler, terms, place);
  if (compiled === undefined) return undefined;
  const constants: RegoValue[] = [];
  for (const part of compiled.parts) {
    if (part.kind === 'one' && part.constant !== undefined) constants.push(part.constant);
  }
  if (constants.length === terms.length) {
    const value = build(constants);
    if (value !== undefined) return constantTerm(value);
  }
  return combined(compiled, (values, frame) => checked(build(values), values.length, frame));
}

function checked(value: RegoValue | undefined, work: number, frame: Frame): RegoValue | undefined {
  const { budget } = frame.evaluation;
  budget.spend(1 + work);
  if (value !== undefined && sizeOf(value) > budget.limits.maxValueSize) {
    throw limitExceeded('size of a value', budget.limits.maxValueSize);
  }
  return value;
}

type Build = (values: readonly RegoValue[], frame: Frame) => RegoValue | undefined;

interface CompiledParts {
  readonly parts: readonly CompiledTerm[];
  /** Positions in the order in which they can be evaluated. */
  readonly order: readonly number[];
}

function combine(compiler: Compiler, terms: readonly Term[], place: Place, build: Build): CompiledTerm | undefined {
  const compiled = compileAll(compiler, terms, place);
  return compiled === undefined ? undefined : combined(compiled, build);
}

/** Compiles terms in an order in which one may bind variables of another: `f(i, xs[i])`. */
function compileAll(compiler: Compiler, terms: readonly Term[], place: Place): CompiledParts | undefined {
  const parts: CompiledTerm[] = [];
  const order: number[] = [];
  let waiting = terms.map((term, position) => ({ term, position }));
  while (waiting.length > 0) {
    const left: typeof waiting = [];
    for (const item of waiting) {
      const compiled = attempt(place, (tried) => compiler.term(item.term, tried));
      if (compiled === undefined) {
        left.push(item);
      } else {
        parts[item.position] = compiled;
        order.push(item.position);
      }
    }
    if (left.length === waiting.length) return undefined;
    waiting = left;
  }
  return { parts, order };
}

/** Runs a compilation on a copy of the bound variables, which is kept when it succeeds. */
export function attempt<T>(place: Place, compile: (place: Place) => T | undefined): T | undefined {
  place.scope.counter.attempt();
  const bound = place.bound.copy();
  const result = compile({ scope: place.scope, bound });
  if (result !== undefined) place.bound.adopt(bound);
  return result;
}

function combined({ parts, order }: CompiledParts, build: Build): CompiledTerm {
  if (parts.every((part) => part.kind === 'one')) {
    return {
      kind: 'one',
      evaluate: (frame) => {
        const values: RegoValue[] = [];
        for (const part of parts) {
          const value = part.evaluate(frame);
          if (value === undefined) return undefined;
          values.push(value);
        }
        return build(values, frame);
      },
    };
  }
  return {
    kind: 'many',
    each: (frame, next) => {
      const values: RegoValue[] = Array.from<RegoValue>({ length: parts.length }).fill(null);
      const step = (at: number): boolean => {
        const position = order[at];
        const part = position === undefined ? undefined : parts[position];
        if (position === undefined || part === undefined) {
          const value = build([...values], frame);
          return value !== undefined && next(value);
        }
        return eachValue(part, frame, (value) => {
          values[position] = value;
          return step(at + 1);
        });
      };
      return step(0);
    },
  };
}

function compileComprehension(compiler: Compiler, term: Comprehension, place: Place): CompiledTerm | undefined {
  const heads = term.key === undefined ? [term.value] : [term.key, term.value];
  const closure = compiler.closure(term.body, place, { heads, patterns: [] });
  if (closure === undefined) return undefined;
  const [first, second] = closure.heads;
  if (first === undefined) throw new TypeError('A comprehension has a head.');
  const { steps } = closure;
  const run = (frame: Frame, next: (value: RegoValue) => void): void => {
    runSteps(steps, 0, frame, () =>
      eachValue(first, frame, (value) => {
        frame.evaluation.budget.spend(sizeOf(value));
        next(value);
        return false;
      }),
    );
  };
  if (term.kind === 'array') {
    return {
      kind: 'one',
      evaluate: (frame) => {
        const items: RegoValue[] = [];
        run(frame, (value) => items.push(value));
        return checked(new RegoArray(items), 0, frame);
      },
    };
  }
  if (term.kind === 'set' || second === undefined) {
    return {
      kind: 'one',
      evaluate: (frame) => {
        const set = new RegoSet();
        run(frame, (value) => set.add(value));
        return checked(set, 0, frame);
      },
    };
  }
  return {
    kind: 'one',
    evaluate: (frame) => {
      const object = new RegoObject();
      run(frame, (key) => {
        eachValue(second, frame, (value) => {
          frame.evaluation.budget.spend(sizeOf(value));
          const before = object.get(key);
          if (before !== undefined && !equalValues(before, value)) {
            throw malformedAt('REGO_CONFLICT', term.at, 'an object comprehension has two different values for one key');
          }
          object.set(key, value);
          return false;
        });
      });
      return checked(object, 0, frame);
    },
  };
}
