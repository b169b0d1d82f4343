import type { NodeObject, PodObject, PodSpec, Taint, Toleration } from './objects.ts';
import { quantity } from './quantity.ts';
import { hasLabels, meets } from './selectors.ts';

/** Why a pod cannot go to a node, in the scheduler's words; undefined when it can. */
export function whyNot(pod: PodObject, node: NodeObject, onNode: readonly PodObject[]): string | undefined {
  const { spec } = pod;
  const { name } = node.metadata;
  if (spec.nodeName !== undefined && spec.nodeName !== '' && spec.nodeName !== name) {
    return "node(s) didn't match the requested node name";
  }
  if (node.spec?.unschedulable === true) return 'node(s) were unschedulable';
  const taint = (node.spec?.taints ?? []).find(
    (one) => one.effect !== 'PreferNoSchedule' && !tolerates(spec.tolerations ?? [], one),
  );
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  if (!matchesNode(spec, node)) return "node(s) didn't match Pod's node affinity/selector";
  return missingResource(spec, node, onNode);
}

export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some(
    ({ key, operator = 'Equal', value = '', effect }) =>
      (effect === undefined || effect === '' || effect === taint.effect) &&
      (key === undefined || key === '' ? operator === 'Exists' : key === taint.key) &&
      (operator === 'Exists' || value === (taint.value ?? '')),
  );
}

function matchesNode({ nodeSelector = {}, affinity }: PodSpec, { metadata }: NodeObject): boolean {
  const { labels = {}, name } = metadata;
  if (!hasLabels(labels, nodeSelector)) return false;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined) return true;
  return terms.some(
    ({ matchExpressions = [], matchFields = [] }) =>
      matchExpressions.every((requirement) => meets(requirement, labels)) &&
      matchFields.every((requirement) => meets(requirement, { 'metadata.name': name })),
  );
}

function missingResource(spec: PodSpec, node: NodeObject, onNode: readonly PodObject[]): string | undefined {
  const allocatable = node.status?.allocatable ?? {};
  if (onNode.length + 1 > quantity(allocatable['pods'] ?? '110')) return 'Too many pods';
  for (const resource of ['cpu', 'memory']) {
    const used = onNode.reduce((sum, pod) => sum + requested(pod.spec, resource), 0);
    if (used + requested(spec, resource) > quantity(allocatable[resource])) return `Insufficient ${resource}`;
  }
  return undefined;
}

/** What a pod asks for: its containers together, or its largest initial container. */
export function requested(spec: PodSpec, resource: string): number {
  const of = (containers: PodSpec['containers']): readonly number[] =>
    containers.map(({ resources }) => quantity(resources?.requests?.[resource]));
  const together = of(spec.containers).reduce((sum, one) => sum + one, 0);
  return Math.max(together, ...of(spec.initContainers ?? []));
}
