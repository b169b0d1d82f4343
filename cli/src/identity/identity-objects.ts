import { POD_IDENTITY_API, podIdentityDefinitions, podIdentityKinds } from '@holdfast/admission';
import type { KubernetesObject, KubernetesPort } from '@holdfast/deployment';
import { kubernetesReason } from '@holdfast/deployment';

import type { ProfileException, ProfileIdentity } from './pod-identity-profile.ts';

const FIELD_MANAGER = 'holdfast-identity';

/** The objects of a pod identity, as the add-on names them. */
export function identityObjects({
  name,
  namespace,
  bindingSelector,
  identity,
}: ProfileIdentity): readonly KubernetesObject[] {
  const { clientId: clientID, resourceId: resourceID } = identity;
  return [
    {
      apiVersion: POD_IDENTITY_API,
      kind: podIdentityKinds.identity,
      metadata: { name, namespace },
      spec: { type: 0, clientID, resourceID },
    },
    {
      apiVersion: POD_IDENTITY_API,
      kind: podIdentityKinds.binding,
      metadata: { name: `${name}-binding`, namespace },
      spec: { azureIdentity: name, selector: bindingSelector },
    },
  ];
}

export function exceptionObject({ name, namespace, podLabels }: ProfileException): KubernetesObject {
  return {
    apiVersion: POD_IDENTITY_API,
    kind: podIdentityKinds.exception,
    metadata: { name, namespace },
    spec: { podLabels },
  };
}

/** Installs the custom resource definitions where they are missing; on AKS the add-on brings its own. */
export async function ensureDefinitions(cluster: Pick<KubernetesPort, 'read' | 'apply'>): Promise<void> {
  for (const definition of podIdentityDefinitions() as unknown as readonly KubernetesObject[]) {
    const { apiVersion, kind, metadata } = definition;
    if ((await cluster.read({ apiVersion, kind, name: metadata.name })) !== undefined) continue;
    await cluster.apply(definition, { fieldManager: FIELD_MANAGER });
  }
}

/** Writes objects; the add-on may do the same at the same time, so its fields are taken over. */
export async function writeObjects(
  cluster: Pick<KubernetesPort, 'apply'>,
  objects: readonly KubernetesObject[],
): Promise<void> {
  for (const object of objects) await cluster.apply(object, { fieldManager: FIELD_MANAGER, force: true });
}

/** Removes objects, last first; what is not there is fine, the kind included. */
export async function removeObjects(
  cluster: Pick<KubernetesPort, 'remove'>,
  objects: readonly KubernetesObject[],
): Promise<void> {
  for (const { apiVersion, kind, metadata } of objects.toReversed()) {
    const { name, namespace } = metadata;
    try {
      await cluster.remove({ apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) });
    } catch (error) {
      if (kubernetesReason(error)?.reason !== 'NotFound') throw error;
    }
  }
}
