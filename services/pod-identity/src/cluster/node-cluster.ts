import {
  labelsOf,
  listIn,
  NODE_LABEL,
  objectIn,
  ownersOf,
  POD_IDENTITY_API,
  podIdentityKinds,
  readAzureAssignedIdentity,
  readAzureIdentity,
  readAzureIdentityBinding,
  readAzurePodIdentityException,
  textIn,
} from '@holdfast/admission';
import type { JsonObject } from '@holdfast/admission';
import { DependencyError } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { KubernetesPort } from '@holdfast/deployment';

import type { NmiPod, NodeCluster } from '../nmi/node-cluster.ts';

/** What is asked of the API server. */
export type NodeClusterPort = Pick<KubernetesPort, 'list' | 'read'>;

export interface NodeClusterOptions {
  readonly port: NodeClusterPort;
  readonly node: string;
  /** List only the assignments of this node. */
  readonly ownNodeOnly: boolean;
  readonly clock: Clock;
  /** Called for each call to the API server that failed. */
  readonly onFailure: () => void;
}

/**
 * The cluster as the node's server sees it. Nothing is cached: an address may change hands in the seconds that a watch is
 * behind, and tokens are asked for rarely, since clients keep them.
 */
export function createNodeCluster(options: NodeClusterOptions): NodeCluster {
  const { port, node, ownNodeOnly, clock, onFailure } = options;
  const counted = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      onFailure();
      throw error;
    }
  };
  const list = async (
    apiVersion: string,
    kind: string,
    selectors: Parameters<KubernetesPort['list']>[2],
  ): Promise<readonly JsonObject[]> =>
    (await counted(() => port.list(apiVersion, kind, selectors))) as unknown as readonly JsonObject[];
  const ofGroup = (kind: string, namespace: string, signal: AbortSignal) =>
    list(POD_IDENTITY_API, kind, { namespace, signal });
  return {
    podsWithAddress: async (address, signal) => {
      const fieldSelector = `spec.nodeName=${node},status.podIP=${address}`;
      const pods = (await list('v1', 'Pod', { fieldSelector, signal })).map((pod) => readPod(pod, clock()));
      return pods.filter((pod) => pod.address === address && pod.node === node);
    },
    pod: async (namespace, name, signal) => {
      const found = await counted(() => port.read({ apiVersion: 'v1', kind: 'Pod', namespace, name }, { signal }));
      return found === undefined ? undefined : readPod(found as unknown as JsonObject, clock());
    },
    exceptions: async (namespace, signal) =>
      (await ofGroup(podIdentityKinds.exception, namespace, signal)).map(readAzurePodIdentityException),
    bindings: async (namespace, signal) =>
      (await ofGroup(podIdentityKinds.binding, namespace, signal)).map(readAzureIdentityBinding),
    identities: async (namespace, signal) =>
      (await ofGroup(podIdentityKinds.identity, namespace, signal)).map(readAzureIdentity),
    assignedIdentities: async (namespace, pod, signal) => {
      const labelSelector = ownNodeOnly ? { labelSelector: `${NODE_LABEL}=${node}` } : {};
      const all = await list(POD_IDENTITY_API, podIdentityKinds.assigned, { ...labelSelector, signal });
      return all
        .map(readAzureAssignedIdentity)
        .filter(
          (assigned) => assigned.pod === pod && assigned.podNamespace === namespace && assigned.nodeName === node,
        );
    },
    secret: async ({ namespace, name }, signal) => {
      const found = await counted(() => port.read({ apiVersion: 'v1', kind: 'Secret', namespace, name }, { signal }));
      if (found === undefined) {
        throw new DependencyError('IDENTITY_SECRET_MISSING', `secrets "${name}" not found`, { retryable: true });
      }
      const data = objectIn(found as unknown as JsonObject, 'data');
      return new Map(
        Object.entries(data).map(([key, value]) => [
          key,
          Buffer.from(typeof value === 'string' ? value : '', 'base64'),
        ]),
      );
    },
  };
}

function readPod(pod: JsonObject, now: number): NmiPod {
  const metadata = objectIn(pod, 'metadata');
  const [spec, status] = [objectIn(pod, 'spec'), objectIn(pod, 'status')];
  const replicaSet = ownersOf(pod).find((owner) => textIn(owner, 'kind') === 'ReplicaSet');
  return {
    name: textIn(metadata, 'name') ?? '',
    namespace: textIn(metadata, 'namespace') ?? '',
    uid: textIn(metadata, 'uid') ?? '',
    address: textIn(status, 'podIP') ?? '',
    node: textIn(spec, 'nodeName') ?? '',
    phase: textIn(status, 'phase') ?? '',
    labels: labelsOf(pod),
    replicaSet: textIn(replicaSet, 'name') ?? '',
    hostNetwork: spec['hostNetwork'] === true,
    gone: isGone(metadata, status, now),
  };
}

/** A pod that is being removed is over when its containers are, at the latest when its grace period is. */
function isGone(metadata: JsonObject, status: JsonObject, now: number): boolean {
  const deadline = Date.parse(textIn(metadata, 'deletionTimestamp') ?? '');
  if (Number.isNaN(deadline)) return false;
  const containers = listIn(status, 'containerStatuses');
  const ended = containers.length > 0 && containers.every((each) => 'terminated' in objectIn(each, 'state'));
  return ended || now > deadline;
}
