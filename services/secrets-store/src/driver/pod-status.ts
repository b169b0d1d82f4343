import type { KubernetesPort } from '@holdfast/deployment';

import type { ObjectVersion } from '../provider/provider.ts';
import { GROUP_VERSION, NODE_LABEL, ownerOf } from './objects.ts';
import type { LiveObject, PodObject } from './objects.ts';

const FIELD_MANAGER = 'holdfast-secrets-store';
/** Why the files are older than they should be; the schema of the status has no place for it. */
export const FAILURE_ANNOTATION = 'secrets-store.holdfast.dev/last-failure';

export interface PodStatusRequest {
  readonly pod: PodObject;
  readonly className: string;
  readonly nodeName: string;
  readonly targetPath: string;
  readonly objects: readonly ObjectVersion[];
  /** Of the last attempt, when it failed and the files of an earlier one stay. */
  readonly failure: string | undefined;
}

/** Name of the SecretProviderClassPodStatus of a pod and a class. */
export function podStatusName(pod: PodObject, className: string): string {
  return `${pod.metadata.name}-${pod.metadata.namespace ?? 'default'}-${className}`;
}

/** Creates or updates the status object of a volume, which goes when its pod goes. */
export async function writePodStatus(
  cluster: Pick<KubernetesPort, 'apply'>,
  { pod, className, nodeName, targetPath, objects, failure }: PodStatusRequest,
): Promise<LiveObject> {
  const { name, namespace = 'default' } = pod.metadata;
  const status = {
    apiVersion: GROUP_VERSION,
    kind: 'SecretProviderClassPodStatus',
    metadata: {
      name: podStatusName(pod, className),
      namespace,
      labels: { [NODE_LABEL]: nodeName },
      annotations: failure === undefined ? {} : { [FAILURE_ANNOTATION]: failure.slice(0, 2000) },
      ownerReferences: [{ ...ownerOf(pod), apiVersion: 'v1', kind: 'Pod' }],
    },
    status: {
      podName: name,
      secretProviderClassName: className,
      mounted: true,
      targetPath,
      // A secret that became three files is one object.
      objects: [...new Map(objects.map((object) => [object.id, object])).values()].toSorted((a, b) =>
        a.id < b.id ? -1 : 1,
      ),
    },
  };
  return await cluster.apply(status, { fieldManager: FIELD_MANAGER, force: true });
}
