import { eachMatch, eachValue, runSteps } from './evaluation.ts';
import type { CompiledPattern, CompiledTerm, Evaluation, Frame, Step } from './evaluation.ts';
import { limitExceeded, malformedAt } from './position.ts';
import type { RegoPosition } from './position.ts';
import { equalValues, keyOf, RegoObject, RegoSet } from './value.ts';
import type { RegoValue } from './value.ts';

export interface CompiledBranch {
  readonly steps: readonly Step[];
  /** Keys below the name of the rule, for rules such as `p[x].y`. */
  readonly path: readonly CompiledTerm[];
  readonly value: CompiledTerm;
}

export interface CompiledRule {
  readonly slotCount: number;
  readonly parameters: readonly CompiledPattern[];
  readonly branch: CompiledBranch;
  readonly otherwise: readonly CompiledBranch[];
  readonly at: RegoPosition;
}

export type RuleSetKind = 'complete' | 'function' | 'set' | 'object';

/** All definitions of one name. */
export class RuleSet {
  readonly path: readonly string[];
  readonly definitions: CompiledRule[] = [];
  /** Members of sets below the name: `p[x] contains y`. */
  readonly nestedSets = new Set<CompiledRule>();
  kind: RuleSetKind = 'complete';
  arity = 0;
  /** Whether a definition has said what kind and arity are. */
  isPlaced = false;
  fallback: CompiledRule | undefined;

  constructor(path: readonly string[]) {
    this.path = path;
  }

  get name(): string {
    return ['data', ...this.path].join('.');
  }

  /** The value of a rule that takes no arguments, computed once per query. */
  value(evaluation: Evaluation): RegoValue | undefined {
    if (this.kind === 'function') return undefined;
    const { results } = evaluation;
    if (results.has(this)) return results.get(this);
    const value = this.#replaced(evaluation) ?? this.#guarded(evaluation, () => this.#compute(evaluation));
    results.set(this, value);
    return value;
  }

  /** The result of a function. */
  call(evaluation: Evaluation, values: readonly RegoValue[]): RegoValue | undefined {
    return this.#guarded(evaluation, () => this.#one(evaluation, values));
  }

  #replaced(evaluation: Evaluation): RegoValue | undefined {
    const replaced = evaluation.replaced.some((path) => path.every((name, at) => this.path[at] === name));
    if (!replaced) return undefined;
    let value: RegoValue | undefined = evaluation.data;
    for (const name of this.path) value = value instanceof RegoObject ? value.get(name) : undefined;
    return value;
  }

  #guarded<T>(evaluation: Evaluation, compute: () => T): T {
    const { active, budget } = evaluation;
    const at = this.definitions[0]?.at ?? this.fallback?.at;
    if (active.has(this) && at !== undefined) {
      throw malformedAt('REGO_RECURSION', at, `${this.name} depends on its own value`);
    }
    active.add(this);
    budget.enter();
    try {
      return compute();
    } finally {
      budget.leave();
      active.delete(this);
    }
  }

  #compute(evaluation: Evaluation): RegoValue | undefined {
    if (this.kind === 'complete') return this.#one(evaluation, []);
    return this.kind === 'set' ? this.#set(evaluation) : this.#object(evaluation);
  }

  #one(evaluation: Evaluation, values: readonly RegoValue[]): RegoValue | undefined {
    let result: RegoValue | undefined;
    for (const rule of this.definitions) {
      forEachResult(rule, evaluation, values, (_, value) => {
        if (result !== undefined && !equalValues(result, value)) {
          throw malformedAt('REGO_CONFLICT', rule.at, `${this.name} has two different values for the same input`);
        }
        result = value;
        return false;
      });
    }
    if (result === undefined && this.fallback !== undefined) {
      forEachResult(this.fallback, evaluation, values, (_, value) => {
        result = value;
        return true;
      });
    }
    return result;
  }

  #set(evaluation: Evaluation): RegoValue {
    const set = new RegoSet();
    for (const rule of this.definitions) {
      forEachResult(rule, evaluation, [], (_, value) => {
        set.add(value);
        this.#checkSize(set.size, evaluation);
        return false;
      });
    }
    return set;
  }

  #object(evaluation: Evaluation): RegoValue {
    const document = new DocumentBuilder();
    for (const rule of this.definitions) {
      const isSet = this.nestedSets.has(rule);
      forEachResult(rule, evaluation, [], (path, value) => {
        if (!document.add(path, value, isSet)) {
          throw malformedAt('REGO_CONFLICT', rule.at, `${this.name} has two different values for one key`);
        }
        return false;
      });
    }
    if (this.definitions.length > 0 || this.fallback === undefined) return document.build();
    return this.#one(evaluation, []) ?? document.build();
  }

  #checkSize(size: number, evaluation: Evaluation): void {
    const { maxValueSize } = evaluation.budget.limits;
    if (size > maxValueSize) throw limitExceeded('size of a value', maxValueSize);
  }
}

/** Calls `next` with the path and value of every solution; true stops. */
function forEachResult(
  rule: CompiledRule,
  evaluation: Evaluation,
  values: readonly RegoValue[],
  next: (path: readonly RegoValue[], value: RegoValue) => boolean,
): void {
  const frame: Frame = { slots: Array.from<RegoValue>({ length: rule.slotCount }).fill(null), evaluation };
  matchParameters(rule.parameters, values, 0, frame, () => {
    let found = runBranch(rule.branch, frame, next);
    for (const branch of rule.otherwise) {
      if (found.any) break;
      found = runBranch(branch, frame, next);
    }
    return found.stopped;
  });
}

function matchParameters(
  parameters: readonly CompiledPattern[],
  values: readonly RegoValue[],
  at: number,
  frame: Frame,
  next: () => boolean,
): boolean {
  const pattern = parameters[at];
  const value = values[at];
  if (pattern === undefined || value === undefined) return next();
  return eachMatch(pattern, frame, value, () => matchParameters(parameters, values, at + 1, frame, next));
}

function runBranch(
  branch: CompiledBranch,
  frame: Frame,
  next: (path: readonly RegoValue[], value: RegoValue) => boolean,
): { readonly any: boolean; readonly stopped: boolean } {
  let any = false;
  // A value that no variable enters is the same for every solution: the first one is enough.
  const settled =
    branch.value.kind === 'one' &&
    branch.value.constant !== undefined &&
    branch.path.every((key) => key.kind === 'one' && key.constant !== undefined);
  const stopped = runSteps(branch.steps, 0, frame, () =>
    eachPath([...branch.path, branch.value], 0, frame, [], (values) => {
      any = true;
      const stop = next(values.slice(0, -1), values.at(-1) ?? null);
      return stop || settled;
    }),
  );
  return { any, stopped: stopped && !settled };
}

function eachPath(
  terms: readonly CompiledTerm[],
  at: number,
  frame: Frame,
  found: readonly RegoValue[],
  next: (values: readonly RegoValue[]) => boolean,
): boolean {
  const term = terms[at];
  if (term === undefined) return next(found);
  return eachValue(term, frame, (value) => eachPath(terms, at + 1, frame, [...found, value], next));
}

/** Builds the object of a partial rule from paths and values. */
class DocumentBuilder {
  readonly #branches = new Map<string, { readonly key: RegoValue; node: DocumentBuilder }>();
  #leaf: RegoValue | undefined;
  #members: RegoSet | undefined;

  /** False when another value stands there already. */
  add(path: readonly RegoValue[], value: RegoValue, isSet: boolean): boolean {
    const [key, ...rest] = path;
    if (key === undefined) return this.#addHere(value, isSet);
    if (this.#leaf !== undefined || this.#members !== undefined) return false;
    const name = keyOf(key);
    let branch = this.#branches.get(name);
    if (branch === undefined) {
      branch = { key, node: new DocumentBuilder() };
      this.#branches.set(name, branch);
    }
    return branch.node.add(rest, value, isSet);
  }

  #addHere(value: RegoValue, isSet: boolean): boolean {
    if (this.#branches.size > 0) return false;
    if (isSet) {
      if (this.#leaf !== undefined) return false;
      this.#members ??= new RegoSet();
      this.#members.add(value);
      return true;
    }
    if (this.#members !== undefined) return false;
    if (this.#leaf !== undefined) return equalValues(this.#leaf, value);
    this.#leaf = value;
    return true;
  }

  build(): RegoValue {
    if (this.#leaf !== undefined) return this.#leaf;
    if (this.#members !== undefined) return this.#members;
    const object = new RegoObject();
    for (const { key, node } of this.#branches.values()) object.set(key, node.build());
    return object;
  }
}
