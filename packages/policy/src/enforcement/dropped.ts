import type { DroppedCapability, DroppedVariable } from './decision.ts';
import { variableName } from './environment.ts';
import { describeEnvRule } from './container-tests.ts';
import type { CapabilitySets, EnvRule } from './policy-container.ts';
import { capabilitySetNames } from './policy-container.ts';
import type { PatternMatcher } from '../regex/index.ts';

/** Why each variable of the request that was not kept was removed: no rule names it, or none accepts its value. */
export function droppedVariables(
  request: readonly string[],
  kept: readonly string[] | undefined,
  rules: readonly EnvRule[],
  matcher: PatternMatcher,
): readonly DroppedVariable[] {
  if (kept === undefined) return [];
  const remaining = new Set(kept);
  const dropped = [...new Set(request)].filter((variable) => !remaining.has(variable));
  return dropped.map((variable) => {
    const name = variableName(variable);
    const naming = rules.filter((rule) => namesVariable(rule, name, matcher)).map(describeEnvRule);
    return { name, why: naming.length === 0 ? 'no-rule' : 'value-refused', rules: naming };
  });
}

export function droppedCapabilities(
  request: CapabilitySets | null | undefined,
  kept: CapabilitySets | undefined,
): readonly DroppedCapability[] {
  if (request === null || request === undefined || kept === undefined) return [];
  return capabilitySetNames.flatMap((set) =>
    [...new Set(request[set])]
      .filter((capability) => !kept[set].includes(capability))
      .map((capability) => ({ set, capability })),
  );
}

/** Whether a rule is about a variable of that name, whatever value it asks for. */
export function namesVariable(rule: EnvRule, name: string, matcher: PatternMatcher): boolean {
  if (rule.form === 'invalid') return false;
  if (rule.form === 'split') {
    return rule.nameStrategy === 'string' ? rule.name === name : matcher.matchAnchored(rule.name, name) === true;
  }
  const split = rule.pattern.indexOf('=');
  const named = split === -1 ? rule.pattern : rule.pattern.slice(0, split);
  return rule.strategy === 're2' ? matcher.matchAnchored(named, name) === true : named === name;
}
