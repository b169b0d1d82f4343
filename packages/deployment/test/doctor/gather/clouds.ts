import { gatherFacts, runDoctor } from '../../../src/index.ts';
import type { AzureFacts, DeploymentConfig, GatherPorts, Need } from '../../../src/index.ts';
import { configOf } from '../../configs.ts';
import { providerNames } from '../facts.ts';
import { FakeArm, ME, named, ports, SUBSCRIPTION } from './fake-ports.ts';

export const GROUP = '/resourceGroups/my-vn-aks';
export const AT = `/subscriptions/${SUBSCRIPTION}`;
export const OWNER = `${AT}/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635`;
export const CLUSTER = `${GROUP}/providers/Microsoft.ContainerService/managedClusters/myvncluster`;
export const VAULT = `${GROUP}/providers/Microsoft.KeyVault/vaults/my-vn-aks-vault`;
export const VNET = `${GROUP}/providers/Microsoft.Network/virtualNetworks/my-vnet`;
export const NODES = '/resourceGroups/MC_my-vn-aks_myvncluster_eastus';

export const config = configOf('uid2-vn2', `subscriptionId: ${SUBSCRIPTION}`);
export const azure: ReadonlySet<Need> = new Set(['azure']);
export const everything: ReadonlySet<Need> = new Set(['azure', 'cluster']);

/** Gives the caller one role on the subscription, and no other. */
export function grant(arm: FakeArm, roleId: string, permissions: object, more: object = {}): FakeArm {
  return arm
    .set('/providers/Microsoft.Authorization/roleAssignments', [
      { name: 'mine', properties: { scope: AT, roleDefinitionId: roleId, principalId: ME, ...more } },
    ])
    .set(roleId, { id: roleId, properties: { permissions: [permissions] } } as never);
}

/** A subscription without the deployment, whose caller is Owner. */
export function emptyCloud(): FakeArm {
  const arm = new FakeArm()
    .set('subscription', {
      subscriptionId: SUBSCRIPTION,
      tenantId: 'tenant',
      displayName: 'Mine',
      state: 'Enabled',
      subscriptionPolicies: { spendingLimit: 'Off', quotaId: 'PayAsYouGo_2014-09-01' },
    })
    .set('/locations', [
      { name: 'eastus', displayName: 'East US', metadata: { regionType: 'Physical', geographyGroup: 'US' } },
    ])
    .set('/providers/Microsoft.ContainerService/locations/eastus/kubernetesVersions', {
      values: [
        { version: '1.34', isPreview: null, capabilities: { supportPlan: ['KubernetesOfficial'] } },
        { version: '1.36', isPreview: true, capabilities: { supportPlan: ['KubernetesOfficial'] } },
      ],
    })
    .set('/providers/Microsoft.Compute/skus', [
      {
        resourceType: 'virtualMachines',
        name: 'Standard_D4d_v5',
        family: 'standardDDv5Family',
        capabilities: [
          { name: 'vCPUs', value: '4' },
          { name: 'MemoryGB', value: '16' },
        ],
        restrictions: [],
      },
    ])
    .set('/providers/Microsoft.Compute/locations/eastus/usages', [
      named('cores', 0, 100),
      named('standardDDv5Family', 10, 100),
    ])
    .set('/providers/Microsoft.Network/locations/eastus/usages', [named('PublicIPAddresses', 1, 10)])
    .set('/providers/Microsoft.ContainerInstance/locations/eastus/usages', [
      named('ContainerGroups', 0, 100),
      named('StandardCores', 0, 100),
    ])
    .set('/providers/Microsoft.KeyVault/checkNameAvailability', { nameAvailable: true });
  for (const name of providerNames) {
    arm.set(`/providers/Microsoft.${name}`, {
      namespace: `Microsoft.${name}`,
      registrationState: 'Registered',
      resourceTypes: [{ resourceType: 'containerGroups', locations: ['East US'], apiVersions: ['2023-05-01'] }],
    });
  }
  return grant(arm, OWNER, { actions: ['*'], notActions: [] });
}

/** The same with the deployment in it. */
export function deployedCloud(): FakeArm {
  return emptyCloud()
    .set(GROUP, { id: `${AT}${GROUP}`, location: 'eastus' })
    .set(`${GROUP}/resources`, [
      { id: `${AT}${VAULT}`, name: 'my-vn-aks-vault', type: 'Microsoft.KeyVault/vaults' },
      { id: `${AT}${GROUP}/providers/Microsoft.Web/sites/other`, name: 'other', type: 'Microsoft.Web/sites' },
    ])
    .set(`${GROUP}/providers/Microsoft.Authorization/locks`, [{ name: 'keep', properties: { level: 'CanNotDelete' } }])
    .set(NODES, { id: `${AT}${NODES}`, managedBy: `${AT}${CLUSTER}` })
    .set('/providers/Microsoft.KeyVault/checkNameAvailability', { nameAvailable: false, reason: 'AlreadyExists' })
    .set(VAULT, {
      id: `${AT}${VAULT}`,
      location: 'eastus',
      properties: {
        tenantId: 'tenant',
        vaultUri: 'https://my-vn-aks-vault.vault.azure.net/',
        enableRbacAuthorization: true,
        enablePurgeProtection: true,
      },
    })
    .set(VNET, {
      id: `${AT}${VNET}`,
      properties: {
        subnets: [
          {
            name: 'cg',
            properties: {
              delegations: [{ properties: { serviceName: 'Microsoft.ContainerInstance/containerGroups' } }],
              natGateway: { id: 'nat' },
              ipConfigurationProfiles: [{ id: `${AT}/x/networkProfiles/p/containerNetworkInterfaces/c` }],
              defaultOutboundAccess: false,
            },
          },
          {
            name: 'aks',
            properties: {
              ipConfigurations: [
                { id: `${AT}/x/virtualMachineScaleSets/aks-pool/virtualMachines/0/ipConfigurations/i` },
              ],
            },
          },
        ],
        virtualNetworkPeerings: [
          {
            name: 'office',
            properties: {
              remoteVirtualNetwork: { id: `${AT}/x/virtualNetworks/office` },
              remoteAddressSpace: { addressPrefixes: ['10.4.0.0/24'] },
            },
          },
        ],
      },
    })
    .set(CLUSTER, {
      id: `${AT}${CLUSTER}`,
      properties: {
        currentKubernetesVersion: '1.34.2',
        networkProfile: { networkPlugin: 'azure', networkPolicy: 'calico' },
        apiServerAccessProfile: { authorizedIPRanges: ['203.0.113.0/24'] },
        identityProfile: { kubeletidentity: { objectId: 'nodes' } },
      },
    })
    .set(`${CLUSTER}/listClusterUserCredential`, {
      kubeconfigs: [{ name: 'clusterUser', value: Buffer.from('kubeconfig').toString('base64') }],
    })
    .set(`${GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities`, [
      { properties: { clientId: 'client', principalId: 'principal' } },
    ])
    .set(`${GROUP}/providers/Microsoft.Authorization/roleAssignments`, [
      {
        name: 'right',
        properties: {
          scope: `${AT}${GROUP}`,
          principalId: 'nodes',
          roleDefinitionId: '/b24988ac-6180-42a0-ab88-20f7382dd24c',
        },
      },
      { name: 'wrong', properties: { scope: `${AT}${GROUP}`, principalId: 'client', roleDefinitionId: '/x' } },
    ]);
}

export const noVault: NonNullable<GatherPorts['vault']> = {
  secretVersions: () => Promise.resolve([]),
} as never;

/** What is gathered for a configuration from a cloud. */
export async function factsOf(
  arm: FakeArm,
  more: Partial<GatherPorts> = {},
  needs = azure,
  of: DeploymentConfig = config,
): Promise<AzureFacts> {
  const facts = await gatherFacts(of, ports(arm, more), { needs });
  if (facts.azure === undefined) throw new Error('nothing was gathered');
  return facts.azure;
}

/** The verdict of every check on facts. */
export function verdicts(facts: AzureFacts, of: DeploymentConfig = config): Readonly<Record<string, string>> {
  return Object.fromEntries(runDoctor(of, { azure: facts }).map(({ check, verdict }) => [check.id, verdict]));
}
