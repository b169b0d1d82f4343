import type { Compiler, Place } from './compiler.ts';
import { eachMatch, eachValue } from './evaluation.ts';
import type { CompiledPattern, Frame, Next } from './evaluation.ts';
import type { Term } from './syntax.ts';
import { wildcard } from './syntax.ts';
import { equalValues, RegoArray, RegoObject } from './value.ts';
import type { RegoValue } from './value.ts';

/** Compiles a term that is compared with a value that is already there, and whose new variables it binds. */
export function compilePattern(compiler: Compiler, term: Term, place: Place): CompiledPattern | undefined {
  switch (term.type) {
    case 'variable':
      return compileVariablePattern(compiler, term, place);
    case 'array':
      return compileArrayPattern(compiler, term.items, place);
    case 'object':
      return compileObjectPattern(compiler, term, place);
    default:
      return compileEqual(compiler, term, place);
  }
}

function compileVariablePattern(
  compiler: Compiler,
  term: Term & { type: 'variable' },
  place: Place,
): CompiledPattern | undefined {
  if (term.name === wildcard) return { kind: 'one', match: () => true };
  const slot = place.scope.slotOf(term.name);
  if (slot === undefined || place.bound.has(slot)) return compileEqual(compiler, term, place);
  if (!place.bound.canBind(slot)) return undefined;
  place.bound.add(slot);
  return {
    kind: 'one',
    match: (frame, value) => {
      frame.slots[slot] = value;
      return true;
    },
  };
}

function compileEqual(compiler: Compiler, term: Term, place: Place): CompiledPattern | undefined {
  const compiled = compiler.term(term, place);
  if (compiled === undefined) return undefined;
  if (compiled.kind === 'one') {
    return {
      kind: 'one',
      match: (frame, value) => {
        const own = compiled.evaluate(frame);
        return own !== undefined && equalValues(own, value);
      },
    };
  }
  return {
    kind: 'many',
    each: (frame, value, next) => eachValue(compiled, frame, (own) => equalValues(own, value) && next()),
  };
}

function compileArrayPattern(compiler: Compiler, items: readonly Term[], place: Place): CompiledPattern | undefined {
  const patterns = compilePatterns(compiler, items, place);
  if (patterns === undefined) return undefined;
  return sequence(patterns, (_, value) =>
    value instanceof RegoArray && value.items.length === patterns.length ? value.items : undefined,
  );
}

function compileObjectPattern(
  compiler: Compiler,
  term: Term & { type: 'object' },
  place: Place,
): CompiledPattern | undefined {
  const keys: ((frame: Frame) => RegoValue | undefined)[] = [];
  for (const entry of term.entries) {
    const key = compiler.term(entry.key, place);
    if (key?.kind !== 'one') return undefined;
    keys.push(key.evaluate);
  }
  const patterns = compilePatterns(
    compiler,
    term.entries.map((entry) => entry.value),
    place,
  );
  if (patterns === undefined) return undefined;
  return sequence(patterns, (frame, value) => {
    if (!(value instanceof RegoObject) || value.count !== keys.length) return undefined;
    const values: RegoValue[] = [];
    for (const keyOf of keys) {
      const key = keyOf(frame);
      const member = key === undefined ? undefined : value.get(key);
      if (member === undefined) return undefined;
      values.push(member);
    }
    return values;
  });
}

function compilePatterns(compiler: Compiler, terms: readonly Term[], place: Place): CompiledPattern[] | undefined {
  const patterns: CompiledPattern[] = [];
  for (const term of terms) {
    const pattern = compiler.pattern(term, place);
    if (pattern === undefined) return undefined;
    patterns.push(pattern);
  }
  return patterns;
}

function sequence(
  patterns: readonly CompiledPattern[],
  partsOf: (frame: Frame, value: RegoValue) => readonly RegoValue[] | undefined,
): CompiledPattern {
  if (patterns.every((pattern) => pattern.kind === 'one')) {
    return {
      kind: 'one',
      match: (frame, value) => {
        const parts = partsOf(frame, value);
        return parts !== undefined && patterns.every((pattern, at) => pattern.match(frame, parts[at] ?? null));
      },
    };
  }
  return {
    kind: 'many',
    each: (frame, value, next) => {
      const parts = partsOf(frame, value);
      return parts !== undefined && eachPart(patterns, parts, 0, frame, next);
    },
  };
}

function eachPart(
  patterns: readonly CompiledPattern[],
  parts: readonly RegoValue[],
  at: number,
  frame: Frame,
  next: Next,
): boolean {
  const pattern = patterns[at];
  if (pattern === undefined) return next();
  return eachMatch(pattern, frame, parts[at] ?? null, () => eachPart(patterns, parts, at + 1, frame, next));
}
