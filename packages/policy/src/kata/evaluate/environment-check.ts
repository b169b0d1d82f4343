import { splitVariable } from '../environment.ts';
import type { KataPolicyData } from '../policy-data.ts';
import { type Mismatch, show } from './decision.ts';
import { isIpv4, type KataPatterns } from './patterns.ts';

export interface VariableScope {
  readonly policy: KataPolicyData;
  readonly patterns: KataPatterns;
  /** Variables of the policy's container. */
  readonly variables: readonly string[];
  /** Text that `$(sandbox-name)` stands for in variables, undefined when the request does not say. */
  readonly sandboxName: string | undefined;
  /** Upstream: pattern of the pod's name, which a variable that is exactly `NAME=$(sandbox-name)` must match instead. */
  readonly sandboxNamePattern?: string;
  /** Upstream: text that `$(sandbox-namespace)` stands for. */
  readonly namespace?: string | undefined;
}

/** Placeholders that admit any value; what they stand for is known to the node alone. */
const freePlaceholders = ['$(host-name)', '$(node-name)', '$(pod-uid)', '$(resource-field)', '$(todo-annotation)'];

/** The variables of a request that the policy does not allow. A variable that the request lacks is never missed. */
export function environmentMismatches(requested: readonly string[], scope: VariableScope): Mismatch[] {
  const regexes = scope.policy.request_defaults.CreateContainerRequest.allow_env_regex.map((pattern) =>
    scope.patterns.variable(pattern),
  );
  const exact = new Set(scope.variables.flatMap((known) => [known, substituted(known, scope)]));
  return requested
    .filter((variable) => !exact.has(variable) && !isAllowed(variable, scope, regexes))
    .map((variable) => {
      const name = variable.split('=', 1)[0] ?? '';
      const known = scope.variables.filter((candidate) => candidate.startsWith(`${name}=`));
      const message =
        known.length === 0
          ? `The variable ${name} is not in the policy and matches no allowed pattern.`
          : `The variable ${name} must be ${show(known[0])}, the request has ${show(variable)}.`;
      return { policy: known, request: variable, message };
    });
}

function isAllowed(variable: string, scope: VariableScope, regexes: readonly string[]): boolean {
  if (regexes.some((pattern) => scope.patterns.search(pattern, variable))) return true;
  return matchesPlaceholder(variable, scope);
}

function substituted(known: string, scope: VariableScope): string {
  const { namespace, sandboxName } = scope;
  let result = known;
  if (scope.sandboxNamePattern === undefined && sandboxName !== undefined) {
    result = result.replaceAll('$(sandbox-name)', () => sandboxName);
  }
  return namespace === undefined ? result : result.replaceAll('$(sandbox-namespace)', () => namespace);
}

/** Both sides must have exactly one `=` for a placeholder to count. */
function matchesPlaceholder(variable: string, scope: VariableScope): boolean {
  const [name, value] = splitVariable(variable) ?? [];
  if (name === undefined || value === undefined) return false;
  return scope.variables.some((known) => {
    const [knownName, knownValue] = splitVariable(known) ?? [];
    if (knownName !== name || knownValue === undefined) return false;
    if (knownValue === '$(pod-ip)' || knownValue === '$(host-ip)') return isIpv4(value);
    if (knownValue === '$(sandbox-name)' && scope.sandboxNamePattern !== undefined) {
      return scope.patterns.search(scope.sandboxNamePattern, value);
    }
    return freePlaceholders.some((placeholder) => knownValue.includes(placeholder));
  });
}
