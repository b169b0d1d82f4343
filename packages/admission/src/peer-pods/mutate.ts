import { MalformedError } from '@holdfast/base';

import { denial, isDecision, podOf } from '../admission-review.ts';
import type { AdmissionDecision, Mutation } from '../admission-review.ts';
import { entriesIn, isObject, objectIn, textIn } from '../json.ts';
import type { Json, JsonObject } from '../json.ts';
import { addQuantities, compareQuantities, parseQuantity, roundUp, zero } from '../quantity.ts';
import type { Quantity } from '../quantity.ts';
import type { PeerPodsSettings } from './settings.ts';

const HYPERVISOR = 'io.katacontainers.config.hypervisor.';
const VCPUS = `${HYPERVISOR}default_vcpus`;
const MEMORY = `${HYPERVISOR}default_memory`;
const GPUS = `${HYPERVISOR}default_gpus`;
const MIB = 1_048_576n;

/**
 * The peer-pods mutation: a pod in a machine of its own takes nothing from the node but one machine, so its containers ask
 * for no processor and memory, and what they asked for becomes the size of the machine.
 */
export function peerPodsMutation(settings: PeerPodsSettings): Mutation {
  return (request) => {
    const pod = podOf(request);
    return Promise.resolve(isDecision(pod) ? pod : mutatePeerPod(pod, settings));
  };
}

/** Doing it to its own result changes nothing. */
export function mutatePeerPod(pod: JsonObject, settings: PeerPodsSettings): AdmissionDecision {
  const spec = objectIn(pod, 'spec');
  const containers = entriesIn(spec, 'containers');
  const initContainers = entriesIn(spec, 'initContainers');
  const unchanged: AdmissionDecision = { allowed: true, object: pod };
  if (textIn(spec, 'runtimeClassName') !== settings.runtimeClass) return unchanged;
  // The API server refuses a pod without containers; there is nothing to count.
  if (containers.length === 0) return unchanged;
  let size: Readonly<Record<string, string>>;
  try {
    size = machineSize([...initContainers, ...containers]);
  } catch (error) {
    if (error instanceof MalformedError) return denial(error.message);
    throw error;
  }
  const metadata = objectIn(pod, 'metadata');
  const annotations = objectIn(metadata, 'annotations');
  // Already one of ours: what the containers ask for now are defaults that the cluster put there since.
  const counted = Object.hasOwn(requestsOf(containers[0] ?? null), settings.extendedResource);
  const kept = counted ? Object.fromEntries(Object.entries(annotations).filter(([key]) => key in size)) : {};
  const sized = { ...annotations, ...size, ...kept };
  const one = { [settings.extendedResource]: '1' };
  return {
    allowed: true,
    object: {
      ...pod,
      ...(Object.keys(sized).length === 0 ? {} : { metadata: { ...metadata, annotations: sized } }),
      spec: {
        ...spec,
        ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map((entry) => withResources(entry)) }),
        containers: containers.map((entry, index) =>
          withResources(entry, index === 0 ? { limits: one, requests: one } : undefined),
        ),
      },
    },
  };
}

/** Annotations with the size of the machine: sums over all containers, rounded up once. */
function machineSize(containers: readonly Json[]): Readonly<Record<string, string>> {
  const sum = (kind: 'requests' | 'limits', resource: string): Quantity =>
    containers
      .map((container) => objectIn(objectIn(container, 'resources'), kind)[resource])
      .filter((value): value is string | number => typeof value === 'string' || typeof value === 'number')
      .map(parseQuantity)
      .reduce(addQuantities, zero);
  const size: Record<string, string> = {};
  const processors = larger(sum('requests', 'cpu'), sum('limits', 'cpu'));
  if (processors !== undefined) size[VCPUS] = String(roundUp(processors));
  const memory = larger(sum('requests', 'memory'), sum('limits', 'memory'));
  if (memory !== undefined) size[MEMORY] = String(roundUp(memory, MIB));
  const gpus = sum('requests', 'nvidia.com/gpu');
  if (compareQuantities(gpus, zero) > 0) size[GPUS] = String(roundUp(gpus));
  return size;
}

/** The limit where it is no less than a request; nothing where nothing is requested. */
function larger(request: Quantity, limit: Quantity): Quantity | undefined {
  if (compareQuantities(request, zero) === 0) return undefined;
  if (compareQuantities(limit, request) >= 0) return limit;
  return compareQuantities(request, zero) > 0 ? request : undefined;
}

function withResources(container: Json, resources?: JsonObject): Json {
  if (!isObject(container)) return container;
  const { resources: previous, ...rest } = container;
  if (resources !== undefined) return { ...rest, resources };
  return previous === undefined ? rest : { ...rest, resources: {} };
}

function requestsOf(container: Json): JsonObject {
  return objectIn(objectIn(container, 'resources'), 'requests');
}
