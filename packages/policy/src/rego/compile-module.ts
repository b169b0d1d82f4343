import { patternNames } from './body-names.ts';
import type { Builtin } from './builtins/builtin.ts';
import { builtins } from './builtins/index.ts';
import { compileClosure } from './compile-body.ts';
import { compilePattern } from './compile-pattern.ts';
import { compileTerm } from './compile-term.ts';
import type { Compiler, Place, ResolvedCall } from './compiler.ts';
import type { CompiledPattern } from './evaluation.ts';
import { ModuleNames } from './module-names.ts';
import { malformedAt, syntaxError } from './position.ts';
import type { RegoPosition } from './position.ts';
import type { CompiledBranch, CompiledRule, RuleSet } from './rule-set.ts';
import { RuleTree } from './rule-tree.ts';
import { Bound, Scope, SlotCounter } from './scope.ts';
import type { Literal, RegoModule, Rule, Term } from './syntax.ts';
import { wildcard } from './syntax.ts';

interface PlacedRule {
  readonly rule: Rule;
  readonly names: ModuleNames;
  readonly ruleSet: RuleSet;
  /** Operands of the head that are keys of a partial object. */
  readonly path: readonly Term[];
}

/** Compiles modules that may refer to each other. */
export function compileModules(modules: readonly RegoModule[], hostFunctions: ReadonlyMap<string, Builtin>): RuleTree {
  const tree = new RuleTree();
  for (const module of modules) {
    for (const rule of module.rules) tree.announce(module.package, rule.name);
  }
  const placed = placeRules(modules, tree);
  const compiler = createCompiler(hostFunctions);
  for (const item of placed) compileRule(compiler, item);
  return tree;
}

function createCompiler(hostFunctions: ReadonlyMap<string, Builtin>): Compiler {
  const compiler: Compiler = {
    term: (term, place) => compileTerm(compiler, term, place),
    pattern: (term, place) => compilePattern(compiler, term, place),
    closure: (body, place, options) => compileClosure(compiler, body, place, options),
    resolveCall: (name, place, at) => resolveCall(name, place, at, hostFunctions),
  };
  return compiler;
}

function resolveCall(
  name: string,
  place: Place,
  at: RegoPosition,
  hostFunctions: ReadonlyMap<string, Builtin>,
): ResolvedCall {
  const [first = '', ...rest] = name.split('.');
  const global = place.scope.global(first);
  const rules = global?.root === 'data' ? place.scope.module.tree.find([...global.path, ...rest]) : undefined;
  if (rules?.kind === 'function') {
    return { arity: rules.arity, call: (frame, values) => rules.call(frame.evaluation, values) };
  }
  const builtin = hostFunctions.get(name) ?? builtins.get(name);
  if (builtin === undefined) throw malformedAt('REGO_FUNCTION_UNKNOWN', at, `no function is called ${name}`);
  return { arity: builtin.arity, call: (frame, values) => builtin.call(values, frame.evaluation) };
}

/** Decides which document each rule belongs to, so that rules can refer to others compiled later. */
function placeRules(modules: readonly RegoModule[], tree: RuleTree): readonly PlacedRule[] {
  const byName = new Map<string, { readonly rule: Rule; readonly names: ModuleNames }[]>();
  for (const module of modules) {
    const names = new ModuleNames(module, tree);
    for (const rule of module.rules) {
      const key = JSON.stringify([...module.package, rule.name]);
      const group = byName.get(key) ?? [];
      group.push({ rule, names });
      byName.set(key, group);
    }
  }
  return [...byName.values()].flatMap((group) => placeGroup(group, tree));
}

function placeGroup(
  group: readonly { readonly rule: Rule; readonly names: ModuleNames }[],
  tree: RuleTree,
): readonly PlacedRule[] {
  const separate = haveSeparatePaths(group.map((item) => item.rule));
  return group.map(({ rule, names }) => {
    const fixed = separate ? rule.path.map((operand) => fixedName(operand) ?? '') : [];
    const ruleSet = tree.ruleSetAt([...names.package, rule.name, ...fixed]);
    const path = separate ? [] : rule.path;
    const kind = separate ? rule.kind : 'object';
    if (ruleSet.isPlaced && ruleSet.kind !== kind) {
      throw syntaxError(rule.at, `${ruleSet.name} is defined as rules of different kinds`);
    }
    if (ruleSet.isPlaced && ruleSet.arity !== rule.parameters.length) {
      throw syntaxError(rule.at, `${ruleSet.name} is defined with different numbers of arguments`);
    }
    ruleSet.isPlaced = true;
    ruleSet.kind = kind;
    ruleSet.arity = rule.parameters.length;
    return { rule, names, ruleSet, path };
  });
}

/** Whether the heads spell out names only and none of them lies within another. */
function haveSeparatePaths(rules: readonly Rule[]): boolean {
  const paths: string[] = [];
  for (const rule of rules) {
    const names = rule.path.map(fixedName);
    if (names.includes(undefined)) return false;
    paths.push(JSON.stringify(names).slice(0, -1));
  }
  const distinct = [...new Set(paths)];
  return distinct.every(
    (path) => !distinct.some((other) => other !== path && (path === '[' || other.startsWith(`${path},`))),
  );
}

function fixedName(operand: Term): string | undefined {
  return operand.type === 'scalar' && typeof operand.value === 'string' ? operand.value : undefined;
}

function compileRule(compiler: Compiler, { rule, names, ruleSet, path }: PlacedRule): void {
  const counter = new SlotCounter();
  const scope = new Scope(names, counter);
  const place: Place = { scope, bound: new Bound([], 0) };
  for (const parameter of rule.parameters) {
    for (const name of patternNames(parameter)) {
      if (name !== wildcard && !scope.owns(name)) scope.declare(name);
    }
  }
  const parameters: CompiledPattern[] = [];
  for (const parameter of rule.parameters) {
    const pattern = compiler.pattern(parameter, place);
    if (pattern === undefined) throw unsafe(counter, parameter.at);
    parameters.push(pattern);
  }
  const branch = compileBranch(compiler, place, rule.body, path, rule.value, rule.at);
  const otherwise = rule.otherwise.map((item) => compileBranch(compiler, place, item.body, path, item.value, item.at));
  const compiled: CompiledRule = { slotCount: counter.next, parameters, branch, otherwise, at: rule.at };
  if (rule.isDefault) {
    if (ruleSet.fallback !== undefined) throw syntaxError(rule.at, `${ruleSet.name} has two default values`);
    ruleSet.fallback = compiled;
    return;
  }
  ruleSet.definitions.push(compiled);
  if (ruleSet.kind === 'object' && rule.kind === 'set') ruleSet.nestedSets.add(compiled);
}

function compileBranch(
  compiler: Compiler,
  place: Place,
  body: readonly Literal[],
  path: readonly Term[],
  value: Term,
  at: RegoPosition,
): CompiledBranch {
  const closure = compiler.closure(body, place, { heads: [...path, value], patterns: [] });
  const last = closure?.heads.at(-1);
  if (closure === undefined || last === undefined) throw unsafe(place.scope.counter, at);
  return { steps: closure.steps, path: closure.heads.slice(0, -1), value: last };
}

function unsafe(counter: SlotCounter, at: RegoPosition): Error {
  const found = counter.unsafe;
  if (found === undefined) return syntaxError(at, 'a variable of this rule never gets a value (it is unsafe)');
  return syntaxError(found.at, `the variable ${found.name} never gets a value here (it is unsafe)`);
}
