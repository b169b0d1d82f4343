import type { KubernetesObject } from '../manifests/object.ts';
import { kubernetesReason } from './errors.ts';
import { numberAt, objectsAt, textAt, valueAt } from './json.ts';
import type { JsonObject, KubernetesPort } from './ports.ts';

/**
 * A workload as it is to be applied when a HorizontalPodAutoscaler may set its number of replicas: without that number,
 * because whoever applies a field owns it. Where nobody but `fieldManager` owns the number yet, the live one is applied:
 * a field that its only owner leaves out is removed, and the workload would fall to one replica.
 */
export async function withoutScaledReplicas(
  cluster: KubernetesPort,
  object: KubernetesObject,
  live: KubernetesObject | undefined,
  fieldManager: string,
  signal: AbortSignal,
): Promise<KubernetesObject> {
  if (live === undefined || numberAt(object, 'spec.replicas') === undefined) return object;
  if (!(await isAutoscaled(cluster, object, signal))) return object;
  const { replicas: _, ...spec } = object['spec'] as JsonObject;
  const current = numberAt(live, 'spec.replicas');
  if (current === undefined || hasOtherOwner(live, fieldManager)) return { ...object, spec };
  return { ...object, spec: { ...spec, replicas: current } };
}

/** Whether an autoscaler of the namespace targets the workload; a cluster without autoscalers has none. */
async function isAutoscaled(
  cluster: KubernetesPort,
  { kind, metadata }: KubernetesObject,
  signal: AbortSignal,
): Promise<boolean> {
  const namespace = metadata.namespace ?? 'default';
  try {
    const scalers = await cluster.list('autoscaling/v2', 'HorizontalPodAutoscaler', { namespace, signal });
    return scalers.some(
      (scaler) =>
        textAt(scaler, 'spec.scaleTargetRef.kind') === kind &&
        textAt(scaler, 'spec.scaleTargetRef.name') === metadata.name,
    );
  } catch (error) {
    const status = kubernetesReason(error)?.status;
    // Who may not read autoscalers, or has none, is told by the conflict that an apply then ends with.
    if (status === 403 || status === 404) return false;
    throw error;
  }
}

function hasOtherOwner(live: KubernetesObject, fieldManager: string): boolean {
  return objectsAt(live, 'metadata.managedFields').some(
    (entry) => entry['manager'] !== fieldManager && valueAt(entry, 'fieldsV1.f:spec.f:replicas') !== undefined,
  );
}
