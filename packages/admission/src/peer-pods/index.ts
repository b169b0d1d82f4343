export { mutatePeerPod, peerPodsMutation } from './mutate.ts';
export { excludedNamespaces } from './namespaces.ts';
export { peerPodsDefaults, peerPodsSettings } from './settings.ts';
export type { PeerPodsSettings } from './settings.ts';
