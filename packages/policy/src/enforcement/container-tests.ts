import type { LiteralValue } from '../rego-literals/index.ts';
import type { CandidateTrace, PredicateName, PredicateResult } from './candidate-trace.ts';
import { predicateNames } from './candidate-trace.ts';
import type { EvaluationContext } from './evaluation-context.ts';
import { variableName } from './environment.ts';
import type { CapabilitySets, EnvRule, PolicyContainer } from './policy-container.ts';
import { capabilitySetNames } from './policy-container.ts';
import {
  commandMatches,
  mountAllowed,
  noNewPrivilegesMatches,
  optionsMatch,
  privilegeAllowed,
  userMatches,
} from './predicates.ts';
import { capabilitiesOf, intersectCapabilities } from './process-evaluation.ts';
import type { CreateRequest, ExecRequest } from './requests.ts';

/** One test of a candidate: whether it passes, what the request says, and what exactly of it fails. */
export interface ContainerTest {
  readonly predicate: PredicateName;
  /** Name of the container's field in the policy. */
  readonly field: string;
  readonly requestValue: LiteralValue;
  passes(candidate: PolicyContainer): boolean;
  offending?(candidate: PolicyContainer): readonly string[];
}

/** The tests that narrow the candidates of create_container before its environment, in the framework's order. */
export function createTests(request: CreateRequest, context: EvaluationContext): readonly ContainerTest[] {
  const { defaultMounts, plan9Mounts } = context.state;
  const scope = { request, defaultMounts, plan9Mounts, matcher: context.matcher };
  const refused = (candidate: PolicyContainer): readonly string[] =>
    request.mounts
      .filter((mount) => !mountAllowed(mount, candidate.mounts, candidate.allowElevated, scope))
      .map((mount) => mount.destination);
  return [
    ...userTests(request, context),
    {
      predicate: 'privileged',
      field: 'allow_elevated',
      requestValue: request.privileged,
      passes: (candidate) => privilegeAllowed(candidate.allowElevated, request.privileged),
    },
    workingDirTest(request),
    {
      predicate: 'command',
      field: 'command',
      requestValue: request.argList,
      passes: (candidate) => commandMatches(candidate.command, request.argList),
    },
    {
      predicate: 'mounts',
      field: 'mounts',
      requestValue: request.mounts.map(({ destination, options, source, type }) => ({
        destination,
        options,
        source,
        type,
      })),
      passes: (candidate) =>
        candidate.mounts !== undefined && candidate.allowElevated !== undefined && refused(candidate).length === 0,
      offending: refused,
    },
    {
      predicate: 'seccomp',
      field: 'seccomp_profile_sha256',
      requestValue: request.seccompProfileSHA256,
      passes: (candidate) => candidate.seccomp === request.seccompProfileSHA256,
    },
    {
      predicate: 'devices',
      field: 'devices',
      requestValue: request.devices.length,
      passes: () => request.devices.length === 0,
    },
  ];
}

/** The tests of exec_in_container: user, directory and privileges of the container, and one of its exec commands. */
export function execTests(request: ExecRequest, context: EvaluationContext): readonly ContainerTest[] {
  return [
    ...userTests(request, context),
    workingDirTest(request),
    {
      predicate: 'command',
      field: 'exec_processes',
      requestValue: request.argList,
      passes: (candidate) =>
        candidate.execProcesses?.some((process) => commandMatches(process.command, request.argList)) === true,
    },
  ];
}

function userTests(request: ExecRequest | CreateRequest, context: EvaluationContext): readonly ContainerTest[] {
  return [
    {
      predicate: 'noNewPrivileges',
      field: 'no_new_privileges',
      requestValue: request.noNewPrivileges,
      passes: (candidate) => noNewPrivilegesMatches(candidate.noNewPrivileges, request.noNewPrivileges),
    },
    {
      predicate: 'user',
      field: 'user',
      requestValue: { user: request.user, groups: request.groups, umask: request.umask },
      passes: (candidate) => userMatches(candidate.user, request, context.matcher),
    },
  ];
}

function workingDirTest(request: { readonly workingDir: string }): ContainerTest {
  return {
    predicate: 'workingDir',
    field: 'working_dir',
    requestValue: request.workingDir,
    passes: (candidate) => candidate.workingDir === request.workingDir,
  };
}

/** How environment and capabilities would go for one candidate on its own. */
export interface ProcessTraceInput {
  readonly envList: readonly string[];
  readonly capabilities: CapabilitySets | null;
  readonly privileged: boolean;
}

/** The table of one candidate: every test, whether or not an earlier one failed already. */
export function traceCandidate(
  candidate: PolicyContainer,
  tests: readonly ContainerTest[],
  process: ProcessTraceInput,
  context: EvaluationContext,
): CandidateTrace {
  const predicates: PredicateResult[] = tests.map((test) => ({
    predicate: test.predicate,
    passed: test.passes(candidate),
    policyValue: candidate.fields[test.field] ?? null,
    requestValue: test.requestValue,
    offending: test.offending?.(candidate) ?? [],
  }));
  predicates.push(...environmentResults(candidate, process, context), capabilityResult(candidate, process, context));
  const order = (result: PredicateResult): number => predicateNames.indexOf(result.predicate);
  return { container: candidate.label, predicates: predicates.sort((a, b) => order(a) - order(b)) };
}

function environmentResults(
  candidate: PolicyContainer,
  process: ProcessTraceInput,
  context: EvaluationContext,
): readonly PredicateResult[] {
  const judge = context.environment;
  const refused = process.envList.filter((variable) => !judge.accepts(candidate.envRules, variable));
  const unmet = judge.unmet(candidate.envRules, process.envList);
  const dropping = context.policy.flags.environmentDropping;
  const requestValue = process.envList.map((variable) => `${variableName(variable)}=<<redacted>>`);
  return [
    {
      predicate: 'environment',
      passed: candidate.envRules !== undefined && (dropping || refused.length === 0),
      policyValue: candidate.fields['env_rules'] ?? null,
      requestValue,
      offending: refused.map(variableName),
    },
    {
      predicate: 'requiredEnvironment',
      passed: unmet.length === 0,
      policyValue: unmet.map(describeEnvRule),
      requestValue,
      offending: unmet.map((rule) => variableName(describeEnvRule(rule))),
    },
  ];
}

function capabilityResult(
  candidate: PolicyContainer,
  process: ProcessTraceInput,
  context: EvaluationContext,
): PredicateResult {
  const allowed = capabilitiesOf(candidate, process.privileged);
  const request = process.capabilities;
  const dropping = context.policy.flags.capabilityDropping;
  const kept =
    allowed === undefined || request === null
      ? undefined
      : dropping
        ? intersectCapabilities(request, allowed)
        : request;
  const offending =
    allowed === undefined || kept === undefined
      ? []
      : capabilitySetNames.filter((name) => !optionsMatch(allowed[name], kept[name]));
  return {
    predicate: 'capabilities',
    passed: kept !== undefined && offending.length === 0,
    policyValue: allowed === undefined ? null : { ...allowed },
    requestValue: request === null ? null : { ...request },
    offending,
  };
}

/** A rule as a person writes it: `NAME=value` or the pattern. */
export function describeEnvRule(rule: EnvRule): string {
  if (rule.form === 'whole') return rule.pattern;
  return rule.form === 'split' ? `${rule.name}=${rule.value}` : '';
}
