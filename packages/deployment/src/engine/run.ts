import type { Secret } from '@holdfast/base';

import type { StageDeployment } from '../arm/template.ts';
import type { Bundle } from '../bundle/read-bundle.ts';
import type { DeploymentConfig } from '../config/profiles.ts';
import type { Stage, StageId } from '../graph/stages.ts';
import type { ArmResource, Graph, GraphNode, Resolved } from '../graph/types.ts';
import type { ManifestSet } from '../manifests/object.ts';
import type { EngineEvent, EnginePorts, KubernetesPort } from './ports.ts';

/** Everything that the steps of one run share. `openRun` makes it. */
export interface Run {
  readonly ports: EnginePorts;
  readonly config: DeploymentConfig;
  readonly signal: AbortSignal;
  readonly resolved: Resolved;
  readonly subscriptionName: string;
  readonly graph: Graph;
  readonly stages: readonly Stage[];
  readonly deployments: readonly StageDeployment[];
  /** SHA-256 of the configuration and the release. */
  readonly configHash: string;
  /** Name of the journal in the state files. */
  readonly journalName: string;
  readonly bundle: Bundle | undefined;
  readonly operatorKey: Secret | undefined;
  /** Take fields over that kubectl or Helm set before. */
  readonly adopt: boolean;
  /** Bring a deleted vault of the same name back instead of refusing. */
  readonly recoverVault: boolean;
  /** Nodes of the graph in a stage, in order. */
  readonly nodesOf: (stage: StageId) => readonly GraphNode[];
  readonly node: (id: string) => GraphNode | undefined;
  /** The cluster in the graph, if the profile has one. */
  readonly clusterNode: ArmResource | undefined;
  /** Opens the cluster; undefined while it does not exist. */
  readonly cluster: () => Promise<KubernetesPort | undefined>;
  /** The Kubernetes objects, with what is known of identities by now. */
  readonly manifests: () => Promise<readonly ManifestSet[]>;
  readonly emit: (
    stage: string,
    event: EngineEvent['event'],
    more?: { readonly resource?: string; readonly detail?: string },
  ) => void;
}
