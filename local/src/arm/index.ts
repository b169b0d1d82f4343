export { buildArmApp } from './app.ts';
export type { ArmAppOptions } from './app.ts';
export { clusterSettings, setIssuer } from './cluster-settings.ts';
export type { ClusterSettings, PodIdentityExceptionState, PodIdentityState } from './cluster-settings.ts';
export type { DeploymentOperation, DeploymentRecord } from './deployments/record.ts';
export type {
  ArmEffects,
  FederatedCredentialState,
  Happened,
  ContainerGroupState,
  RedisCacheState,
  RoleAssignmentState,
  VaultKeyState,
  VaultSecretState,
  VaultSecretWrite,
  VaultState,
} from './effects.ts';
export { FaultPlan } from './fault-plan.ts';
export type { Fault, FaultRule } from './fault-plan.ts';
export type { Operation, OperationPace, OperationState } from './operations.ts';
export { Recorder } from './recorder.ts';
export type { RecordedRequest } from './recorder.ts';
export type { StoredResource } from './resource-store.ts';
export { defaultSettings } from './settings.ts';
export type { ArmSettings, CallerPermission, DenyingPolicy, Usage } from './settings.ts';
export { CLUSTER } from './types/managed-clusters.ts';
export { IDENTITY } from './types/managed-identities.ts';
export { isRedisReachable, REDIS, redisCacheState } from './types/redis-caches.ts';
export { autoscale, upgradePatch } from './types/node-group.ts';
export { clusterSource, vaultProperties, vaultsWithSecret } from './vault-properties.ts';
export { createArmWorld } from './world.ts';
export type { ArmSnapshot, ArmWorld, ArmWorldOptions, Authorization, Subscription } from './world.ts';
