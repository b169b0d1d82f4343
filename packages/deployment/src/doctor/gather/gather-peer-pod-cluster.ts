import { peerPodsDefaults } from '@holdfast/admission';

import { at, listAt, objectAt, textAt } from '../../bundle/shape.ts';
import type { PeerPodsConfig } from '../../config/peer-pods.ts';
import type { KubernetesPort } from '../../engine/ports.ts';
import type { KubernetesObject } from '../../manifests/object.ts';
import { POD_VM_RESOURCE } from '../../peer-pods/node-capacity.ts';
import type { PeerPodClusterFacts, PeerPodWorker } from '../facts.ts';
import { quantity } from '../quantity.ts';
import { unlessAbsent } from './gather-context.ts';

const WORKER_LABEL = 'node-role.kubernetes.io/kata-oc';
const POLICIES = 'admissionregistration.k8s.io/v1';
/** Images and labels of a key broker; its own name is not fixed. */
const BROKER_IMAGE = /(?:^|\/)(?:kbs(?:-grpc-as|-ita-as)?|trustee[a-z0-9-]*|osc-trustee[a-z0-9-]*)(?:[:@]|$)/;

/**
 * Asks the cluster of peer pods for what the checks look at. Kinds that the cluster does not have are absent, not errors.
 * @throws DependencyError with the KUBERNETES_ codes of adapters/kubernetes
 */
export async function gatherPeerPodCluster(
  config: PeerPodsConfig,
  cluster: KubernetesPort,
  signal: AbortSignal,
): Promise<PeerPodClusterFacts> {
  const name = config.podVms?.runtimeClass ?? peerPodsDefaults.runtimeClass;
  const [kubernetes, version, runtimeClass, pods, policies] = await Promise.all([
    cluster.version({ signal }),
    unlessAbsent(
      cluster.read({ apiVersion: 'config.openshift.io/v1', kind: 'ClusterVersion', name: 'version' }, { signal }),
    ),
    unlessAbsent(cluster.read({ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', name }, { signal })),
    cluster.list('v1', 'Pod', { signal }),
    unlessAbsent(cluster.list(POLICIES, 'ValidatingAdmissionPolicy', { signal })),
  ]);
  const labelled = await cluster.list('v1', 'Node', { labelSelector: selectorOf(runtimeClass), signal });
  const ofPeerPods = pods.filter((pod) => textAt(pod, 'spec', 'runtimeClassName') === name);
  return {
    openShift: version === undefined ? undefined : openShiftOf(version),
    kubernetes,
    runtimeClass: runtimeClass === undefined ? undefined : runtimeClassOf(runtimeClass),
    workers: labelled.map(workerOf),
    namespaces: [...new Set(ofPeerPods.map(({ metadata }) => metadata.namespace ?? 'default'))].sort(),
    namespacePolicy: (policies ?? []).some((policy) => JSON.stringify(policy).includes(name)),
    keyBrokers: pods.filter(isBroker).map(({ metadata }) => `${metadata.namespace ?? 'default'}/${metadata.name}`),
  };
}

/** Peer pods run on the nodes that the runtime class selects, which the operator labels. */
function selectorOf(runtimeClass: KubernetesObject | undefined): string {
  const labels = Object.entries(objectAt(runtimeClass, 'scheduling', 'nodeSelector')).flatMap(([label, value]) =>
    typeof value === 'string' ? [`${label}=${value}`] : [],
  );
  return labels.length === 0 ? WORKER_LABEL : labels.join(',');
}

function openShiftOf(version: KubernetesObject): NonNullable<PeerPodClusterFacts['openShift']> {
  return {
    version: textAt(version, 'status', 'desired', 'version') ?? 'unknown',
    updates: listAt(version, 'status', 'availableUpdates').flatMap((update) => textAt(update, 'version') ?? []),
  };
}

function runtimeClassOf(runtimeClass: KubernetesObject): NonNullable<PeerPodClusterFacts['runtimeClass']> {
  const overhead = objectAt(runtimeClass, 'overhead', 'podFixed');
  return {
    handler: textAt(runtimeClass, 'handler') ?? '',
    cpuCores: quantity(overhead['cpu']),
    memoryBytes: quantity(overhead['memory']),
  };
}

function workerOf(node: KubernetesObject): PeerPodWorker {
  const allocatable = objectAt(node, 'status', 'allocatable');
  const offered = at(node, 'status', 'capacity', POD_VM_RESOURCE);
  return {
    name: node.metadata.name,
    cpuCores: quantity(allocatable['cpu']),
    memoryBytes: quantity(allocatable['memory']),
    offered: typeof offered === 'string' && /^\d+$/.test(offered) ? Number(offered) : undefined,
  };
}

function isBroker(pod: KubernetesObject): boolean {
  const labels = pod.metadata.labels ?? {};
  if (['kbs', 'trustee'].includes(labels['app'] ?? labels['app.kubernetes.io/name'] ?? '')) return true;
  return listAt(pod, 'spec', 'containers').some((container) => BROKER_IMAGE.test(textAt(container, 'image') ?? ''));
}
