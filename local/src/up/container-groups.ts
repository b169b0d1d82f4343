import type { ContainerGroupState } from '../arm/index.ts';
import type { ClusterStore } from '../kubernetes/api/index.ts';
import { Cluster } from '../kubernetes/controllers/cluster.ts';
import { kubeletVariable, runsKubelet } from '../kubernetes/kubelet/index.ts';

/** The container groups in which the virtual nodes of a cluster run their pods: one for each pod that runs. */
export function containerGroupsOf(store: ClusterStore): readonly ContainerGroupState[] {
  const cluster = new Cluster(store, 'virtual-node');
  const pods = cluster.list('Pod');
  const groups = new Map(
    pods.filter(runsKubelet).map((pod) => [pod.metadata.name, kubeletVariable(pod, 'ResourceGroup')]),
  );
  return pods
    .filter(({ spec, status }) => groups.has(spec.nodeName ?? '') && status?.phase === 'Running')
    .map(({ metadata: { name, namespace = 'default' }, spec }) => ({
      name: `${namespace}-${name}`,
      resourceGroup: groups.get(spec.nodeName ?? ''),
      tags: { 'virtual-node': spec.nodeName ?? '', pod: name, namespace },
    }));
}
