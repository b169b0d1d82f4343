export { buildKubernetesApp } from './app.ts';
export type { KubernetesAppOptions } from './app.ts';
export type {
  CallWebhook,
  PodBackend,
  PodLogOptions,
  ProxyAnswer,
  ProxyRequest,
  RequestAttributes,
  ServiceAccountToken,
  ServiceAccountTokenRequest,
  User,
} from './backend.ts';
export { createClusterStore } from './cluster-store.ts';
export type {
  AdmitObject,
  ApplyOptions,
  ClusterSnapshot,
  ClusterStore,
  ClusterStoreOptions,
  ListFilter,
  ObjectList,
  PatchType,
  RemoveOptions,
  WriteOptions,
} from './cluster-store.ts';
export { kubernetesErrorCodes } from './error-codes.ts';
export { kubeconfigText } from './kubeconfig.ts';
export type { KubeconfigOptions } from './kubeconfig.ts';
export { equalJson, listAt, mapAt, numberAt, stringAt, valueAt } from './objects.ts';
export type {
  ClusterEvent,
  ClusterObject,
  KindReference,
  ObjectInput,
  ObjectMeta,
  ObjectReference,
  OwnerReference,
} from './objects.ts';
export { podTokens } from './pod-tokens.ts';
export type { PodTokenRequest, PodTokenSource } from './pod-tokens.ts';
export { createRbacAuthorizer } from './rbac.ts';
export { StatusError } from './status.ts';
export type { Status, StatusCause, StatusReason } from './status.ts';
