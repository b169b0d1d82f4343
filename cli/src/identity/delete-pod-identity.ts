import { identityObjects, removeObjects } from './identity-objects.ts';
import { profileOf, withoutEntry } from './pod-identity-profile.ts';
import type { OpenedCluster } from './with-cluster.ts';

/**
 * What `az aks pod-identity delete` does: the entry goes from the profile of the cluster, and its objects from the namespace.
 * @throws RequestError POD_IDENTITY_ABSENT
 */
export async function deletePodIdentity(
  { cluster, writeProfile, openApi }: OpenedCluster,
  { name, namespace }: { readonly name: string; readonly namespace: string },
): Promise<void> {
  const identities = withoutEntry(profileOf(cluster.body).identities, { name, namespace }, 'pod identity');
  await writeProfile({ userAssignedIdentities: identities });
  const identity = { clientId: '', objectId: '', resourceId: '' };
  await removeObjects(await openApi(), identityObjects({ name, namespace, bindingSelector: '', identity }));
}
