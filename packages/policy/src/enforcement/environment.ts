import type { PatternMatcher } from '../regex/index.ts';
import type { EnvRule } from './policy-container.ts';
import { envRuleAccepts } from './predicates.ts';

interface RuleIndex {
  /** Whole variables that a `string` rule names. */
  readonly exact: ReadonlySet<string>;
  readonly others: readonly EnvRule[];
  readonly required: readonly EnvRule[];
}

/** Environment rules applied to the variables of one request. Answers are remembered, so that clones share the work. */
export class EnvironmentJudge {
  readonly #matcher: PatternMatcher;
  readonly #indexes = new Map<readonly EnvRule[], RuleIndex>();
  readonly #answers = new Map<EnvRule, Map<string, boolean>>();

  constructor(matcher: PatternMatcher) {
    this.#matcher = matcher;
  }

  /** Whether some rule accepts the variable. Undefined rules accept nothing. */
  accepts(rules: readonly EnvRule[] | undefined, variable: string): boolean {
    if (rules === undefined) return false;
    const index = this.#indexOf(rules);
    if (index.exact.has(variable)) return true;
    this.#matcher.charge(index.others.length);
    return index.others.some((rule) => this.#ruleAccepts(rule, variable));
  }

  /** The distinct variables that some rule accepts, in the order of the request. */
  accepted(rules: readonly EnvRule[] | undefined, variables: readonly string[]): readonly string[] {
    return [...new Set(variables)].filter((variable) => this.accepts(rules, variable));
  }

  /** Required rules that no variable satisfies. */
  unmet(rules: readonly EnvRule[] | undefined, variables: readonly string[]): readonly EnvRule[] {
    if (rules === undefined) return [];
    return this.#indexOf(rules).required.filter((rule) => {
      this.#matcher.charge(variables.length);
      return !variables.some((variable) => this.#ruleAccepts(rule, variable));
    });
  }

  /** Every required rule is satisfied and every variable is accepted. */
  listAccepted(rules: readonly EnvRule[] | undefined, variables: readonly string[]): boolean {
    return (
      rules !== undefined &&
      this.unmet(rules, variables).length === 0 &&
      variables.every((variable) => this.accepts(rules, variable))
    );
  }

  #ruleAccepts(rule: EnvRule, variable: string): boolean {
    const answers = this.#answers.get(rule) ?? new Map<string, boolean>();
    this.#answers.set(rule, answers);
    const known = answers.get(variable);
    if (known !== undefined) return known;
    const answer = envRuleAccepts(rule, variable, this.#matcher);
    answers.set(variable, answer);
    return answer;
  }

  #indexOf(rules: readonly EnvRule[]): RuleIndex {
    const known = this.#indexes.get(rules);
    if (known !== undefined) return known;
    const isExact = (rule: EnvRule): boolean => rule.form === 'whole' && rule.strategy === 'string';
    const index: RuleIndex = {
      exact: new Set(rules.flatMap((rule) => (rule.form === 'whole' && isExact(rule) ? [rule.pattern] : []))),
      others: rules.filter((rule) => !isExact(rule)),
      required: rules.filter((rule) => rule.required),
    };
    this.#indexes.set(rules, index);
    return index;
  }
}

/** The name of `NAME=value`: the text before the first `=`. */
export function variableName(variable: string): string {
  const split = variable.indexOf('=');
  return split === -1 ? variable : variable.slice(0, split);
}

/**
 * The list an allowed process keeps. Without dropping it is the request's list. With dropping it is the largest set of
 * variables that a candidate accepts; undefined when candidates keep different sets of that size.
 */
export function keptEnvironment(
  candidates: readonly { readonly envRules: readonly EnvRule[] | undefined }[],
  variables: readonly string[],
  dropping: boolean,
  judge: EnvironmentJudge,
): readonly string[] | undefined {
  if (!dropping) return variables;
  const sets = candidates
    .filter((candidate) => candidate.envRules !== undefined)
    .map((candidate) => judge.accepted(candidate.envRules, variables));
  const size = sets.reduce((largest, set) => Math.max(largest, set.length), -1);
  const [first, ...others] = sets.filter((set) => set.length === size);
  // Each set keeps the order of the request, so equal sets are equal lists.
  return others.every((set) => set.every((variable, index) => variable === first?.[index])) ? first : undefined;
}
