export type { Check, CheckAnswer, Finding, Need, Severity } from './check.ts';
export { notChecked } from './check.ts';
export { allocatable, quantity } from './checks-quota.ts';
export { allChecks, allProblems, checkGroups, configProblems, problemLines, runDoctor } from './doctor.ts';
export type { CheckResult, Verdict } from './doctor.ts';
export type * from './facts.ts';
