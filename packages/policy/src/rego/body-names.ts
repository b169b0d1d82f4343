import { syntaxError } from './position.ts';
import type { Scope } from './scope.ts';
import type { Expression, Literal, Term } from './syntax.ts';
import { wildcard } from './syntax.ts';

/** Gives a slot to every variable that belongs to a body: declared ones first, then names that mean nothing else. */
export function declareNames(
  scope: Scope,
  body: readonly Literal[],
  patterns: readonly Term[],
  heads: readonly Term[],
): void {
  for (const pattern of patterns) declareAll(scope, patternNames(pattern));
  const seen = new Set<string>();
  for (const literal of body) {
    declareIn(scope, literal, seen);
    for (const term of literalTerms(literal)) visitNames(term, (name) => seen.add(name));
  }
  const visit = (name: string): void => {
    if (name === wildcard || scope.slotOf(name) !== undefined || scope.global(name) !== undefined) return;
    scope.declare(name);
  };
  for (const literal of body) literalTerms(literal).forEach((term) => visitNames(term, visit));
  for (const head of heads) visitNames(head, visit);
}

function declareIn(scope: Scope, { expression, at }: Literal, seen: ReadonlySet<string>): void {
  switch (expression.type) {
    case 'declare':
      declareAll(scope, expression.names);
      return;
    case 'assign':
      for (const name of new Set(patternNames(expression.left))) {
        if (name === wildcard) continue;
        if (scope.owns(name)) throw syntaxError(at, `the variable ${name} is assigned above`);
        if (seen.has(name)) throw syntaxError(at, `the variable ${name} is referenced above`);
        declareAll(scope, [name]);
      }
      return;
    case 'someIn':
      if (expression.key !== undefined) declareAll(scope, patternNames(expression.key));
      declareAll(scope, patternNames(expression.value));
      return;
    default:
  }
}

function declareAll(scope: Scope, names: readonly string[]): void {
  for (const name of names) if (name !== wildcard && !scope.owns(name)) scope.declare(name);
}

/** Names in the places of a pattern that may bind. */
export function patternNames(term: Term): readonly string[] {
  switch (term.type) {
    case 'variable':
      return [term.name];
    case 'array':
      return term.items.flatMap(patternNames);
    case 'object':
      return term.entries.flatMap((entry) => patternNames(entry.value));
    default:
      return [];
  }
}

/** The terms of a literal that stand in the body itself, not in a closure. */
export function literalTerms(literal: Literal): readonly Term[] {
  return [...expressionTerms(literal.expression), ...literal.modifiers.map((modifier) => modifier.value)];
}

function expressionTerms(expression: Expression): readonly Term[] {
  switch (expression.type) {
    case 'term':
      return [expression.term];
    case 'assign':
    case 'unify':
      return [expression.left, expression.right];
    case 'someIn':
      return [...(expression.key === undefined ? [] : [expression.key]), expression.value, expression.domain];
    case 'every':
      return [expression.domain];
    default:
      return [];
  }
}

/** Calls `visit` for every variable outside comprehensions. */
export function visitNames(term: Term, visit: (name: string) => void): void {
  switch (term.type) {
    case 'variable':
      visit(term.name);
      return;
    case 'reference':
      visitNames(term.head, visit);
      for (const operand of term.operands) visitNames(operand, visit);
      return;
    case 'call':
      for (const argument of term.arguments) visitNames(argument, visit);
      return;
    case 'array':
    case 'set':
      for (const item of term.items) visitNames(item, visit);
      return;
    case 'object':
      for (const entry of term.entries) {
        visitNames(entry.key, visit);
        visitNames(entry.value, visit);
      }
      return;
    case 'scalar':
    case 'comprehension':
  }
}
