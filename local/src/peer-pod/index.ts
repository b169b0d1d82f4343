export type { AgentPolicy, AgentPolicyKind } from './agent-policy.ts';
export { PEER_POD_PLATFORMS } from './machine/machine.ts';
export type { Machine, PeerPodPlatform } from './machine/machine.ts';
export { openSimulatedPlatform } from './open-platform.ts';
export type { OpenedPlatform } from './open-platform.ts';
export { isSealed, sealVaultSecret } from './sealed-secret.ts';
export { API_PORT, startPeerPod } from './start-peer-pod.ts';
export type { RunningPeerPod, StartedContainer, StartPeerPodOptions } from './start-peer-pod.ts';
