export { KATA_POLICY_ANNOTATION, parsePodManifest } from './pod-manifest.ts';
export type { PodContainer, PodManifest } from './pod-manifest.ts';
export type { RunningPod, RunPodOptions } from './run-pod.ts';
