import type { Compiler, Place } from './compiler.ts';
import { eachMember } from './compile-reference.ts';
import { attempt } from './compile-term.ts';
import { eachMatch, eachValue, runSteps } from './evaluation.ts';
import type { CompiledPattern, CompiledTerm, Frame, Next, Step } from './evaluation.ts';
import type { Expression, Literal, ObjectEntry, Term } from './syntax.ts';
import { equalValues } from './value.ts';
import type { RegoValue } from './value.ts';

export function compileExpression(compiler: Compiler, { expression }: Literal, place: Place): Step | undefined {
  switch (expression.type) {
    case 'declare':
      return { kind: 'one', test: () => true };
    case 'term':
      return compileStatement(compiler, expression.term, place);
    case 'assign':
      return compileMatch(compiler, expression.right, expression.left, place);
    case 'unify':
      return compileUnify(compiler, expression.left, expression.right, place);
    case 'someIn':
      return compileSomeIn(compiler, expression, place);
    default:
      return compileEvery(compiler, expression, place);
  }
}

/** A term on its own holds when it has a value other than false. */
function compileStatement(compiler: Compiler, term: Term, place: Place): Step | undefined {
  // Printing is for people who debug a policy: it holds whatever its arguments are, even undefined ones.
  if (term.type === 'call' && term.name === 'print') return { kind: 'one', test: () => true };
  if (term.type === 'call') {
    const { arity } = compiler.resolveCall(term.name, place, term.at);
    const result = term.arguments.at(-1);
    // The older form of a call names the result as the last argument.
    if (arity !== undefined && term.arguments.length === arity + 1 && result !== undefined) {
      return compileMatch(compiler, { ...term, arguments: term.arguments.slice(0, -1) }, result, place);
    }
  }
  const compiled = compiler.term(term, place);
  if (compiled === undefined) return undefined;
  if (compiled.kind === 'many') {
    return { kind: 'many', each: (frame, next) => compiled.each(frame, (value) => value !== false && next()) };
  }
  return {
    kind: 'one',
    test: (frame) => {
      const value = compiled.evaluate(frame);
      return value !== undefined && value !== false;
    },
  };
}

/** The values of one side are matched with the other as a pattern. */
function compileMatch(compiler: Compiler, value: Term, pattern: Term, place: Place): Step | undefined {
  const source = compiler.term(value, place);
  if (source === undefined) return undefined;
  const target = compiler.pattern(pattern, place);
  return target === undefined ? undefined : matchStep(source, target);
}

function matchStep(source: CompiledTerm, target: CompiledPattern): Step {
  if (source.kind === 'one' && target.kind === 'one') {
    return {
      kind: 'one',
      test: (frame) => {
        const value = source.evaluate(frame);
        return value !== undefined && target.match(frame, value);
      },
    };
  }
  return {
    kind: 'many',
    each: (frame, next) => eachValue(source, frame, (value) => eachMatch(target, frame, value, next)),
  };
}

/** Unification: whichever side has a value is matched with the other; else part by part. */
function compileUnify(compiler: Compiler, left: Term, right: Term, place: Place): Step | undefined {
  return (
    attempt(place, (tried) => compileMatch(compiler, left, right, tried)) ??
    attempt(place, (tried) => compileMatch(compiler, right, left, tried)) ??
    compileByParts(compiler, left, right, place)
  );
}

function compileByParts(compiler: Compiler, left: Term, right: Term, place: Place): Step | undefined {
  const pairs = pairsOf(left, right);
  if (pairs === undefined) return undefined;
  if (pairs === 'different') return { kind: 'one', test: () => false };
  const steps: Step[] = [];
  let waiting = pairs;
  while (waiting.length > 0) {
    const later: (readonly [Term, Term])[] = [];
    for (const pair of waiting) {
      const step = attempt(place, (tried) => compileUnify(compiler, pair[0], pair[1], tried));
      if (step === undefined) later.push(pair);
      else steps.push(step);
    }
    if (later.length === waiting.length) return undefined;
    waiting = later;
  }
  return { kind: 'many', each: (frame, next) => runSteps(steps, 0, frame, next) };
}

function pairsOf(left: Term, right: Term): readonly (readonly [Term, Term])[] | 'different' | undefined {
  if (left.type === 'array' && right.type === 'array') {
    if (left.items.length !== right.items.length) return 'different';
    return left.items.flatMap((item, at) => {
      const other = right.items[at];
      return other === undefined ? [] : [[item, other] as const];
    });
  }
  if (left.type !== 'object' || right.type !== 'object') return undefined;
  if (left.entries.length !== right.entries.length) return 'different';
  const pairs: (readonly [Term, Term])[] = [];
  for (const entry of left.entries) {
    const other = right.entries.find((candidate) => sameKey(candidate, entry));
    if (other === undefined) return undefined;
    pairs.push([entry.value, other.value]);
  }
  return pairs;
}

function sameKey(a: ObjectEntry, b: ObjectEntry): boolean {
  return a.key.type === 'scalar' && b.key.type === 'scalar' && equalValues(a.key.value, b.key.value);
}

function compileSomeIn(
  compiler: Compiler,
  expression: Expression & { type: 'someIn' },
  place: Place,
): Step | undefined {
  const domain = compiler.term(expression.domain, place);
  if (domain === undefined) return undefined;
  const key = expression.key === undefined ? anything : compiler.pattern(expression.key, place);
  const value = compiler.pattern(expression.value, place);
  if (key === undefined || value === undefined) return undefined;
  return {
    kind: 'many',
    each: (frame, next) =>
      eachValue(domain, frame, (collection) =>
        eachMember(collection, frame, (memberKey, member) =>
          eachMatch(key, frame, memberKey, () => eachMatch(value, frame, member, next)),
        ),
      ),
  };
}

const anything: CompiledPattern = { kind: 'one', match: () => true };

function compileEvery(compiler: Compiler, expression: Expression & { type: 'every' }, place: Place): Step | undefined {
  const domain = compiler.term(expression.domain, place);
  if (domain === undefined) return undefined;
  const patterns = expression.key === undefined ? [expression.value] : [expression.key, expression.value];
  const closure = compiler.closure(expression.body, place, { heads: [], patterns });
  if (closure === undefined) return undefined;
  const { steps } = closure;
  const [first = anything, second] = closure.patterns;
  const holds = (frame: Frame, key: RegoValue, member: RegoValue): boolean => {
    const body: Next = () => runSteps(steps, 0, frame, () => true);
    if (second === undefined) return eachMatch(first, frame, member, body);
    return eachMatch(first, frame, key, () => eachMatch(second, frame, member, body));
  };
  const test = (frame: Frame, collection: RegoValue): boolean =>
    typeof collection === 'object' &&
    collection !== null &&
    !eachMember(collection, frame, (key, member) => !holds(frame, key, member));
  if (domain.kind === 'many') {
    return { kind: 'many', each: (frame, next) => domain.each(frame, (value) => test(frame, value) && next()) };
  }
  return {
    kind: 'one',
    test: (frame) => {
      const value = domain.evaluate(frame);
      return value !== undefined && test(frame, value);
    },
  };
}
