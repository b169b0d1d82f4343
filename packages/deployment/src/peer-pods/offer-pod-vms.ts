import { DependencyError, RequestError } from '@holdfast/base';

import { objectAt } from '../bundle/shape.ts';
import type { CallOptions, JsonPatchOperation, KubernetesPort } from '../engine/ports.ts';
import type { KubernetesObject } from '../manifests/object.ts';
import { advertisePodVms, OWNER_ANNOTATION, POD_VM_RESOURCE, withdrawPodVms } from './node-capacity.ts';

const FIELD_MANAGER = 'holdfast-peer-pods';

/** Who offers machines on a node: what the adaptor calls its pod's UID. */
export interface PodVmOffer {
  readonly node: string;
  readonly owner: string;
}

/** What a node offers after a change; undefined is nothing. */
export interface PodVmState {
  readonly node: string;
  readonly owner: string | undefined;
  readonly capacity: string | undefined;
  readonly changed: boolean;
}

/**
 * Lets a node offer machines, as the cloud API adaptor does when it starts: its owner is written into the annotation, then the
 * capacity into the status. A negative limit changes nothing.
 * @param limit `PEERPODS_LIMIT_PER_NODE`
 * @throws RequestError PEER_PODS_NODE_ABSENT, PEER_PODS_NODE_OWNED when another owner offers machines there
 * @throws DependencyError with the KUBERNETES_ codes of adapters/kubernetes
 */
export async function offerPodVms(
  cluster: KubernetesPort,
  { node: name, owner, limit, takeOver }: PodVmOffer & { readonly limit: number; readonly takeOver: boolean },
  options: CallOptions = {},
): Promise<PodVmState> {
  const before = await readNode(cluster, name, options);
  const patch = advertisePodVms(limit);
  if (patch === undefined) return stateOf(before, false);
  const { [OWNER_ANNOTATION]: other } = before.metadata.annotations ?? {};
  if (other !== undefined && other !== owner && !takeOver) {
    throw new RequestError('PEER_PODS_NODE_OWNED', `${other} offers machines on the node ${name}`, {
      details: { node: name, owner: other },
      action: 'Withdraw as that owner first. --take-over is for an owner that is gone.',
    });
  }
  await cluster.apply(
    { apiVersion: 'v1', kind: 'Node', metadata: { name, annotations: { [OWNER_ANNOTATION]: owner } } },
    { fieldManager: FIELD_MANAGER, force: true, ...options },
  );
  return stateOf(await patchNode(cluster, name, patch, options), true);
}

/**
 * Withdraws the offer of a node, unless somebody else offers machines there by now. Pods that run keep running.
 * @throws RequestError PEER_PODS_NODE_ABSENT
 * @throws DependencyError with the KUBERNETES_ codes of adapters/kubernetes
 */
export async function withdrawPodVmOffer(
  cluster: KubernetesPort,
  { node: name, owner }: PodVmOffer,
  options: CallOptions = {},
): Promise<PodVmState> {
  const node = await readNode(cluster, name, options);
  const capacity = objectAt(node, 'status', 'capacity') as Readonly<Record<string, string>>;
  const patch = withdrawPodVms({ annotations: node.metadata.annotations ?? {}, capacity }, owner);
  if (patch === undefined) return stateOf(node, false);
  // Between reading and writing a new owner may have come: then the test fails, and nothing is removed.
  const stillOurs: JsonPatchOperation = { op: 'test', path: OWNER_PATH, value: owner };
  return stateOf(await patchNode(cluster, name, [stillOurs, ...patch], options), true);
}

const OWNER_PATH = `/metadata/annotations/${OWNER_ANNOTATION.replace('/', '~1')}`;

async function readNode(cluster: KubernetesPort, name: string, options: CallOptions): Promise<KubernetesObject> {
  const node = await cluster.read({ apiVersion: 'v1', kind: 'Node', name }, options);
  if (node !== undefined) return node;
  throw new RequestError('PEER_PODS_NODE_ABSENT', `the cluster has no node ${name}`, {
    action: 'kubectl get nodes shows them.',
  });
}

async function patchNode(
  cluster: KubernetesPort,
  name: string,
  operations: readonly JsonPatchOperation[],
  options: CallOptions,
): Promise<KubernetesObject> {
  if (cluster.patchStatus === undefined) {
    throw new DependencyError(
      'PEER_PODS_NODE_UNPATCHED',
      'the status of a node cannot be changed through this cluster',
      {
        retryable: false,
      },
    );
  }
  return await cluster.patchStatus({ apiVersion: 'v1', kind: 'Node', name }, operations, options);
}

function stateOf(node: KubernetesObject, changed: boolean): PodVmState {
  const capacity = objectAt(node, 'status', 'capacity')[POD_VM_RESOURCE];
  return {
    node: node.metadata.name,
    owner: node.metadata.annotations?.[OWNER_ANNOTATION],
    capacity: typeof capacity === 'string' ? capacity : undefined,
    changed,
  };
}
