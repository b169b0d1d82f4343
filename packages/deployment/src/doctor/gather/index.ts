export { gatherFacts } from './gather-facts.ts';
export type { GatherOptions } from './gather-facts.ts';
export type { GatherPorts } from './gather-context.ts';
export { gatherPeerPodCluster } from './gather-peer-pod-cluster.ts';
