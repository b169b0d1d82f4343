import type { LiteralValue } from '../rego-literals/index.ts';
import type { ContainerLabel } from './policy-container.ts';

/** The tests of a process, in the order in which the framework narrows candidates. */
export const predicateNames = [
  'noNewPrivileges',
  'user',
  'privileged',
  'workingDir',
  'command',
  'mounts',
  'seccomp',
  'devices',
  'environment',
  'requiredEnvironment',
  'capabilities',
  'signal',
] as const;
export type PredicateName = (typeof predicateNames)[number];

/** How one test went for one candidate. Values are as in the policy and as in the request, environment values redacted. */
export interface PredicateResult {
  readonly predicate: PredicateName;
  readonly passed: boolean;
  readonly policyValue: LiteralValue;
  readonly requestValue: LiteralValue;
  /** What of the request failed: names of variables, destinations of mounts, names of capability sets. */
  readonly offending: readonly string[];
}

export interface CandidateTrace {
  readonly container: ContainerLabel;
  readonly predicates: readonly PredicateResult[];
}

/** Position of the first failed predicate; the number of predicates when none failed. */
export function firstFailure(trace: CandidateTrace): number {
  const index = trace.predicates.findIndex((result) => !result.passed);
  return index === -1 ? trace.predicates.length : index;
}

/**
 * The candidate that was most probably meant: the one with the fewest failed predicates, among those the one that gets
 * furthest in the framework's order, among those the first of the policy.
 */
export function furthestCandidate(traces: readonly CandidateTrace[]): CandidateTrace | undefined {
  const failures = (trace: CandidateTrace): number => trace.predicates.filter((result) => !result.passed).length;
  return [...traces].sort((a, b) => failures(a) - failures(b) || firstFailure(b) - firstFailure(a))[0];
}
