import { InternalError, PlatformError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import type { Builtin } from './builtins/builtin.ts';
import { RegexCache } from './builtins/regex-cache.ts';
import { compileModules } from './compile-module.ts';
import type { Evaluation } from './evaluation.ts';
import { fromJson } from './json.ts';
import type { RegoJson } from './json.ts';
import { Budget, defaultRegoEngineLimits } from './limits.ts';
import type { RegoEngineLimits } from './limits.ts';
import { rulesUnderEvaluation } from './observation.ts';
import type { RegoObservation } from './observation.ts';
import { limitExceeded } from './position.ts';
import { documentAt } from './rule-tree.ts';
import type { RuleNode } from './rule-tree.ts';
import type { RegoModule } from './syntax.ts';
import { RegoObject } from './value.ts';
import type { RegoValue } from './value.ts';

/** A function of the host: JSON values in, a JSON value out; undefined makes the calling expression undefined. */
export interface RegoHostFunction {
  readonly arity: number;
  readonly call: (...values: readonly RegoValue[]) => RegoJson | undefined;
}

export interface RegoEngineOptions {
  readonly modules: readonly RegoModule[];
  /** The base document `data`. */
  readonly data?: RegoJson;
  /** By the name a policy calls them. They win over built-ins, not over rules. */
  readonly hostFunctions?: Readonly<Record<string, RegoHostFunction>>;
  readonly limits?: Partial<RegoEngineLimits>;
  /** For `time.now_ns`, which has no value without it. */
  readonly clock?: Clock;
}

export interface RegoQueryOptions {
  readonly input?: RegoJson;
  /** Replaces the base document for this query. */
  readonly data?: RegoJson;
  /** Told what is compared and which host functions are called. It must not throw. */
  readonly observe?: (observation: RegoObservation) => void;
}

export interface RegoEngine {
  /**
   * The document at a path such as `data.policy.allow`; undefined when no rule gives it a value.
   * @throws MalformedError REGO_CONFLICT, REGO_RECURSION
   * @throws UnsupportedError REGO_LIMIT_EXCEEDED
   * @throws InternalError REGO_HOST_FUNCTION_FAILED
   */
  query(path: string, options?: RegoQueryOptions): RegoValue | undefined;
  /** Whether some module defines a rule at the path, with or without a value. */
  hasRule(path: string): boolean;
}

/**
 * Compiles modules into an engine that answers queries about their rules (Open Policy Agent, policy language). The
 * engine holds no state between queries.
 * @throws MalformedError REGO_SYNTAX_INVALID for a rule that can never be evaluated, REGO_FUNCTION_UNKNOWN.
 * @throws UnsupportedError REGO_FEATURE_UNSUPPORTED, REGO_LIMIT_EXCEEDED
 */
export function createRegoEngine(options: RegoEngineOptions): RegoEngine {
  const limits = { ...defaultRegoEngineLimits, ...options.limits };
  const tree = bounded(limits, () => compileModules(options.modules, wrapHostFunctions(options.hostFunctions ?? {})));
  const baseData = fromJson(options.data ?? {});
  const regexes = new RegexCache();
  return {
    query: (path, { input, data, observe } = {}) => {
      const evaluation: Evaluation = {
        input: input === undefined ? undefined : fromJson(input),
        data: data === undefined ? baseData : fromJson(data),
        replaced: [],
        results: new Map(),
        active: new Set(),
        budget: new Budget(limits),
        services: { regexes, now: options.clock?.(), observe },
      };
      return bounded(limits, () => documentAtPath(tree.root, namesOf(path), evaluation));
    },
    hasRule: (path) => tree.find(namesOf(path)) !== undefined,
  };
}

function namesOf(path: string): readonly string[] {
  const [root, ...names] = path.split('.');
  if (root !== 'data') throw new TypeError('A query is a path that begins with "data".');
  return names;
}

function documentAtPath(root: RuleNode, names: readonly string[], evaluation: Evaluation): RegoValue | undefined {
  let node: RuleNode | undefined = root;
  let base: RegoValue | undefined = evaluation.data;
  let found: RegoValue | undefined;
  for (const [at, name] of names.entries()) {
    if (node?.rules !== undefined) {
      found = node.rules.value(evaluation);
      return member(found, names.slice(at));
    }
    node = node?.children.get(name);
    base = member(base, [name]);
  }
  return node === undefined ? base : documentAt(node, base, evaluation);
}

function member(value: RegoValue | undefined, names: readonly string[]): RegoValue | undefined {
  let found = value;
  for (const name of names) found = found instanceof RegoObject ? found.get(name) : undefined;
  return found;
}

function wrapHostFunctions(functions: Readonly<Record<string, RegoHostFunction>>): ReadonlyMap<string, Builtin> {
  const wrapped = Object.entries(functions).map(([name, { arity, call }]): [string, Builtin] => [
    name,
    {
      arity,
      call: (values, evaluation) => {
        const result = callHost(name, call, values);
        const { observe } = evaluation.services;
        if (observe !== undefined) {
          observe({ kind: 'host-call', name, values, result, rules: rulesUnderEvaluation(evaluation) });
        }
        return result;
      },
    },
  ]);
  return new Map(wrapped);
}

function callHost(name: string, call: RegoHostFunction['call'], values: readonly RegoValue[]): RegoValue | undefined {
  let result: RegoJson | undefined;
  try {
    result = call(...values);
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new InternalError('REGO_HOST_FUNCTION_FAILED', `The host function ${name} failed.`, { cause });
  }
  return result === undefined ? undefined : fromJson(result);
}

/** Nesting that the other limits let through ends at the stack, and texts at the longest the runtime makes. */
function bounded<T>(limits: RegoEngineLimits, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RangeError) throw limitExceeded('nested evaluation', limits.maxDepth);
    throw error;
  }
}
