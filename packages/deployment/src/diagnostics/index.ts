export { attestationLimitMs, attestationOf } from './attestation.ts';
export type { AttestationState } from './attestation.ts';
export { causeRows } from './cause.ts';
export type { CauseId, DiagnosedCause, Evidence } from './cause.ts';
export { diagnosePod, diagnosisLines } from './diagnose-pod.ts';
export type { PodDiagnosis } from './diagnose-pod.ts';
export type { ContainerEnd, ContainerFacts, ContainerLogs, PodEvent, PodFacts } from './facts.ts';
export { gatherPodFacts } from './gather-pod-facts.ts';
export { conditionOf, containersOfPod, isReady } from './read-pod.ts';
