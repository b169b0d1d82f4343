import type { Compiler, Place } from './compiler.ts';
import { eachValue } from './evaluation.ts';
import type { CompiledTerm, Evaluation, Frame, Next, Step } from './evaluation.ts';
import { unsupportedAt } from './position.ts';
import type { Literal, Term, WithModifier } from './syntax.ts';
import { RegoObject } from './value.ts';
import type { RegoValue } from './value.ts';

interface Replacement {
  readonly root: 'data' | 'input';
  readonly path: readonly string[];
  readonly value: CompiledTerm;
}

/** Lets a step see another `input` or `data`, as its `with` modifiers say. */
export function compileModifiers(
  compiler: Compiler,
  literal: Literal,
  place: Place,
  step: Step | undefined,
): Step | undefined {
  if (step === undefined || literal.modifiers.length === 0) return step;
  const replacements: Replacement[] = [];
  for (const modifier of literal.modifiers) {
    const target = targetOf(modifier, place);
    const value = compiler.term(modifier.value, place);
    if (value === undefined) return undefined;
    replacements.push({ ...target, value });
  }
  return {
    kind: 'many',
    each: (frame, next) =>
      eachReplacement(replacements, 0, frame, frame.evaluation, (changed) => runWith(step, frame, changed, next)),
  };
}

function runWith(step: Step, frame: Frame, changed: Evaluation, next: Next): boolean {
  const own = frame.evaluation;
  frame.evaluation = changed;
  try {
    if (step.kind === 'one') {
      const holds = step.test(frame);
      frame.evaluation = own;
      return holds && next();
    }
    return step.each(frame, () => {
      frame.evaluation = own;
      try {
        return next();
      } finally {
        frame.evaluation = changed;
      }
    });
  } finally {
    frame.evaluation = own;
  }
}

function targetOf(
  { target }: WithModifier,
  place: Place,
): { readonly root: 'data' | 'input'; readonly path: readonly string[] } {
  const head = target.type === 'reference' ? target.head : target;
  const global = head.type === 'variable' ? place.scope.global(head.name) : undefined;
  if (global === undefined) throw unsupportedAt(target.at, '`with` can replace `input` and `data`, but no function');
  const rest: readonly Term[] = target.type === 'reference' ? target.operands : [];
  const names = rest.map((operand) => {
    if (operand.type === 'scalar' && typeof operand.value === 'string') return operand.value;
    throw unsupportedAt(operand.at, 'the target of `with` has to be spelled out in names');
  });
  const path = [...global.path, ...names];
  if (place.scope.module.tree.find(path)?.kind === 'function') {
    throw unsupportedAt(target.at, '`with` can replace `input` and `data`, but no function');
  }
  return { root: global.root, path };
}

function eachReplacement(
  replacements: readonly Replacement[],
  at: number,
  frame: Frame,
  changed: Evaluation,
  next: (changed: Evaluation) => boolean,
): boolean {
  const replacement = replacements[at];
  if (replacement === undefined) return next(changed);
  return eachValue(replacement.value, frame, (value) =>
    eachReplacement(replacements, at + 1, frame, replaced(changed, replacement, value), next),
  );
}

function replaced(evaluation: Evaluation, { root, path }: Replacement, value: RegoValue): Evaluation {
  if (root === 'input') return { ...evaluation, input: put(evaluation.input, path, value), results: new Map() };
  return {
    ...evaluation,
    data: put(evaluation.data, path, value),
    replaced: [...evaluation.replaced, path],
    results: new Map(),
  };
}

function put(document: RegoValue | undefined, path: readonly string[], value: RegoValue): RegoValue {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const copy = new RegoObject();
  if (document instanceof RegoObject) {
    for (const entry of document.sorted()) copy.set(entry.key, entry.value);
  }
  copy.set(name, put(copy.get(name), rest, value));
  return copy;
}
