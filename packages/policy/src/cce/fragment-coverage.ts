import { isDeepStrictEqual } from 'node:util';

import { PatternMatcher } from '../regex/index.ts';
import type { CceContainer, EnvRule } from './policy-model.ts';

/**
 * Whether a container of a fragment admits a container of a policy, so that the policy need not list it: same reference
 * or name, equal in everything but layers, and every variable admitted. Layers are not compared, because a fragment may
 * admit several versions of an image.
 */
export function coveredByFragment(container: CceContainer, fragment: CceContainer): boolean {
  const sameId = container.id !== undefined && container.id === fragment.id;
  const sameName = container.name !== undefined && container.name === fragment.name;
  if (!sameId && !sameName) return false;
  if (!isDeepStrictEqual(compared(container), compared(fragment))) return false;
  return container.env_rules.every((rule) => admitsRule(fragment.env_rules, rule));
}

function compared(container: CceContainer): unknown {
  const { id: _id, name: _name, layers: _layers, env_rules: _rules, platform: _platform, ...rest } = container;
  return rest;
}

/**
 * Whether rules of a policy admit what another rule admits: the same rule, or for a fixed value a pattern that is found
 * anywhere in it. That is not what the guest does, which anchors the pattern.
 */
export function admitsRule(rules: readonly EnvRule[], rule: EnvRule, matcher = new PatternMatcher()): boolean {
  return rules.some((other) => {
    if (other.pattern === rule.pattern && other.strategy === rule.strategy) return true;
    return rule.strategy === 'string' && other.strategy === 're2' && matcher.find(other.pattern, rule.pattern) === true;
  });
}
