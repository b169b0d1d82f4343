import type { Clock } from '@holdfast/base';
import { kubernetesReason } from '@holdfast/deployment';
import type { KubernetesObject, KubernetesPort } from '@holdfast/deployment';

export interface LeaseOptions {
  readonly cluster: Pick<KubernetesPort, 'read' | 'create' | 'replace'>;
  readonly namespace: string;
  readonly name: string;
  /** Name of this process, unique among those that want the lease. */
  readonly holder: string;
  readonly seconds: number;
  readonly clock: Clock;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/**
 * Takes or renews a Lease (coordination.k8s.io/v1) and answers whether this process holds it now. Of several that try at the same
 * time the API server lets one through: the others see a conflict.
 */
export async function holdLease(options: LeaseOptions, signal: AbortSignal): Promise<boolean> {
  const { cluster, namespace, name, holder, seconds, clock } = options;
  const reference = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name };
  const found = await cluster.read(reference, { signal });
  const before = (found?.['spec'] ?? {}) as LeaseSpec;
  const isOurs = before.holderIdentity === holder;
  const renewed = Date.parse(before.renewTime ?? '');
  const isFree =
    (before.holderIdentity ?? '') === '' ||
    Number.isNaN(renewed) ||
    renewed + (before.leaseDurationSeconds ?? seconds) * 1000 < clock();
  if (!isOurs && !isFree) return false;
  // MicroTime of Kubernetes has six digits.
  const now = new Date(clock()).toISOString().replace('Z', '000Z');
  const spec = {
    ...before,
    holderIdentity: holder,
    leaseDurationSeconds: seconds,
    renewTime: now,
    ...(isOurs
      ? {}
      : { acquireTime: now, leaseTransitions: (before.leaseTransitions ?? 0) + (found === undefined ? 0 : 1) }),
  };
  try {
    if (found === undefined) {
      const object: KubernetesObject = { ...reference, metadata: { namespace, name }, spec };
      await cluster.create(object, { signal });
    } else await cluster.replace({ ...found, spec }, { signal });
    return true;
  } catch (error) {
    const reason = kubernetesReason(error)?.reason;
    if (reason === 'Conflict' || reason === 'AlreadyExists') return false;
    throw error;
  }
}

/** Gives the lease back, so that another need not wait for its end. */
export async function releaseLease(options: LeaseOptions, signal: AbortSignal): Promise<void> {
  const { cluster, namespace, name, holder } = options;
  const found = await cluster.read(
    { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name },
    { signal },
  );
  const spec = (found?.['spec'] ?? {}) as LeaseSpec;
  if (found === undefined || spec.holderIdentity !== holder) return;
  await cluster.replace({ ...found, spec: { ...spec, holderIdentity: '' } }, { signal });
}
