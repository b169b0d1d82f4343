import { peerPodsDefaults } from '@holdfast/admission';

import type { JsonPatchOperation } from '../engine/ports.ts';

/** The extended resource that stands for one machine of a pod. */
export const POD_VM_RESOURCE = peerPodsDefaults.extendedResource;
/** Annotation of a node that says which adaptor offers machines there. */
export const OWNER_ANNOTATION = 'kata.peerpods.io/caa-owner';

const CAPACITY = `/status/capacity/${POD_VM_RESOURCE.replace('/', '~1')}`;

/**
 * The JSON Patch of a node's status that offers machines; undefined when the limit is negative, which offers nothing. The
 * kubelet copies capacity to what can be allocated. A lower limit evicts nobody.
 * @param limit `PEERPODS_LIMIT_PER_NODE`
 */
export function advertisePodVms(limit: number): readonly JsonPatchOperation[] | undefined {
  return limit < 0 ? undefined : [{ op: 'add', path: CAPACITY, value: String(limit) }];
}

/**
 * The JSON Patch that withdraws the offer; undefined when the node's annotation names somebody else, who came after us and
 * offers machines now, or when nothing is offered.
 */
export function withdrawPodVms(
  node: {
    readonly annotations: Readonly<Record<string, string>>;
    readonly capacity: Readonly<Record<string, string>>;
  },
  owner: string,
): readonly JsonPatchOperation[] | undefined {
  if (node.annotations[OWNER_ANNOTATION] !== owner || !Object.hasOwn(node.capacity, POD_VM_RESOURCE)) return undefined;
  return [{ op: 'remove', path: CAPACITY }];
}
