import { assignmentName, roleDefinitionId, roles } from '@holdfast/deployment';
import type { ArmPort, JsonObject } from '@holdfast/deployment';

import { writeFederatedCredential } from '../../identity/federate.ts';
import { objectIn, textIn } from '../../identity/pod-identity-profile.ts';

/** How the pod reaches the vault. */
export type VoteIdentity = 'pod' | 'workload';

/** Names of the guide. The group and the cluster are called alike, and so is everything of the application. */
export const CLUSTER = 'pod-identity';
export const NAME = 'azure-vote';
export const NAMESPACE = 'default';
/** A vault that gives nobody access. */
export const CLOSED_VAULT = 'azure-vote-closed';
/** Whom a service account of the guide's application is in the eyes of Entra ID. */
const SUBJECT = `system:serviceaccount:${NAMESPACE}:${NAME}`;
const LOCATION = 'eastus';

/** What the application needs of Azure, and how it is called there. */
export interface VoteResources {
  readonly identityId: string;
  readonly clientId: string;
  readonly tenantId: string;
  /** Issuer of the cluster's service account tokens. */
  readonly issuer: string;
  /** Public name of the cache. */
  readonly redisHost: string;
}

interface Azure {
  readonly arm: Pick<ArmPort, 'read' | 'write' | 'post'>;
  readonly subscriptionId: string;
  readonly tenantId: string;
}

/** Makes the guide's resources, in its order: group, cluster, Redis, vault with the key of Redis, identity with its rights. */
export async function makeVoteResources(azure: Azure, kind: VoteIdentity): Promise<VoteResources> {
  const { arm, subscriptionId, tenantId } = azure;
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${CLUSTER}`;
  const at = (rest: string): string => `${group}/providers/${rest}`;
  await arm.write(group, '2024-03-01', { location: LOCATION });
  const cluster = await makeCluster(arm, at(`Microsoft.ContainerService/managedClusters/${CLUSTER}`));
  const redisId = at(`Microsoft.Cache/redis/${NAME}`);
  const redis = await arm.write(redisId, '2024-11-01', {
    location: LOCATION,
    // The published image speaks to Redis without TLS.
    properties: { sku: { name: 'Standard', family: 'C', capacity: 1 }, redisVersion: '6', enableNonSslPort: true },
  });
  const identityId = at(`Microsoft.ManagedIdentity/userAssignedIdentities/${NAME}`);
  const identity = objectIn(await arm.write(identityId, '2023-01-31', { location: LOCATION }), 'properties');
  const principalId = textIn(identity, 'principalId');
  const vaultId = at(`Microsoft.KeyVault/vaults/${NAME}`);
  await makeVault(arm, vaultId, tenantId, kind === 'pod' ? [principalId] : 'roles');
  await makeVault(arm, at(`Microsoft.KeyVault/vaults/${CLOSED_VAULT}`), tenantId, []);
  const redisHost = textIn(objectIn(redis, 'properties'), 'hostName');
  const keys = (await arm.post(`${redisId}/listKeys`, '2024-11-01')) as JsonObject | undefined;
  await writeSecret(arm, vaultId, 'redis-host', redisHost);
  await writeSecret(arm, vaultId, 'redis-key', textIn(keys, 'primaryKey'));
  const issuer = textIn(objectIn(cluster, 'properties', 'oidcIssuerProfile'), 'issuerURL');
  if (kind === 'workload') {
    await letRead(arm, vaultId, subscriptionId, { id: identityId, principalId });
    await writeFederatedCredential(arm, {
      name: NAME,
      identityResourceId: identityId,
      issuer,
      subject: SUBJECT,
      audience: 'api://AzureADTokenExchange',
    });
  }
  return { identityId, clientId: textIn(identity, 'clientId'), tenantId, issuer, redisHost };
}

/** A cluster with everything of both ways; one that is there stays as it is, with the pod identities it has. */
async function makeCluster(arm: Pick<ArmPort, 'read' | 'write'>, id: string): Promise<JsonObject> {
  const version = '2025-05-01';
  const live = await arm.read(id, version);
  if (live !== undefined) return live;
  return arm.write(id, version, {
    location: LOCATION,
    identity: { type: 'SystemAssigned' },
    properties: {
      dnsPrefix: CLUSTER,
      networkProfile: { networkPlugin: 'azure', serviceCidr: '172.16.0.0/16', dnsServiceIP: '172.16.0.10' },
      podIdentityProfile: { enabled: true },
      oidcIssuerProfile: { enabled: true },
      securityProfile: { workloadIdentity: { enabled: true } },
      addonProfiles: { azureKeyvaultSecretsProvider: { enabled: true, config: { enableSecretRotation: 'true' } } },
      agentPoolProfiles: [{ name: 'nodepool1', mode: 'System', vmSize: 'Standard_D4d_v5', count: 1 }],
    },
  });
}

/** @param readers Who may get secrets by access policies; or that roles decide. */
async function makeVault(
  arm: Pick<ArmPort, 'write'>,
  id: string,
  tenantId: string,
  readers: readonly string[] | 'roles',
): Promise<void> {
  await arm.write(id, '2023-07-01', {
    location: LOCATION,
    properties: {
      tenantId,
      sku: { family: 'A', name: 'standard' },
      enableRbacAuthorization: readers === 'roles',
      ...(readers === 'roles'
        ? {}
        : {
            accessPolicies: readers.map((objectId) => ({ tenantId, objectId, permissions: { secrets: ['get'] } })),
          }),
    },
  });
}

async function writeSecret(arm: Pick<ArmPort, 'write'>, vaultId: string, name: string, value: string): Promise<void> {
  await arm.write(`${vaultId}/secrets/${name}`, '2023-07-01', { properties: { value } });
}

/** Lets an identity read the secrets of a vault. */
async function letRead(
  arm: Pick<ArmPort, 'write'>,
  vaultId: string,
  subscriptionId: string,
  { id, principalId }: { readonly id: string; readonly principalId: string },
): Promise<void> {
  const name = assignmentName(vaultId, id, roles.keyVaultSecretsUser);
  await arm.write(`${vaultId}/providers/Microsoft.Authorization/roleAssignments/${name}`, '2022-04-01', {
    properties: {
      roleDefinitionId: roleDefinitionId(subscriptionId, 'keyVaultSecretsUser'),
      principalId,
      principalType: 'ServicePrincipal',
    },
  });
}
