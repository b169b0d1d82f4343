import { InternalError } from '@holdfast/base';

import type { DeploymentConfig } from '../config/profiles.ts';
import { kataGraph, kataStages } from './kata-cc.ts';
import { peerPodsGraph, peerPodsStages } from './peer-pods.ts';
import { privateLinkGraph, privateLinkStages } from './private-link.ts';
import type { Stage } from './stages.ts';
import { stageIds } from './stages.ts';
import type { Graph, GraphNode, Resolved } from './types.ts';
import { uid2Graph, uid2Stages } from './uid2-vn2.ts';

/** Everything that a configuration stands for, ordered by stage and, within one, so that what is needed comes first. */
export function buildGraph(config: DeploymentConfig, resolved: Resolved): Graph {
  const graph = unordered(config, resolved);
  return { ...graph, nodes: ordered(graph.nodes) };
}

/** The stages of a profile, in order. */
export function stagesOf(config: DeploymentConfig): readonly Stage[] {
  switch (config.profile) {
    case 'uid2-vn2':
      return uid2Stages(config);
    case 'kata-cc':
      return kataStages(config);
    case 'peer-pods':
      return peerPodsStages(config);
    default:
      return privateLinkStages();
  }
}

function unordered(config: DeploymentConfig, resolved: Resolved): Graph {
  switch (config.profile) {
    case 'uid2-vn2':
      return uid2Graph(config, resolved);
    case 'kata-cc':
      return kataGraph(config, resolved);
    case 'peer-pods':
      return peerPodsGraph(config, resolved);
    default:
      return privateLinkGraph(config, resolved);
  }
}

function ordered(nodes: readonly GraphNode[]): readonly GraphNode[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const done = new Map<string, GraphNode>();
  const visit = (node: GraphNode, trail: readonly string[]): void => {
    if (done.has(node.id)) return;
    if (trail.includes(node.id))
      throw new InternalError('DEPLOYMENT_GRAPH_BROKEN', `the graph has a cycle at ${node.id}`);
    for (const id of node.dependsOn) {
      const needed = byId.get(id);
      if (needed === undefined)
        throw new InternalError('DEPLOYMENT_GRAPH_BROKEN', `${node.id} depends on ${id}, which does not exist`);
      if (stageIds.indexOf(needed.stage) > stageIds.indexOf(node.stage)) {
        throw new InternalError('DEPLOYMENT_GRAPH_BROKEN', `${node.id} depends on ${id} of a later stage`);
      }
      visit(needed, [...trail, node.id]);
    }
    done.set(node.id, node);
  };
  const byStage = nodes.toSorted((a, b) => stageIds.indexOf(a.stage) - stageIds.indexOf(b.stage));
  for (const node of byStage) visit(node, []);
  return [...done.values()];
}
