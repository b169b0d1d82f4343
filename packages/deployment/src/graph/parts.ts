import { apiVersions } from './api-versions.ts';
import type { ResourceType } from './api-versions.ts';
import { assignmentName } from './deterministic-guid.ts';
import { resourceId, scopeId } from './ids.ts';
import { roleDefinitionId, roles } from '../rules/roles.ts';
import type { RoleName } from '../rules/roles.ts';
import type { StageId } from './stages.ts';
import type { ArmResource, DeferredValue, ResourceObject, ResourceValue, Scope, UpdateRules } from './types.ts';

export interface ResourceInput {
  readonly id: string;
  readonly stage: StageId;
  readonly scope: Scope;
  readonly type: ResourceType;
  readonly name: string;
  readonly body: ResourceObject;
  readonly dependsOn?: readonly string[];
  readonly purpose: string;
  readonly apiVersion?: string;
  readonly rules?: UpdateRules;
  readonly merge?: true;
}

export function resource(input: ResourceInput): ArmResource {
  const { dependsOn = [], apiVersion = apiVersions[input.type], ...rest } = input;
  return { kind: 'arm', ...rest, apiVersion, dependsOn };
}

/** The resource id of a node of the graph. */
export function idOf(node: Pick<ArmResource, 'scope' | 'type' | 'name' | 'target'>): string {
  if (node.type === 'Microsoft.Resources/resourceGroups') return scopeId({ ...node.scope, resourceGroup: node.name });
  const base = node.target ?? scopeId(node.scope);
  if (node.target !== undefined) return `${base}/providers/${node.type}/${node.name}`;
  return resourceId(node.scope, node.type, node.name);
}

export const runtime = (resource: string, path: string): DeferredValue => ({ $runtime: { resource, path } });

export interface AssignmentInput {
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

/** The resource group, with its tags. */
export function groupResource(
  id: string,
  scope: Scope,
  location: string,
  tags: Readonly<Record<string, string>>,
): ArmResource {
  return resource({
    id,
    stage: 'S2',
    scope: { subscriptionId: scope.subscriptionId, resourceGroup: undefined },
    type: 'Microsoft.Resources/resourceGroups',
    name: scope.resourceGroup ?? '',
    body: { location, ...(Object.keys(tags).length === 0 ? {} : { tags }) },
    purpose: 'Everything of this deployment',
    rules: { immutable: ['location'], carryOver: ['tags'] },
  });
}

export interface PublicIpInput {
  readonly id: string;
  readonly scope: Scope;
  readonly name: string;
  readonly location: string;
  readonly dependsOn: readonly string[];
}

/** A standard, static IPv4 address, as a NAT gateway needs it. */
export function publicIp({ id, scope, name, location, dependsOn }: PublicIpInput): ArmResource {
  return resource({
    id,
    stage: 'S3',
    scope,
    type: 'Microsoft.Network/publicIPAddresses',
    name,
    body: {
      location,
      sku: { name: 'Standard', tier: 'Regional' },
      properties: { publicIPAllocationMethod: 'Static', publicIPAddressVersion: 'IPv4', idleTimeoutInMinutes: 4 },
    },
    dependsOn,
    purpose: 'Outbound address of the NAT gateway',
    rules: {
      immutable: ['sku', 'properties.publicIPAddressVersion'],
      carryOver: ['tags', 'zones', 'properties.ipTags', 'properties.dnsSettings'],
    },
  });
}

export function natGateway(
  input: PublicIpInput & { readonly addressId: string; readonly idleTimeoutMinutes: number },
): ArmResource {
  return resource({
    id: input.id,
    stage: 'S3',
    scope: input.scope,
    type: 'Microsoft.Network/natGateways',
    name: input.name,
    body: {
      location: input.location,
      sku: { name: 'Standard' },
      properties: { idleTimeoutInMinutes: input.idleTimeoutMinutes, publicIpAddresses: [{ id: input.addressId }] },
    },
    dependsOn: input.dependsOn,
    purpose: 'Way out to the internet',
    rules: {
      carryOver: ['tags', 'zones', 'properties.publicIpAddresses'],
      consequences: {
        'properties.publicIpAddresses': 'the egress address changes: allow-lists elsewhere need the new one',
      },
    },
  });
}

export interface VaultInput {
  readonly id: string;
  readonly scope: Scope;
  readonly name: string;
  readonly location: string;
  readonly tenantId: string | undefined;
  readonly sku: 'standard' | 'premium';
  readonly purgeProtection: boolean;
  readonly retentionDays: number;
  readonly publicNetworkAccess?: 'Enabled' | 'Disabled';
  readonly networkAcls?: ResourceObject;
  readonly dependsOn: readonly string[];
}

/** A vault that decides by roles. Purge protection is written only to switch it on: the service refuses the opposite. */
export function keyVault(input: VaultInput): ArmResource {
  return resource({
    id: input.id,
    stage: 'S3',
    scope: input.scope,
    type: 'Microsoft.KeyVault/vaults',
    name: input.name,
    body: {
      location: input.location,
      properties: {
        tenantId: input.tenantId ?? { $tenantId: true },
        sku: { family: 'A', name: input.sku },
        enableRbacAuthorization: true,
        enableSoftDelete: true,
        softDeleteRetentionInDays: input.retentionDays,
        ...(input.purgeProtection ? { enablePurgeProtection: true } : {}),
        publicNetworkAccess: input.publicNetworkAccess ?? 'Enabled',
        networkAcls: input.networkAcls ?? { defaultAction: 'Allow', bypass: 'AzureServices' },
      },
    },
    dependsOn: input.dependsOn,
    purpose: 'Keeps the secret',
    rules: {
      immutable: ['location', 'properties.tenantId', 'properties.softDeleteRetentionInDays'],
      createOnly: ['properties.networkAcls', 'properties.publicNetworkAccess'],
      carryOver: ['tags', 'properties.accessPolicies'],
    },
  });
}

export interface IdentityInput {
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

/** Fields of a cluster that cannot change, and fields that the service or others change on their own. */
export const clusterRules: UpdateRules = {
  immutable: [
    'location',
    'properties.dnsPrefix',
    'properties.nodeResourceGroup',
    'properties.networkProfile.networkPlugin',
    'properties.networkProfile.serviceCidr',
    'properties.networkProfile.dnsServiceIP',
    'properties.enableRBAC',
    'properties.agentPoolProfiles[].name',
    'properties.agentPoolProfiles[].vnetSubnetID',
    'properties.agentPoolProfiles[].enableNodePublicIP',
    'properties.agentPoolProfiles[].osType',
    'properties.agentPoolProfiles[].vmSize',
    'properties.agentPoolProfiles[].workloadRuntime',
    'identity.type',
  ],
  createOnly: [
    'properties.agentPoolProfiles[].count',
    'properties.agentPoolProfiles[].maxPods',
    'properties.agentPoolProfiles[].osDiskType',
    'properties.agentPoolProfiles[].orchestratorVersion',
  ],
  carryOver: ['tags', 'properties.agentPoolProfiles', 'properties.addonProfiles', '*'],
  consequences: { 'properties.kubernetesVersion': 'a new minor is an upgrade of the cluster, with its own command' },
};
