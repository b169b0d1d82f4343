import { DependencyError } from '@holdfast/base';
import { assignmentName, problemOf, roleDefinitionId, roles } from '@holdfast/deployment';
import type { ArmPort, JsonObject } from '@holdfast/deployment';

import { objectIn, textIn } from './pod-identity-profile.ts';

const ASSIGNMENTS_API = '2022-04-01';

/** The object id of the cluster's own identity: the one Azure made, or the first of those it was given. */
export function clusterPrincipal(cluster: JsonObject): string {
  const identity = objectIn(cluster, 'identity');
  const own = textIn(identity, 'principalId');
  if (own !== '') return own;
  const [given] = Object.values(objectIn(identity, 'userAssignedIdentities'));
  const principal = textIn(given, 'principalId');
  if (principal !== '') return principal;
  throw new DependencyError('CLUSTER_IDENTITY_UNKNOWN', 'the cluster has no managed identity of its own', {
    retryable: false,
    action: 'Clusters with a service principal need the role Managed Identity Operator assigned by hand.',
  });
}

/**
 * Makes the cluster Managed Identity Operator of a managed identity, which lets it attach the identity to its nodes. Answers
 * whether that was needed.
 */
export async function grantOperatorRole(
  arm: Pick<ArmPort, 'list' | 'write'>,
  scope: string,
  cluster: { readonly id: string; readonly principalId: string },
): Promise<'granted' | 'already'> {
  const { principalId } = cluster;
  const path = `${scope}/providers/Microsoft.Authorization/roleAssignments`;
  const listed = await arm.list(path, ASSIGNMENTS_API, { $filter: `assignedTo('${principalId}')` });
  const has = listed.some((each) => {
    const properties = objectIn(each, 'properties');
    return (
      textIn(properties, 'principalId').toLowerCase() === principalId.toLowerCase() &&
      textIn(properties, 'roleDefinitionId').toLowerCase().endsWith(roles.managedIdentityOperator)
    );
  });
  if (has) return 'already';
  const subscriptionId = /^\/subscriptions\/([^/]+)/i.exec(scope)?.[1] ?? '';
  const name = assignmentName(scope, cluster.id, roles.managedIdentityOperator);
  try {
    await arm.write(`${path}/${name}`, ASSIGNMENTS_API, {
      properties: {
        roleDefinitionId: roleDefinitionId(subscriptionId, 'managedIdentityOperator'),
        principalId,
        principalType: 'ServicePrincipal',
      },
    });
  } catch (error) {
    // Somebody else gave the role between the question and now.
    if (problemOf(error)?.code !== 'RoleAssignmentExists') throw error;
    return 'already';
  }
  return 'granted';
}
