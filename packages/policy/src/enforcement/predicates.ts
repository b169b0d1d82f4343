import type { PatternMatcher } from '../regex/index.ts';
import type { CceMount } from './guest-defaults.ts';
import { hugePagesPrefix, plan9Prefix, privilegedMounts, sandboxPrefix, sandboxSysMount } from './guest-defaults.ts';
import type { CapabilitySets, EnvRule, IdRule, UserRule } from './policy-container.ts';
import { capabilitySetNames } from './policy-container.ts';
import type { CreateRequest, ExecRequest } from './requests.ts';

/** What mount sources are compared against. */
export interface MountScope {
  readonly request: CreateRequest;
  readonly defaultMounts: readonly CceMount[];
  readonly plan9Mounts: ReadonlyMap<string, string>;
  readonly matcher: PatternMatcher;
}

/** Equal vectors. A policy without a command (null) matches nothing, not even the empty vector. */
export function commandMatches(policy: readonly string[] | undefined, request: readonly string[]): boolean {
  return (
    policy !== undefined && policy.length === request.length && policy.every((part, index) => part === request[index])
  );
}

export function privilegeAllowed(allow: boolean | undefined, privileged: boolean): boolean {
  return allow !== undefined && (!privileged || allow);
}

/** A policy that asks for the bit needs it; one that does not accepts both. */
export function noNewPrivilegesMatches(policy: boolean | undefined, request: boolean): boolean {
  return policy !== undefined && (!policy || request);
}

export function userMatches(
  policy: UserRule | undefined,
  request: Pick<ExecRequest, 'user' | 'groups' | 'umask'>,
  matcher: PatternMatcher,
): boolean {
  if (policy === undefined || policy.umask !== request.umask) return false;
  matcher.charge(policy.groups.length * request.groups.length);
  return (
    idMatches(policy.user, request.user, matcher) &&
    request.groups.every((group) => policy.groups.some((rule) => idMatches(rule, group, matcher)))
  );
}

function idMatches(
  rule: IdRule | undefined,
  request: { readonly id: string; readonly name: string },
  matcher: PatternMatcher,
): boolean {
  switch (rule?.strategy) {
    case 'any':
      return true;
    case 'id':
      return rule.pattern === request.id;
    case 'name':
      return rule.pattern === request.name;
    case 're2':
      return matcher.matchAnchored(rule.pattern, request.name) === true;
    default:
      return false;
  }
}

/** Whether one rule accepts one `NAME=value`. */
export function envRuleAccepts(rule: EnvRule, variable: string, matcher: PatternMatcher): boolean {
  if (rule.form === 'whole') return textAccepts(rule.strategy, rule.pattern, variable, matcher);
  const split = variable.indexOf('=');
  if (rule.form === 'invalid' || split === -1) return false;
  return (
    textAccepts(rule.nameStrategy, rule.name, variable.slice(0, split), matcher) &&
    textAccepts(rule.valueStrategy, rule.value, variable.slice(split + 1), matcher)
  );
}

function textAccepts(strategy: string, pattern: string, text: string, matcher: PatternMatcher): boolean {
  if (strategy === 'string') return pattern === text;
  return strategy === 're2' && matcher.matchAnchored(pattern, text) === true;
}

/** Which rule of the three sources admits a mount: the container's, the guest's defaults, those for elevation. */
export function mountAllowed(
  mount: CceMount,
  policyMounts: readonly CceMount[] | undefined,
  allowElevated: boolean | undefined,
  scope: MountScope,
): boolean {
  if (policyMounts === undefined || allowElevated === undefined) return false;
  scope.matcher.charge(policyMounts.length + scope.defaultMounts.length);
  return (
    policyMounts.some((rule) => mountMatches(rule, mount, scope)) ||
    scope.defaultMounts.some((rule) => mountMatches(rule, mount, scope)) ||
    (allowElevated && privilegedMounts.some((rule) => mountMatches(rule, mount, scope))) ||
    (scope.request.isSandboxContainer && mountMatches(sandboxSysMount, mount, scope))
  );
}

export function mountMatches(rule: CceMount, mount: CceMount, scope: MountScope): boolean {
  return (
    rule.type === mount.type &&
    mount.destination !== '' &&
    rule.destination === mount.destination &&
    optionsMatch(rule.options, mount.options) &&
    sourceMatches(rule.source, mount.source, scope)
  );
}

/** Same length and the same members; repeated options may trade places. */
export function optionsMatch(rule: readonly string[], request: readonly string[]): boolean {
  if (rule.length !== request.length) return false;
  const ruleSet = new Set(rule);
  const requestSet = new Set(request);
  return rule.every((option) => requestSet.has(option)) && request.every((option) => ruleSet.has(option));
}

function sourceMatches(rule: string, source: string, scope: MountScope): boolean {
  if (rule === source) return true;
  const { request, matcher, plan9Mounts } = scope;
  if (rule.startsWith(sandboxPrefix)) {
    return matcher.matchAnchored(request.sandboxDir + rule.slice(sandboxPrefix.length), source) === true;
  }
  if (rule.startsWith(hugePagesPrefix)) {
    return matcher.matchAnchored(request.hugePagesDir + rule.slice(hugePagesPrefix.length), source) === true;
  }
  return rule.startsWith(plan9Prefix) && plan9Mounts.get(source) === request.containerID;
}

/** Exact equality of the five sets: equal lengths, and each side contains the other. */
export function capabilitiesEqual(policy: CapabilitySets, request: CapabilitySets): boolean {
  return capabilitySetNames.every((name) => optionsMatch(policy[name], request[name]));
}
