import type { LiteralValue } from '../rego-literals/index.ts';
import { isLiteralObject } from '../rego-literals/index.ts';
import { PatternMatcher } from '../regex/index.ts';
import type { CandidateTrace, PredicateResult } from './candidate-trace.ts';
import { readCcePolicy } from './cce-policy.ts';
import { createTests, execTests, traceCandidate } from './container-tests.ts';
import type { ContainerTest } from './container-tests.ts';
import type { DecodedDenial } from './decode-denial.ts';
import { namesVariable } from './dropped.ts';
import { EvaluationContext } from './evaluation-context.ts';
import { currentFrameworkVersion } from './guest-defaults.ts';
import type { PolicyContainer } from './policy-container.ts';
import { privilegedSets, unprivilegedSets } from './process-evaluation.ts';
import type { CreateRequest, ExecRequest } from './requests.ts';
import { createRequestOf, parsePointInput } from './requests.ts';
import { initialState } from './state.ts';

/**
 * Compares the request inside a denial with every container of the policy. Values of variables are unknown, so a variable
 * counts as refused only when the denial's texts name it and no rule does. Empty when the message lost the request or it
 * is not one that starts a process. Throws what `readCcePolicy` throws.
 */
export function traceDenial(denial: DecodedDenial, policyText: string): readonly CandidateTrace[] {
  const policy = readCcePolicy(policyText, currentFrameworkVersion);
  const request = requestOf(denial);
  if (request === undefined) return [];
  const context = new EvaluationContext(policy, initialState, new PatternMatcher(), currentFrameworkVersion);
  const tests: readonly ContainerTest[] =
    'sandboxDir' in request ? createTests(request, context) : execTests(request, context);
  const process = {
    envList: [],
    capabilities: request.capabilities,
    privileged: 'privileged' in request && request.privileged,
  };
  const refused = refusedNames(denial);
  const environmentFailed = denial.errors.some((error) => error.startsWith('invalid env list'));
  return policy.containers.map((candidate) => {
    const trace = traceCandidate(candidate, tests, process, context);
    const environment = environmentOf(candidate, environmentFailed ? refused : [], request.envList, context.matcher);
    const predicates = trace.predicates
      // Whether a required variable had the right value cannot be seen.
      .filter((result) => result.predicate !== 'requiredEnvironment')
      .map((result) => (result.predicate === 'environment' ? environment : result));
    return { ...trace, predicates };
  });
}

function requestOf(denial: DecodedDenial): CreateRequest | ExecRequest | undefined {
  if (denial.input === undefined) return undefined;
  const input = { ...denial.input, capabilities: expandedCapabilities(denial.input['capabilities']) };
  if (denial.point === 'create_container') return createRequestOf(parsePointInput('create_container', input));
  return denial.point === 'exec_in_container' ? parsePointInput('exec_in_container', input) : undefined;
}

function expandedCapabilities(value: LiteralValue | undefined): unknown {
  if (value === '[unprivileged]') return unprivilegedSets;
  if (value === '[privileged]') return privilegedSets;
  return isLiteralObject(value) ? value : null;
}

function refusedNames(denial: DecodedDenial): readonly string[] {
  return denial.errors.flatMap((error) => /^invalid env list: (.+)$/s.exec(error)?.[1]?.split(',') ?? []);
}

function environmentOf(
  candidate: PolicyContainer,
  refused: readonly string[],
  requestValue: readonly string[],
  matcher: PatternMatcher,
): PredicateResult {
  const rules = candidate.envRules ?? [];
  const offending = refused.filter((name) => !rules.some((rule) => namesVariable(rule, name, matcher)));
  return {
    predicate: 'environment',
    passed: offending.length === 0,
    policyValue: candidate.fields['env_rules'] ?? null,
    requestValue,
    offending,
  };
}
