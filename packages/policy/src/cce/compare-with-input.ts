import { PatternMatcher } from '../regex/index.ts';
import { isLiteralArray, isLiteralObject, type LiteralObject, type LiteralValue } from '../rego-literals/index.ts';
import { canonical, sameValue } from './diff-values.ts';
import type { CceContainer, EnvRule } from './policy-model.ts';
import { readCcePolicy } from './read-policy.ts';

/** A member of a container in which policy and input differ. */
export interface ContainerDifference {
  /** Such as `user.umask`; entries of lists as `mounts[]`. */
  readonly path: string;
  readonly category: 'changed' | 'removed' | 'added';
  /** What the policy says; undefined for `added`. */
  readonly policy_value?: LiteralValue;
  /** What the input says; undefined for `removed`. */
  readonly tested_value?: LiteralValue;
}

/** How one container of an input fares against an existing policy. */
export interface ContainerComparison {
  readonly name: string;
  readonly id: string;
  /** No difference at all. */
  readonly accepted: boolean;
  /** `<id> not found in policy`, when the policy has no container of that id or name. */
  readonly missing: string | undefined;
  readonly differences: readonly ContainerDifference[];
  /** One sentence for each variable that the policy does not admit. */
  readonly env: readonly string[];
}

/**
 * Compares an existing policy with the containers of an input as the reference generator's `--diff` does. That is laxer
 * than the guest: the order of layers and arguments is ignored, patterns are searched without anchors, required
 * variables are not looked at. Use the evaluator to know what the guest will say.
 * @throws MalformedError REGO_MALFORMED, REGO_TOO_LARGE, CCE_POLICY_INVALID
 */
export function compareWithInput(policyText: string, containers: readonly CceContainer[]): ContainerComparison[] {
  const existing = readCcePolicy(policyText).containers;
  const matcher = new PatternMatcher();
  return containers.map((container) => {
    const id = container.id ?? '';
    const name = container.name ?? id;
    const candidates = existing.filter((candidate) => candidate['id'] === id || candidate['name'] === name);
    if (candidates.length === 0) {
      return { name, id, accepted: false, missing: `${id} not found in policy`, differences: [], env: [] };
    }
    const compared = candidates.map((candidate) => ({
      differences: structuralDifferences('', comparable(candidate), comparable(asLiteral(container))),
      env: envViolations(candidate, container, matcher),
    }));
    const size = ({ differences, env }: (typeof compared)[number]) => differences.length + env.length;
    const best = compared.reduce((a, b) => (size(b) < size(a) ? b : a));
    return { name, id, accepted: size(best) === 0, missing: undefined, ...best };
  });
}

function asLiteral(container: CceContainer): LiteralObject {
  return container as unknown as LiteralObject;
}

function comparable(container: LiteralObject): LiteralObject {
  const { id: _id, env_rules: _rules, ...rest } = container;
  return rest;
}

function structuralDifferences(
  path: string,
  policy: LiteralValue | undefined,
  tested: LiteralValue | undefined,
): ContainerDifference[] {
  if (sameValue(policy, tested)) return [];
  if (isLiteralObject(policy) && isLiteralObject(tested)) {
    const names = [...new Set([...Object.keys(policy), ...Object.keys(tested)])].toSorted();
    return names.flatMap((name) =>
      structuralDifferences(path === '' ? name : `${path}.${name}`, policy[name], tested[name]),
    );
  }
  if (isLiteralArray(policy) && isLiteralArray(tested)) return listDifferences(path, policy, tested);
  if (tested === undefined) return policy === undefined ? [] : [{ path, category: 'removed', policy_value: policy }];
  if (policy === undefined) return [{ path, category: 'added', tested_value: tested }];
  return [{ path, category: 'changed', policy_value: policy, tested_value: tested }];
}

/** Without order and repetition. */
function listDifferences(
  path: string,
  policy: readonly LiteralValue[],
  tested: readonly LiteralValue[],
): ContainerDifference[] {
  const [known, given] = [policy, tested].map((list) => new Set(list.map((entry) => unordered(entry))));
  return [
    ...policy
      .filter((entry) => given?.has(unordered(entry)) !== true)
      .map((entry): ContainerDifference => ({ path: `${path}[]`, category: 'removed', policy_value: entry })),
    ...tested
      .filter((entry) => known?.has(unordered(entry)) !== true)
      .map((entry): ContainerDifference => ({ path: `${path}[]`, category: 'added', tested_value: entry })),
  ];
}

/** A text that is equal for values that are equal but for the order of lists. */
function unordered(value: LiteralValue): string {
  if (isLiteralArray(value))
    return `[${value
      .map((entry) => unordered(entry))
      .toSorted()
      .join()}]`;
  if (!isLiteralObject(value)) return canonical(value);
  const names = Object.keys(value).toSorted();
  return `{${names.map((name) => `${name}:${unordered(value[name] ?? null)}`).join()}}`;
}

function envViolations(policy: LiteralObject, { env_rules: tested }: CceContainer, matcher: PatternMatcher): string[] {
  const rules = isLiteralArray(policy['env_rules']) ? policy['env_rules'].filter(isLiteralObject) : [];
  const exact = new Set(rules.map((rule) => canonical([rule['strategy'] ?? null, rule['pattern'] ?? null])));
  const patterns = rules.flatMap(({ strategy, pattern }) =>
    strategy === 're2' && typeof pattern === 'string' ? [pattern] : [],
  );
  return tested.filter((rule) => !admitted(rule, exact, patterns, matcher)).map((rule) => sentence(rule));
}

function admitted(
  rule: EnvRule,
  exact: ReadonlySet<string>,
  patterns: readonly string[],
  matcher: PatternMatcher,
): boolean {
  if (exact.has(canonical([rule.strategy, rule.pattern]))) return true;
  return rule.strategy === 'string' && patterns.some((pattern) => matcher.find(pattern, rule.pattern) === true);
}

function sentence({ pattern, strategy }: EnvRule): string {
  return strategy === 're2'
    ? `environment variable with rule ${JSON.stringify(pattern)} does not match any rule of the policy literally`
    : `environment variable ${JSON.stringify(pattern)} does not match any rule of the policy`;
}
