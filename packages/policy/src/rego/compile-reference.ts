import type { Compiler, Place } from './compiler.ts';
import { eachMatch, eachValue } from './evaluation.ts';
import type { CompiledPattern, CompiledTerm, Frame } from './evaluation.ts';
import { documentAt } from './rule-tree.ts';
import type { RuleNode } from './rule-tree.ts';
import type { ModuleNames, Resolved } from './module-names.ts';
import type { Term } from './syntax.ts';
import { wildcard } from './syntax.ts';
import { RegoArray, RegoObject, RegoSet } from './value.ts';
import type { RegoValue } from './value.ts';

type Reference = Term & { type: 'reference' };

/** One step into a value: a known key, or every key that a pattern matches. */
type Access =
  | { readonly kind: 'key'; readonly key: CompiledTerm }
  | { readonly kind: 'iterate'; readonly pattern: CompiledPattern };

/** Compiles `head[operand]…`: variables without a value in operands run over all keys. */
export function compileReference(compiler: Compiler, term: Reference, place: Place): CompiledTerm | undefined {
  const { head } = term;
  let start: CompiledTerm | undefined;
  let operands = term.operands;
  if (head.type === 'variable' && place.scope.slotOf(head.name) === undefined) {
    const global = place.scope.global(head.name);
    if (global === undefined) return undefined;
    const walked = compileGlobal(place.scope.module, global, operands);
    start = walked.start;
    operands = walked.operands;
  } else {
    start = compiler.term(head, place);
  }
  if (start === undefined) return undefined;
  const accesses: Access[] = [];
  for (const operand of operands) {
    const access = compileOperand(compiler, operand, place);
    if (access === undefined) return undefined;
    accesses.push(access);
  }
  return walk(start, accesses);
}

function compileOperand(compiler: Compiler, operand: Term, place: Place): Access | undefined {
  if (bindsVariables(operand, place)) {
    const pattern = compiler.pattern(operand, place);
    return pattern === undefined ? undefined : { kind: 'iterate', pattern };
  }
  const key = compiler.term(operand, place);
  return key === undefined ? undefined : { kind: 'key', key };
}

/** Whether an operand is, or holds where a pattern may, a variable without a value. */
function bindsVariables(operand: Term, place: Place): boolean {
  if (operand.type === 'variable') {
    if (operand.name === wildcard) return true;
    const slot = place.scope.slotOf(operand.name);
    return slot !== undefined && !place.bound.has(slot);
  }
  if (operand.type === 'array') return operand.items.some((item) => bindsVariables(item, place));
  return operand.type === 'object' && operand.entries.some((entry) => bindsVariables(entry.value, place));
}

/** Follows names that are known now: under `data` to a rule or package, else into the document itself. */
function compileGlobal(
  module: ModuleNames,
  { root, path }: Resolved,
  operands: readonly Term[],
): { readonly start: CompiledTerm; readonly operands: readonly Term[] } {
  if (root === 'input') {
    const start: CompiledTerm = { kind: 'one', evaluate: (frame) => intoValue(frame.evaluation.input, path) };
    return { start, operands };
  }
  const names = [...path];
  let rest = operands;
  let node: RuleNode = module.tree.root;
  let taken = 0;
  for (;;) {
    if (node.rules !== undefined) break;
    const next = names[taken] ?? nameOf(rest[0]);
    const child = next === undefined ? undefined : node.children.get(next);
    if (child === undefined) break;
    if (taken >= names.length) {
      names.push(next ?? '');
      rest = rest.slice(1);
    }
    taken++;
    node = child;
  }
  return { start: startAt(node, names.slice(0, taken), names.slice(taken), nameOf(rest[0])), operands: rest };
}

function nameOf(operand: Term | undefined): string | undefined {
  return operand?.type === 'scalar' && typeof operand.value === 'string' ? operand.value : undefined;
}

/** The document where names stop leading through packages. */
function startAt(
  node: RuleNode,
  path: readonly string[],
  rest: readonly string[],
  next: string | undefined,
): CompiledTerm {
  const { rules } = node;
  if (rules !== undefined) return { kind: 'one', evaluate: (frame) => intoValue(rules.value(frame.evaluation), rest) };
  // A name that no rule has can only be in the base data: nothing else of the package needs to be computed.
  if (rest.length > 0 || next !== undefined) {
    const full = [...path, ...rest];
    return { kind: 'one', evaluate: (frame) => intoValue(frame.evaluation.data, full) };
  }
  return {
    kind: 'one',
    evaluate: (frame) => documentAt(node, intoValue(frame.evaluation.data, path), frame.evaluation),
  };
}

function intoValue(value: RegoValue | undefined, path: readonly string[]): RegoValue | undefined {
  let found = value;
  for (const name of path) found = found === undefined ? undefined : lookup(found, name);
  return found;
}

/** The member of a value under a key; undefined when there is none. */
export function lookup(value: RegoValue, key: RegoValue): RegoValue | undefined {
  if (value instanceof RegoObject) return value.get(key);
  if (value instanceof RegoArray) return typeof key === 'number' && key >= 0 ? value.items[key] : undefined;
  return value instanceof RegoSet && value.has(key) ? key : undefined;
}

/** Runs over keys and members of a collection in the order of keys. */
export function eachMember(
  value: RegoValue,
  frame: Frame,
  next: (key: RegoValue, member: RegoValue) => boolean,
): boolean {
  const { budget } = frame.evaluation;
  if (value instanceof RegoArray) {
    return value.items.some((item, at) => {
      budget.spend(1);
      return next(at, item);
    });
  }
  if (value instanceof RegoObject) {
    return value.sorted().some((entry) => {
      budget.spend(1);
      return next(entry.key, entry.value);
    });
  }
  if (!(value instanceof RegoSet)) return false;
  return value.sorted().some((member) => {
    budget.spend(1);
    return next(member, member);
  });
}

function walk(start: CompiledTerm, accesses: readonly Access[]): CompiledTerm {
  const keys: ((frame: Frame) => RegoValue | undefined)[] = [];
  for (const access of accesses) {
    if (access.kind === 'key' && access.key.kind === 'one') keys.push(access.key.evaluate);
  }
  if (start.kind === 'one' && keys.length === accesses.length) {
    if (keys.length === 0) return start;
    return {
      kind: 'one',
      evaluate: (frame) => {
        let value = start.evaluate(frame);
        for (const keyOf of keys) {
          if (value === undefined) return undefined;
          const key = keyOf(frame);
          value = key === undefined ? undefined : lookup(value, key);
        }
        return value;
      },
    };
  }
  return {
    kind: 'many',
    each: (frame, next) => eachValue(start, frame, (value) => walkFrom(accesses, 0, value, frame, next)),
  };
}

function walkFrom(
  accesses: readonly Access[],
  at: number,
  value: RegoValue,
  frame: Frame,
  next: (value: RegoValue) => boolean,
): boolean {
  const access = accesses[at];
  if (access === undefined) return next(value);
  if (access.kind === 'key') {
    return eachValue(access.key, frame, (key) => {
      const member = lookup(value, key);
      return member !== undefined && walkFrom(accesses, at + 1, member, frame, next);
    });
  }
  return eachMember(value, frame, (key, member) =>
    eachMatch(access.pattern, frame, key, () => walkFrom(accesses, at + 1, member, frame, next)),
  );
}
