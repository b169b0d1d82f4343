export { errorCodes } from './error-codes.ts';
export { KubernetesError } from './kubernetes-error.ts';
export { openCluster } from './open-cluster.ts';
export { openKubernetes } from './open-kubernetes.ts';
export type { OpenKubernetesOptions } from './open-kubernetes.ts';
