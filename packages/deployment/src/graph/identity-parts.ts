import { roleDefinitionId, roles } from '../rules/roles.ts';
import type { RoleName } from '../rules/roles.ts';
import { apiVersions } from './api-versions.ts';
import { assignmentName } from './deterministic-guid.ts';
import { scopeId } from './ids.ts';
import { resource, runtime } from './parts.ts';
import type { StageId } from './stages.ts';
import type { ArmResource, ResourceValue, Scope } from './types.ts';

interface AssignmentInput {
  readonly id: string;
  readonly stage: StageId;
  readonly scope: Scope;
  /** Resource id; the group itself when missing. */
  readonly target?: string;
  readonly role: RoleName;
  /** Stable name of who gets the role. */
  readonly subject: string;
  readonly principalId: ResourceValue;
  readonly principalType?: string;
  readonly dependsOn: readonly string[];
  readonly purpose: string;
}

/** A role assignment whose name follows from where, who and what. */
export function assignment(input: AssignmentInput): ArmResource {
  const { id, stage, scope, target, role, subject, principalId, principalType = 'ServicePrincipal' } = input;
  return {
    kind: 'arm',
    id,
    stage,
    scope,
    type: 'Microsoft.Authorization/roleAssignments',
    apiVersion: apiVersions['Microsoft.Authorization/roleAssignments'],
    name: assignmentName(target ?? scopeId(scope), subject, roles[role]),
    ...(target === undefined ? {} : { target }),
    body: {
      properties: { roleDefinitionId: roleDefinitionId(scope.subscriptionId, role), principalId, principalType },
    },
    dependsOn: input.dependsOn,
    purpose: input.purpose,
    rules: { immutable: ['properties.principalId', 'properties.roleDefinitionId'] },
  };
}

interface IdentityInput {
  readonly id: string;
  readonly scope: Scope;
  readonly name: string;
  readonly location: string;
  readonly purpose: string;
  readonly dependsOn: readonly string[];
}

export function identity({ id, scope, name, location, purpose, dependsOn }: IdentityInput): ArmResource {
  return resource({
    id,
    stage: 'S3',
    scope,
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
    name,
    body: { location },
    dependsOn,
    purpose,
    rules: { immutable: ['location'], carryOver: ['tags'] },
  });
}

interface FederatedCredentialInput {
  readonly id: string;
  readonly scope: Scope;
  readonly identity: { readonly name: string; readonly federatedCredential: string };
  readonly serviceAccount: { readonly namespace: string; readonly serviceAccount: string };
  /** The identity and the cluster in the graph. */
  readonly identityNode: string;
  readonly clusterNode: string;
  readonly purpose: string;
}

/** Lets a service account of the cluster act as an identity. */
export function federatedCredential(input: FederatedCredentialInput): ArmResource {
  const { id, scope, identityNode, clusterNode, purpose } = input;
  const { namespace, serviceAccount } = input.serviceAccount;
  return resource({
    id,
    stage: 'S5a',
    scope,
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials',
    name: `${input.identity.name}/${input.identity.federatedCredential}`,
    body: {
      properties: {
        issuer: runtime(clusterNode, 'properties.oidcIssuerProfile.issuerURL'),
        subject: `system:serviceaccount:${namespace}:${serviceAccount}`,
        audiences: ['api://AzureADTokenExchange'],
      },
    },
    dependsOn: [identityNode, clusterNode],
    purpose,
  });
}
