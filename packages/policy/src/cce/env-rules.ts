import type { EnvRule } from './policy-model.ts';

/** Allows exactly `NAME=value`. */
export function literalEnv(name: string, value: string): EnvRule {
  return { pattern: `${name}=${value}`, strategy: 'string', required: false };
}

/** Allows a variable whatever its value, the empty one included. */
export function wildcardEnv(name: string): EnvRule {
  return { pattern: `${name}=.*`, strategy: 're2', required: false };
}

/** The name a rule is about: the text before the first `=`, taken literally even in a pattern. */
export function envRuleName(rule: EnvRule): string {
  return rule.pattern.split('=', 1)[0] ?? '';
}

/** The rules, then those of `more` whose name none of the rules has. */
export function withDefaults(rules: readonly EnvRule[], more: readonly EnvRule[]): EnvRule[] {
  const names = new Set(rules.map((rule) => envRuleName(rule)));
  return [...rules, ...more.filter((rule) => !names.has(envRuleName(rule)))];
}
