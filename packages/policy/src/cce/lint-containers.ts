import { hasTopLevelAlternation, type PatternMatcher } from '../regex/index.ts';
import { isLiteralArray, isLiteralObject, type LiteralObject, type LiteralValue } from '../rego-literals/index.ts';
import {
  aciEnvRules,
  platformIdentityEnvRules,
  uncoveredPlatformVariables,
  vn2ServiceEnvRules,
  workloadIdentityEnvRules,
} from './data/default-env-rules.ts';
import { pauseContainer } from './data/pause-container.ts';
import type { Report } from './finding.ts';
import { pythonJson } from './python-json.ts';
import type { CcePolicyDocument } from './read-policy.ts';

const ROOT_HASH = /^[0-9a-f]{64}$/;
const SHELLS = new Set(['/bin/sh', '/bin/bash', 'sh', 'bash', '/bin/ash', '/bin/zsh', '/bin/dash']);

/** Patterns that every generated policy holds: known to be wide, and not the user's doing. */
const platformPatterns = new Set(
  [...aciEnvRules, ...vn2ServiceEnvRules, ...workloadIdentityEnvRules, ...platformIdentityEnvRules].map(
    (rule) => rule.pattern,
  ),
);

/** Checks each container of a policy, and all of them against each other. */
export function lintContainers(policy: CcePolicyDocument, matcher: PatternMatcher, report: Report): void {
  for (const [index, container] of policy.containers.entries()) {
    const name = containerLabel(container, index);
    lintStart(container, name, report);
    lintPatterns(container, name, matcher, report);
    lintAccess(container, name, report);
    if (policy.flags.get('allow_environment_variable_dropping') !== true)
      lintPlatformEnv(container, name, matcher, report);
  }
  lintDuplicates(policy.containers, report);
}

/** How people recognise a container: its name, its id, or its position. */
export function containerLabel(container: LiteralObject, index: number): string {
  const { name, id } = container;
  if (typeof name === 'string') return name;
  return typeof id === 'string' ? id : `container ${index}`;
}

function lintStart({ layers, command }: LiteralObject, name: string, report: Report): void {
  const hashes = listOf(layers);
  if (hashes.length === 0) report('CCE-LAYERS-EMPTY', 'error', 'the container has no layers', name);
  else if (!hashes.every((hash) => typeof hash === 'string' && ROOT_HASH.test(hash))) {
    report('CCE-LAYERS-UNKNOWN', 'error', 'a layer is not a root hash of 64 lowercase hex characters', name);
  }
  if (command === null || command === undefined)
    report('CCE-CMD-NULL', 'error', 'the container has no command, so it can never start', name);
}

function lintPatterns(container: LiteralObject, name: string, matcher: PatternMatcher, report: Report): void {
  for (const [where, pattern] of patternsOf(container)) {
    const shown = JSON.stringify(pattern.slice(0, 120));
    if (!matcher.isValid(pattern))
      report('CCE-REGEX-INVALID', 'error', `${where} is not a valid pattern: ${shown}`, name);
    else if (hasTopLevelAlternation(pattern)) {
      report(
        'CCE-REGEX-ALT',
        'error',
        `${where} has alternatives outside of a group, which are not anchored: ${shown}`,
        name,
      );
    }
  }
  for (const { pattern, strategy } of listOf(container['env_rules']).filter(isLiteralObject)) {
    if (strategy !== 're2' || typeof pattern !== 'string' || platformPatterns.has(pattern)) continue;
    const value = pattern.slice(pattern.indexOf('=') + 1).replace(/\$$/, '');
    if (value === '.*' || value === '.+')
      report('CCE-WILDCARD-ENV', 'warning', `any value is allowed by ${JSON.stringify(pattern)}`, name);
  }
}

/** All RE2 patterns of a container with the place where they stand. */
function patternsOf(container: LiteralObject): [string, string][] {
  const patterns: [string, LiteralValue | undefined][] = [];
  for (const rule of listOf(container['env_rules']).filter(isLiteralObject)) {
    if (rule['strategy'] === 're2') patterns.push(['a variable rule', rule['pattern']]);
    if (rule['name_strategy'] === 're2') patterns.push(['the name of a variable rule', rule['name']]);
    if (rule['value_strategy'] === 're2') patterns.push(['the value of a variable rule', rule['value']]);
  }
  for (const mount of listOf(container['mounts']).filter(isLiteralObject)) {
    const { source } = mount;
    if (typeof source === 'string' && /^(?:sandbox|hugepages):\/\//.test(source)) {
      patterns.push(['the source of a mount', source.replace(/^[a-z]+:\/\//, '')]);
    }
  }
  const user = container['user'];
  const names = isLiteralObject(user) ? [user['user_idname'], ...listOf(user['group_idnames'])] : [];
  for (const rule of names.filter(isLiteralObject)) {
    if (rule['strategy'] === 're2') patterns.push(['a user or group rule', rule['pattern']]);
  }
  return patterns.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
}

function lintAccess(container: LiteralObject, name: string, report: Report): void {
  const shells = listOf(container['exec_processes']).filter((process) => {
    const command = isLiteralObject(process) ? listOf(process['command']) : [];
    return command.length === 1 && typeof command[0] === 'string' && SHELLS.has(command[0]);
  });
  if (shells.length > 0) report('CCE-DEBUG', 'warning', 'a shell may be started in the container', name);
  if (container['allow_stdio_access'] === true)
    report('CCE-STDIO', 'info', 'the host may read and write standard streams', name);
}

function lintPlatformEnv(container: LiteralObject, name: string, matcher: PatternMatcher, report: Report): void {
  if (sameJson(container['layers'], pauseContainer.layers)) return;
  const rules = listOf(container['env_rules']).filter(isLiteralObject);
  const missing = uncoveredPlatformVariables.filter(
    (variable) => !rules.some((rule) => admits(rule, variable, matcher)),
  );
  if (missing.length === 0) return;
  const message = `variables are not dropped and no rule admits ${missing.join(', ')}, which the platform may set: the container would be denied`;
  report('CCE-NODROP-ENV', 'warning', message, name);
}

/** Whether a rule admits a variable with some ordinary value. */
function admits(rule: LiteralObject, variable: string, matcher: PatternMatcher): boolean {
  const { pattern, strategy, name, value, name_strategy: nameStrategy, value_strategy: valueStrategy } = rule;
  if (typeof pattern === 'string') {
    return strategy === 're2'
      ? matcher.matchAnchored(pattern, `${variable}=x`) === true
      : pattern.startsWith(`${variable}=`);
  }
  if (typeof name !== 'string' || typeof value !== 'string') return false;
  const named = nameStrategy === 're2' ? matcher.matchAnchored(name, variable) === true : name === variable;
  return named && (valueStrategy !== 're2' || matcher.matchAnchored(value, 'x') === true);
}

/** Containers that a request cannot tell apart when they start, but that differ in what is done with them. */
function lintDuplicates(containers: readonly LiteralObject[], report: Report): void {
  const first = new Map<string, { readonly label: string; readonly rest: string }>();
  for (const [index, container] of containers.entries()) {
    const { layers, command, env_rules: env, capabilities, allow_stdio_access: stdio } = container;
    const key = pythonJson([layers ?? null, command ?? null]);
    const rest = pythonJson([env ?? null, capabilities ?? null, stdio ?? null]);
    const label = containerLabel(container, index);
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, { label, rest });
    else if (earlier.rest !== rest) {
      const message = `the container has layers and command of ${earlier.label} but other variables, capabilities or stdio: which one is meant may stay open`;
      report('CCE-DUPLICATE', 'warning', message, label);
    }
  }
}

function sameJson(a: unknown, b: unknown): boolean {
  return pythonJson(a ?? null) === pythonJson(b ?? null);
}

function listOf(value: LiteralValue | undefined): readonly LiteralValue[] {
  return isLiteralArray(value) ? value : [];
}
