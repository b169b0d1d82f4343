export { apiVersions, kataApiVersion } from './api-versions.ts';
export type { ResourceType } from './api-versions.ts';
export { buildGraph, stagesOf } from './build-graph.ts';
export { assignmentName, uuidV5 } from './deterministic-guid.ts';
export { hiddenEffects, idempotenceRules } from './hidden-effects.ts';
export type { HiddenEffect } from './hidden-effects.ts';
export { defaultNodeGroup, dnsPrefix, resourceId, scopeId } from './ids.ts';
export { idOf } from './parts.ts';
export { peerPodPorts } from './peer-pods.ts';
export { privateZones } from './private-link.ts';
export type { CompletionTest, Stage, StageId } from './stages.ts';
export { stageIds } from './stages.ts';
export type {
  ArmResource,
  DataPlaneStep,
  DeferredValue,
  Graph,
  GraphNode,
  KubernetesSet,
  Registration,
  Resolved,
  ResourceObject,
  ResourceValue,
  Scope,
  TemplateParameter,
  UpdateRules,
} from './types.ts';
