import { describe, expect, it } from 'vitest';

import { buildGraph, guideCommands } from '../../src/index.ts';
import type { ArmResource, ProfileName } from '../../src/index.ts';
import { configOf, resolved } from '../configs.ts';

const profiles: readonly ProfileName[] = ['uid2-vn2', 'kata-cc', 'peer-pods', 'private-link'];
const graphOf = (profile: ProfileName) => buildGraph(configOf(profile), resolved);
const roles = {
  secretsUser: '4633458b-17de-408a-b874-0445c86b69e6',
  cryptoOfficer: '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
  cryptoUser: '12338af0-0e69-4776-bea7-57ae8d297424',
} as const;
const sub = `/subscriptions/${resolved.subscriptionId}`;

function role(name: keyof typeof roles, principalId: object, principalType = 'ServicePrincipal'): object {
  const roleDefinitionId = `${sub}/providers/Microsoft.Authorization/roleDefinitions/${roles[name]}`;
  return { properties: { roleDefinitionId, principalId, principalType } };
}

const vault = (sku: string, closed: boolean): object => ({
  location: 'eastus',
  properties: {
    tenantId: resolved.tenantId,
    sku: { family: 'A', name: sku },
    enableRbacAuthorization: true,
    enableSoftDelete: true,
    softDeleteRetentionInDays: 90,
    enablePurgeProtection: true,
    publicNetworkAccess: closed ? 'Disabled' : 'Enabled',
    networkAcls: { defaultAction: closed ? 'Deny' : 'Allow', bypass: 'AzureServices' },
  },
});

const federated = (cluster: string, account: string): object => ({
  properties: {
    issuer: { $runtime: { resource: cluster, path: 'properties.oidcIssuerProfile.issuerURL' } },
    subject: `system:serviceaccount:${account}`,
    audiences: ['api://AzureADTokenExchange'],
  },
});

const peering = (group: string, network: string): object => ({
  properties: {
    remoteVirtualNetwork: {
      id: `${sub}/resourceGroups/${group}/providers/Microsoft.Network/virtualNetworks/${network}`,
    },
    allowVirtualNetworkAccess: true,
    allowForwardedTraffic: false,
    allowGatewayTransit: false,
    useRemoteGateways: false,
  },
});

const endpoint = (name: string, type: string, group: string): object => {
  const place = `${sub}/resourceGroups/pod-identity/providers`;
  return {
    location: 'eastus',
    properties: {
      subnet: { id: `${place}/Microsoft.Network/virtualNetworks/pod-identity-vnet/subnets/endpoints` },
      privateLinkServiceConnections: [
        { name, properties: { privateLinkServiceId: `${place}/${type}/azure-vote`, groupIds: [group] } },
      ],
    },
  };
};

const kataIdentity = { $runtime: { resource: 'K-ID', path: 'properties.principalId' } };
const deployer = { $parameter: 'deployerPrincipalId' };

/** What the commands of the other guides give; those of the UID2 guide are compared with its templates. */
const bodies: Readonly<Record<string, readonly [profile: ProfileName, name: string, body: object]>> = {
  'K-RG': ['kata-cc', 'myResourceGroup', { location: 'eastus' }],
  'K-ID': ['kata-cc', 'myIdentity', { location: 'eastus' }],
  'K-KV': ['kata-cc', 'kafka-vault', vault('premium', false)],
  'K-RA-ID-OFFICER': ['kata-cc', '', role('cryptoOfficer', kataIdentity)],
  'K-RA-ID-USER': ['kata-cc', '', role('cryptoUser', kataIdentity)],
  'K-RA-DEPLOYER-OFFICER': ['kata-cc', '', role('cryptoOfficer', deployer, 'User')],
  'K-RA-DEPLOYER-USER': ['kata-cc', '', role('cryptoUser', deployer, 'User')],
  'K-FIC': ['kata-cc', 'myIdentity/myFedIdentity', federated('K-AKS', 'kafka:workload-identity-sa')],
  'K-AKS': [
    'kata-cc',
    'myAKSCluster',
    {
      location: 'eastus',
      sku: { name: 'Base', tier: 'Free' },
      identity: { type: 'SystemAssigned' },
      properties: {
        kubernetesVersion: '1.34',
        dnsPrefix: 'myAKSClust-myResourceGroup-123456',
        enableRBAC: true,
        agentPoolProfiles: [
          {
            name: 'nodepool1',
            mode: 'System',
            type: 'VirtualMachineScaleSets',
            count: 1,
            osType: 'Linux',
            osSKU: 'AzureLinux',
            vmSize: 'Standard_DC8as_cc_v5',
            workloadRuntime: 'KataCcIsolation',
          },
        ],
        oidcIssuerProfile: { enabled: true },
        securityProfile: { workloadIdentity: { enabled: true } },
      },
    },
  ],
  'P-PEER-A': ['peer-pods', 'openshift-vnet/openshift-to-peer-pods', peering('peer-pods', 'peer-pods-vnet')],
  'P-PEER-B': ['peer-pods', 'peer-pods-vnet/peer-pods-to-openshift', peering('openshift', 'openshift-vnet')],
  'L-KV': ['private-link', 'azure-vote', vault('standard', true)],
  'L-REDIS': [
    'private-link',
    'azure-vote',
    {
      location: 'eastus',
      properties: {
        sku: { name: 'Standard', family: 'C', capacity: 1 },
        redisVersion: '6',
        enableNonSslPort: false,
        publicNetworkAccess: 'Disabled',
      },
    },
  ],
  'L-PE-KV': ['private-link', 'azure-vote-vault', endpoint('azure-vote-vault', 'Microsoft.KeyVault/vaults', 'vault')],
  'L-PE-REDIS': [
    'private-link',
    'azure-vote-redis',
    endpoint('azure-vote-redis', 'Microsoft.Cache/redis', 'redisCache'),
  ],
  'L-RA': ['private-link', '', role('secretsUser', { $runtime: { resource: 'L-ID', path: 'properties.principalId' } })],
  'L-FIC': ['private-link', 'azure-vote/azure-vote', federated('L-AKS', 'default:azure-vote')],
};

describe('the commands of the guides', () => {
  it.each(profiles)('of %s name every part of the graph of its default values, and no other', (profile) => {
    const named = guideCommands[profile].flatMap(({ nodes }) => nodes);
    expect([...new Set(named)].toSorted()).toEqual(
      graphOf(profile)
        .nodes.map(({ id }) => id)
        .toSorted(),
    );
  });

  it.each(profiles)('of %s that make nothing say what takes their place', (profile) => {
    for (const { command, nodes, note } of guideCommands[profile]) {
      expect([command, nodes.length > 0 || note !== undefined]).toEqual([command, true]);
    }
  });

  it.each(Object.entries(bodies))('make exactly what %s writes', (id, [profile, name, body]) => {
    const node = graphOf(profile).nodes.find((each): each is ArmResource => each.id === id && each.kind === 'arm');
    expect(node?.body).toEqual(body);
    // Role assignments have names of their own.
    if (name !== '') expect(node?.name).toBe(name);
  });
});
