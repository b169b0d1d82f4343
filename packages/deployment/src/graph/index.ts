export type { ResourceType } from './api-versions.ts';
export { buildGraph, stagesOf } from './build-graph.ts';
export { assignmentName, uuidV5 } from './deterministic-guid.ts';
export { dnsPrefix, resourceId } from './ids.ts';
export { idOf } from './parts.ts';
export { stageIds } from './stages.ts';
export type { CompletionTest, Stage, StageId } from './stages.ts';
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
