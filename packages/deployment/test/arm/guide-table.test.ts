import { describe, expect, it } from 'vitest';

import { buildGraph, idOf, resourceId, stageDeployments, stagesOf, templateText } from '../../src/index.ts';
import type { DeploymentConfig } from '../../src/index.ts';
import { configOf, resolved } from '../configs.ts';

interface Written {
  readonly type: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly scope?: string;
  readonly dependsOn?: readonly string[];
  readonly [member: string]: unknown;
}

/** Every resource of every template by type and name. */
function written(config: DeploymentConfig): ReadonlyMap<string, Written> {
  const deployments = stageDeployments(buildGraph(config, resolved), stagesOf(config), {
    prefix: 'uid2-integ',
    location: config.location,
  });
  const all = deployments.flatMap(({ template }) => template.resources as unknown as readonly Written[]);
  return new Map(all.map((resource) => [`${resource.type} ${resource.name}`, resource]));
}

const sub = `/subscriptions/${resolved.subscriptionId}`;
const group = `${sub}/resourceGroups/my-vn-aks/providers`;
const cluster = `${group}/Microsoft.ContainerService/managedClusters/myvncluster`;
const defaults = written(configOf('uid2-vn2', 'aks: {kubernetesVersion: "1.34"}\n'));

/** What the commands of the guide make, one row for each. */
const table: readonly (readonly [command: string, key: string, expected: object])[] = [
  ['az group create', 'Microsoft.Resources/resourceGroups my-vn-aks', { apiVersion: '2024-03-01', location: 'eastus' }],
  [
    'az network public-ip create',
    'Microsoft.Network/publicIPAddresses my-public-ip',
    {
      apiVersion: '2024-05-01',
      sku: { name: 'Standard', tier: 'Regional' },
      properties: { publicIPAllocationMethod: 'Static', publicIPAddressVersion: 'IPv4', idleTimeoutInMinutes: 4 },
    },
  ],
  [
    'az network nat gateway create',
    'Microsoft.Network/natGateways my-nat-gateway',
    {
      apiVersion: '2024-05-01',
      sku: { name: 'Standard' },
      properties: {
        idleTimeoutInMinutes: 4,
        publicIpAddresses: [{ id: `${group}/Microsoft.Network/publicIPAddresses/my-public-ip` }],
      },
    },
  ],
  [
    'az network vnet create, subnet create (three times), subnet update --nat-gateway',
    'Microsoft.Network/virtualNetworks my-vnet',
    {
      apiVersion: '2024-05-01',
      properties: {
        addressSpace: { addressPrefixes: ['10.0.0.0/8'] },
        subnets: [
          { name: 'default', properties: { addressPrefix: '10.0.0.0/24' } },
          { name: 'aks', properties: { addressPrefix: '10.1.0.0/16' } },
          {
            name: 'cg',
            properties: {
              addressPrefix: '10.2.0.0/16',
              natGateway: { id: `${group}/Microsoft.Network/natGateways/my-nat-gateway` },
              delegations: [
                {
                  name: 'Microsoft.ContainerInstance.containerGroups',
                  properties: { serviceName: 'Microsoft.ContainerInstance/containerGroups' },
                },
              ],
              defaultOutboundAccess: false,
            },
          },
        ],
      },
    },
  ],
  [
    'az identity create',
    'Microsoft.ManagedIdentity/userAssignedIdentities my-vn-aks-opr-id',
    { apiVersion: '2023-01-31', location: 'eastus' },
  ],
  [
    'az keyvault create',
    'Microsoft.KeyVault/vaults my-vn-aks-vault',
    {
      apiVersion: '2023-07-01',
      properties: {
        tenantId: resolved.tenantId,
        sku: { family: 'A', name: 'standard' },
        enableRbacAuthorization: true,
        enableSoftDelete: true,
        softDeleteRetentionInDays: 90,
        enablePurgeProtection: true,
        publicNetworkAccess: 'Enabled',
        networkAcls: { defaultAction: 'Allow', bypass: 'AzureServices' },
      },
    },
  ],
  [
    'az keyvault secret set',
    'Microsoft.KeyVault/vaults/secrets my-vn-aks-vault/my-vn-aks-opr-key-name',
    {
      apiVersion: '2023-07-01',
      tags: { keyFingerprint: "[parameters('keyFingerprint')]" },
      properties: { value: "[parameters('operatorKey')]", contentType: 'text/plain', attributes: { enabled: true } },
    },
  ],
  [
    'az aks create',
    'Microsoft.ContainerService/managedClusters myvncluster',
    {
      apiVersion: '2025-05-01',
      location: 'eastus',
      sku: { name: 'Base', tier: 'Free' },
      identity: { type: 'SystemAssigned' },
      properties: {
        kubernetesVersion: '1.34',
        dnsPrefix: 'myvncluste-my-vn-aks-123456',
        nodeResourceGroup: 'MC_my-vn-aks_myvncluster_eastus',
        enableRBAC: true,
        disableLocalAccounts: false,
        supportPlan: 'KubernetesOfficial',
        autoUpgradeProfile: { upgradeChannel: 'patch' },
        networkProfile: {
          networkPlugin: 'azure',
          networkPolicy: 'calico',
          serviceCidr: '10.4.0.0/16',
          dnsServiceIP: '10.4.0.10',
          loadBalancerSku: 'standard',
          outboundType: 'loadBalancer',
        },
        agentPoolProfiles: [
          {
            name: 'oprnodepool',
            mode: 'System',
            type: 'VirtualMachineScaleSets',
            osType: 'Linux',
            osSKU: 'Ubuntu',
            vmSize: 'Standard_D4d_v5',
            count: 2,
            enableAutoScaling: true,
            minCount: 2,
            maxCount: 5,
            maxPods: 30,
            enableNodePublicIP: false,
            orchestratorVersion: '1.34',
            vnetSubnetID: `${group}/Microsoft.Network/virtualNetworks/my-vnet/subnets/aks`,
          },
        ],
      },
    },
  ],
];

describe('the values of the UID2 guide', () => {
  it.each(table)('%s', (_command, key, expected) => {
    const resource = defaults.get(key);
    expect(resource).toMatchObject(expected);
    const own = (resource as { properties?: object } | undefined)?.properties ?? {};
    // Not only what is expected is there: nothing else is.
    if ('properties' in expected) expect(own).toEqual((expected as { properties: object }).properties);
  });

  const roles: readonly (readonly [string, string, string, string | undefined])[] = [
    [
      'on the vault',
      '4633458b-17de-408a-b874-0445c86b69e6',
      `[reference('${group}/Microsoft.ManagedIdentity/userAssignedIdentities/my-vn-aks-opr-id', '2023-01-31').principalId]`,
      'Microsoft.KeyVault/vaults/my-vn-aks-vault',
    ],
    [
      'on the group, and on that of the nodes',
      'b24988ac-6180-42a0-ab88-20f7382dd24c',
      `[reference('${cluster}', '2025-05-01').identityProfile.kubeletidentity.objectId]`,
      undefined,
    ],
    [
      'on the subnet, which the CLI does silently',
      '4d97b98b-1d4f-4787-a291-c67834d212e7',
      `[reference('${cluster}', '2025-05-01', 'Full').identity.principalId]`,
      'Microsoft.Network/virtualNetworks/my-vnet/subnets/aks',
    ],
  ];
  it.each(roles)('az role assignment create %s', (_where, role, principalId, scope) => {
    const found = [...defaults.values()].filter((one) => JSON.stringify(one).includes(`roleDefinitions/${role}`));
    expect(found).toHaveLength(scope === undefined ? 2 : 1);
    for (const one of found) {
      expect(one.scope).toBe(scope);
      expect(one['properties']).toEqual({
        roleDefinitionId: `${sub}/providers/Microsoft.Authorization/roleDefinitions/${role}`,
        principalId,
        principalType: 'ServicePrincipal',
      });
    }
  });

  it('makes nothing else', () => {
    expect(defaults.size).toBe(table.length + 4);
  });
});

const variants: readonly (readonly [string, DeploymentConfig])[] = [
  ['uid2-vn2', configOf('uid2-vn2')],
  ['uid2-vn2 preprovisioned', configOf('uid2-vn2', 'aks: {identityMode: preprovisioned}\n')],
  ['kata-cc', configOf('kata-cc')],
  ['kata-cc adopted', configOf('kata-cc', 'cluster: {mode: adopt}\nvault: {name: hsm1, kind: managedHsm}\n')],
  ['peer-pods', configOf('peer-pods')],
  ['peer-pods in the worker subnet', configOf('peer-pods', 'network: {peerPods: {mode: workerSubnet}}\n')],
  ['private-link', configOf('private-link')],
];

describe.each(variants)('templates of %s', (_name, config) => {
  const graph = buildGraph(config, resolved);
  const deployments = stageDeployments(graph, stagesOf(config), { prefix: 'p', location: config.location });

  it('are the same bytes for the same input', () => {
    const again = stageDeployments(buildGraph(config, resolved), stagesOf(config), {
      prefix: 'p',
      location: config.location,
    });
    expect(again.map(({ template }) => templateText(template))).toEqual(
      deployments.map(({ template }) => templateText(template)),
    );
  });

  it('depend only on resources of the same template, and on none of a later stage', () => {
    for (const { template, resources: nodes } of deployments) {
      const resources = template.resources as unknown as readonly Written[];
      const ids = new Set(nodes.map(idOf));
      for (const { dependsOn = [] } of resources) for (const id of dependsOn) expect(ids.has(id)).toBe(true);
    }
  });

  it('hold every resource but those that are merged into what exists', () => {
    const arm = graph.nodes.flatMap((node) => (node.kind === 'arm' && node.merge !== true ? [node.id] : []));
    expect(deployments.flatMap(({ resources }) => resources.map(({ id }) => id)).sort()).toEqual([...arm].sort());
  });

  it('declare exactly the parameters they use, and name deployments as Azure allows', () => {
    for (const { template, name } of deployments) {
      const used = new Set(
        [...JSON.stringify(template.resources).matchAll(/parameters\('(\w+)'\)/g)].map((match) => match[1] ?? ''),
      );
      expect([...used].sort()).toEqual(Object.keys(template.parameters).sort());
      expect(name).toMatch(/^[-\w.()]{1,64}$/);
    }
  });

  it('name every role assignment by a UUID of its own', () => {
    const names = deployments.flatMap(({ resources }) =>
      resources.filter(({ type }) => type.endsWith('roleAssignments')).map(({ name }) => name),
    );
    expect(new Set(names).size).toBe(names.length);
    for (const name of names)
      expect(name).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('addition 2: confidential containers', () => {
  it('have the nodes of the guide', () => {
    const resource = written(configOf('kata-cc')).get('Microsoft.ContainerService/managedClusters myAKSCluster');
    expect(resource?.['properties']).toMatchObject({
      agentPoolProfiles: [
        { count: 1, osSKU: 'AzureLinux', vmSize: 'Standard_DC8as_cc_v5', workloadRuntime: 'KataCcIsolation' },
      ],
      oidcIssuerProfile: { enabled: true },
      securityProfile: { workloadIdentity: { enabled: true } },
    });
    expect(resource?.apiVersion).toMatch(/-preview$/);
  });

  it('get a second pool in a cluster that exists, whose other settings stay', () => {
    const all = written(configOf('kata-cc', 'cluster: {mode: adopt}\n'));
    expect(
      all.get('Microsoft.ContainerService/managedClusters/agentPools myAKSCluster/nodepool2')?.['properties'],
    ).toMatchObject({ count: 2, mode: 'User' });
    expect(all.has('Microsoft.ContainerService/managedClusters myAKSCluster')).toBe(false);
  });

  it('federate the service account of the guide', () => {
    const credential = written(configOf('kata-cc')).get(
      'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials myIdentity/myFedIdentity',
    );
    expect(credential?.['properties']).toMatchObject({
      subject: 'system:serviceaccount:kafka:workload-identity-sa',
      audiences: ['api://AzureADTokenExchange'],
    });
  });
});

describe('peer pods', () => {
  it('open both ports in both directions, and peer in both directions', () => {
    const all = written(configOf('peer-pods'));
    const rules = [...all.values()].flatMap(({ type, properties }) => {
      const list = type.endsWith('networkSecurityGroups')
        ? (properties as { securityRules: { properties: object }[] }).securityRules.map((one) => one.properties)
        : [];
      return type.endsWith('securityRules') ? [properties as object] : list;
    });
    const summary = rules
      .map((rule) => rule as Record<string, string>)
      .map(
        (rule) => `${rule['sourceAddressPrefix']} ${rule['destinationAddressPrefix']} ${rule['destinationPortRange']}`,
      );
    expect(summary.toSorted((a, b) => a.localeCompare(b, 'en'))).toEqual([
      '10.0.32.0/19 10.20.0.0/24 15150',
      '10.0.32.0/19 10.20.0.0/24 9000',
      '10.20.0.0/24 10.0.32.0/19 15150',
      '10.20.0.0/24 10.0.32.0/19 9000',
    ]);
    // The tunnel is UDP: TCP alone would let agents be reached and no traffic of pods through.
    const protocols = rules.map((rule) => rule as Record<string, string>);
    expect(
      new Set(protocols.map(({ destinationPortRange, protocol }) => `${destinationPortRange} ${protocol}`)),
    ).toEqual(new Set(['15150 Tcp', '9000 *']));
    expect([...all.keys()].filter((key) => key.includes('virtualNetworkPeerings'))).toHaveLength(2);
  });
});

describe('addition 12: private link', () => {
  it('closes vault and cache, and carries the key between them inside Azure', () => {
    const all = written(configOf('private-link'));
    expect(all.get('Microsoft.KeyVault/vaults azure-vote')?.['properties']).toMatchObject({
      publicNetworkAccess: 'Disabled',
    });
    expect(all.get('Microsoft.Cache/redis azure-vote')?.['properties']).toMatchObject({
      enableNonSslPort: false,
      publicNetworkAccess: 'Disabled',
    });
    const secret = all.get('Microsoft.KeyVault/vaults/secrets azure-vote/redis-key')?.['properties'] as {
      value: string;
    };
    expect(secret.value).toMatch(/^\[listKeys\('.*Microsoft\.Cache\/redis\/azure-vote', '2024-11-01'\)\.primaryKey\]$/);
  });
});

it('text that looks like an expression is written as text', () => {
  const config = configOf('uid2-vn2', 'resourceGroup: {tags: {note: "[urgent]"}}\n');
  expect(written(config).get('Microsoft.Resources/resourceGroups my-vn-aks')?.['tags']).toEqual({ note: '[[urgent]' });
});

it('the id of a child names its parents', () => {
  const scope = { subscriptionId: 's', resourceGroup: 'g' };
  expect(resourceId(scope, 'Microsoft.KeyVault/vaults/secrets', 'v/x')).toBe(
    '/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/secrets/x',
  );
});
