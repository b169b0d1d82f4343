import type { StringMap, Taint } from '../controllers/objects.ts';

/** What a node says of itself. */
export interface NodeDescription {
  readonly name: string;
  readonly labels: StringMap;
  readonly taints: readonly Taint[];
  readonly capacity: StringMap;
  readonly allocatable: StringMap;
  readonly version: string;
}

const KUBERNETES_VERSION = 'v1.34.2';
const ZONE = 'holdfast-1';

/**
 * A virtual node: what it is scheduled by, and the taint that keeps other pods away. Its size is that of the container group
 * service, which has no node's limits.
 * @param labels More labels, as the chart's value `nodeLabels` gives them.
 */
export function virtualNodeDescription(name: string, labels: StringMap = {}): NodeDescription {
  const size = { cpu: '10000', memory: '40Ti', pods: '200', 'ephemeral-storage': '40Ti' };
  return {
    name,
    labels: {
      ...commonLabels(name),
      type: 'virtual-kubelet',
      virtualization: 'virtualnode2',
      'kubernetes.azure.com/managed': 'false',
      ...labels,
    },
    taints: [{ key: 'virtual-kubelet.io/provider', value: 'azure', effect: 'NoSchedule' }],
    capacity: size,
    allocatable: size,
    version: KUBERNETES_VERSION,
  };
}

/** A node of a pool. What its machine keeps for itself follows the rules of AKS for Standard_D4d_v5 with 30 pods. */
export function poolNodeDescription(name: string, labels: StringMap = {}): NodeDescription {
  return {
    name,
    labels: {
      ...commonLabels(name),
      agentpool: 'nodepool1',
      'kubernetes.azure.com/agentpool': 'nodepool1',
      'kubernetes.azure.com/cluster': 'holdfast-local',
      'kubernetes.azure.com/mode': 'system',
      'kubernetes.azure.com/role': 'agent',
      'node.kubernetes.io/instance-type': 'Standard_D4d_v5',
      ...labels,
    },
    taints: [],
    capacity: { cpu: '4', memory: '16Gi', pods: '30', 'ephemeral-storage': '128Gi' },
    allocatable: { cpu: '3860m', memory: '15200M', pods: '30', 'ephemeral-storage': '119Gi' },
    version: KUBERNETES_VERSION,
  };
}

function commonLabels(name: string): StringMap {
  return {
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'topology.kubernetes.io/zone': ZONE,
  };
}
