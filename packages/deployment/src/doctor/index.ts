export type { Check, CheckAnswer, Finding, Need, Severity } from './check.ts';
export { allChecks, allProblems, checkGroups, problemLines, runDoctor } from './doctor.ts';
export type { CheckResult, Verdict } from './doctor.ts';
export type * from './facts.ts';
export { gatherFacts, gatherPeerPodCluster } from './gather/index.ts';
export type { GatherOptions, GatherPorts } from './gather/index.ts';
