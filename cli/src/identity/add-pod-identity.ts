import { assertIdentityResourceId } from '@holdfast/admission';
import { RequestError } from '@holdfast/base';
import type { JsonObject } from '@holdfast/deployment';

import type { IdentityAddFlags } from '../commands/identity.ts';
import { ensureDefinitions, identityObjects, writeObjects } from './identity-objects.ts';
import { clusterPrincipal, grantOperatorRole } from './operator-role.ts';
import { assertAddOn, isNamed, objectIn, profileOf, textIn, withEntry } from './pod-identity-profile.ts';
import type { ProfileIdentity } from './pod-identity-profile.ts';
import type { OpenedCluster } from './with-cluster.ts';

const IDENTITY_API = '2023-01-31';

/** What a pod identity is made of. */
export type PodIdentityRequest = Pick<
  IdentityAddFlags,
  'namespace' | 'identityResourceId' | 'name' | 'bindingSelector' | 'enable' | 'allowKubenet'
>;

export interface AddedPodIdentity {
  readonly entry: ProfileIdentity;
  /** Whether the cluster had to be made Managed Identity Operator of the identity. */
  readonly role: 'granted' | 'already';
}

/**
 * The name of a pod identity: the one that was given, or that of the managed identity.
 * @throws RequestError POD_IDENTITY_NAME_INVALID, and for what is no resource id of a managed identity
 */
export function nameOfPodIdentity({ identityResourceId, name, namespace }: PodIdentityRequest): string {
  assertIdentityResourceId(identityResourceId);
  const found = name ?? identityResourceId.split('/').at(-1) ?? '';
  assertName(found);
  assertName(namespace);
  return found;
}

/**
 * What `az aks pod-identity add` does: the role, the profile of the cluster, the objects in the namespace.
 * @param say Told of each step.
 * @throws RequestError IDENTITY_ABSENT, POD_IDENTITY_FAILED
 * @throws PolicyError POD_IDENTITY_KUBENET, POD_IDENTITY_DISABLED, POD_IDENTITY_LIMIT
 */
export async function addPodIdentity(
  { target, cluster, writeProfile, openApi }: OpenedCluster,
  request: PodIdentityRequest,
  say: (text: string) => void,
): Promise<AddedPodIdentity> {
  const { identityResourceId: resourceId, namespace } = request;
  const name = nameOfPodIdentity(request);
  assertAddOn(cluster.body, request);
  const managed = await target.arm.read(resourceId, IDENTITY_API);
  if (managed === undefined) {
    throw new RequestError('IDENTITY_ABSENT', `there is no managed identity ${resourceId}`, {
      action: 'Create it with az identity create, and give its id.',
    });
  }
  const properties = objectIn(managed, 'properties');
  const entry: ProfileIdentity = {
    name,
    namespace,
    bindingSelector: request.bindingSelector ?? name,
    identity: { clientId: textIn(properties, 'clientId'), objectId: textIn(properties, 'principalId'), resourceId },
  };
  const role = await grantOperatorRole(target.arm, resourceId, {
    id: cluster.id,
    principalId: clusterPrincipal(cluster.body),
  });
  const granted = role === 'granted' ? 'given to the cluster' : 'is the cluster’s already';
  say(`role: Managed Identity Operator of ${name} ${granted}`);
  const written = await writeProfile({
    enabled: true,
    ...(request.allowKubenet ? { allowNetworkPluginKubenet: true } : {}),
    userAssignedIdentities: withEntry(profileOf(cluster.body).identities, entry as unknown as JsonObject),
  });
  say(`cluster: pod identity ${namespace}/${name} is in the profile`);
  assertAssigned(written, entry);
  const api = await openApi();
  await ensureDefinitions(api);
  await writeObjects(api, identityObjects(entry));
  say(`namespace ${namespace}: AzureIdentity ${name} and AzureIdentityBinding ${name}-binding are written`);
  return { entry, role };
}

/** The add-on reports an identity that it could not attach inside a write that succeeded. */
function assertAssigned(cluster: JsonObject, entry: ProfileIdentity): void {
  const found = profileOf(cluster).identities.find((each) => isNamed(each, entry));
  if (textIn(found, 'provisioningState') !== 'Failed') return;
  const error = objectIn(found, 'provisioningInfo', 'error', 'error');
  throw new RequestError(
    'POD_IDENTITY_FAILED',
    `the add-on cannot assign ${entry.name}: ${textIn(error, 'code')}: ${textIn(error, 'message')}`,
    {
      action: 'Correct what the message names, and run the command again.',
    },
  );
}

const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/**
 * Refuses what Kubernetes would refuse as the name of an object, before anything is changed.
 * @throws RequestError POD_IDENTITY_NAME_INVALID
 */
export function assertName(name: string): void {
  if (NAME.test(name)) return;
  throw new RequestError(
    'POD_IDENTITY_NAME_INVALID',
    `${JSON.stringify(name)} cannot be the name of a Kubernetes object`,
    {
      action: 'Use lower-case letters, digits, - and . only; name the pod identity with --name.',
    },
  );
}
