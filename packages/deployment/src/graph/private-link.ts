import type { PrivateLinkConfig } from '../config/private-link.ts';
import { cluster, networkProfile, workloadIdentity } from './cluster-parts.ts';
import { assignment, federatedCredential, identity } from './identity-parts.ts';
import { virtualNetwork } from './network-parts.ts';
import { clusterProviders, groupResource, idsIn, kubernetesSet, registration, resource, runtime } from './parts.ts';
import { firstStages, healthStage, stage, workloadIdentityStages } from './stages.ts';
import type { Stage } from './stages.ts';
import type { ArmResource, Graph, GraphNode, Resolved, Scope } from './types.ts';
import { keyVault, vaultSecret } from './vault-parts.ts';

const privateZones = {
  vault: 'privatelink.vaultcore.azure.net',
  redis: 'privatelink.redis.cache.windows.net',
} as const;

function privateLinkNames(config: PrivateLinkConfig, subscriptionId: string) {
  const scope: Scope = { subscriptionId, resourceGroup: config.resourceGroup.name };
  const at = idsIn(scope);
  const vnet = at('Microsoft.Network/virtualNetworks', config.network.vnet.name);
  return {
    scope,
    vnet,
    subnet: (name: string): string => `${vnet}/subnets/${name}`,
    vault: at('Microsoft.KeyVault/vaults', config.vault.name),
    redis: at('Microsoft.Cache/redis', config.redis.name),
    identity: at('Microsoft.ManagedIdentity/userAssignedIdentities', config.identity.name),
    zone: (name: string): string => at('Microsoft.Network/privateDnsZones', name),
  };
}

type Names = ReturnType<typeof privateLinkNames>;

/** Key Vault and Redis that only the cluster's network reaches, and an application that reads them as itself. */
export function privateLinkGraph(config: PrivateLinkConfig, resolved: Resolved): Graph {
  const names = privateLinkNames(config, resolved.subscriptionId);
  const { scope } = names;
  const nodes: GraphNode[] = [
    registration({ id: 'L-PROVIDERS', providers: [...clusterProviders, 'Microsoft.Cache'] }),
    ...groupAndVault(config, resolved, scope),
    redis(config, names),
    ...privateAccess(config, names, 'KV'),
    ...privateAccess(config, names, 'REDIS'),
    assignment({
      id: 'L-RA',
      stage: 'S3',
      scope,
      target: names.vault,
      role: 'keyVaultSecretsUser',
      subject: names.identity,
      principalId: runtime('L-ID', 'properties.principalId'),
      dependsOn: ['L-ID', 'L-KV'],
      purpose: 'The application may read secrets of the vault',
    }),
    clusterWithSecretsStore(config, resolved, names),
    ...workload(config, scope),
  ];
  return { profile: config.profile, nodes, parameters: {} };
}

/** The group, the network, the identity and the vault, which is closed to the internet unless sources are allowed. */
function groupAndVault(config: PrivateLinkConfig, resolved: Resolved, scope: Scope): ArmResource[] {
  const { location } = config;
  const closed = config.vault.allowedSources.length === 0;
  return [
    groupResource('L-RG', scope, location, config.resourceGroup.tags),
    virtualNetwork({
      id: 'L-VNET',
      scope,
      network: config.network.vnet,
      location,
      subnets: [
        ['aks', { addressPrefix: config.network.subnets.aks }],
        ['endpoints', { addressPrefix: config.network.subnets.endpoints }],
      ],
      dependsOn: ['L-RG'],
      purpose: 'Network of nodes and private endpoints',
    }),
    identity({
      id: 'L-ID',
      scope,
      name: config.identity.name,
      location,
      purpose: 'The application',
      dependsOn: ['L-RG'],
    }),
    keyVault({
      id: 'L-KV',
      scope,
      vault: config.vault,
      sku: 'standard',
      location,
      tenantId: config.tenantId ?? resolved.tenantId,
      publicNetworkAccess: closed ? 'Disabled' : 'Enabled',
      networkAcls: {
        defaultAction: 'Deny',
        bypass: 'AzureServices',
        ...(closed ? {} : { ipRules: config.vault.allowedSources.map((value) => ({ value })) }),
      },
      dependsOn: ['L-RG'],
    }),
  ];
}

function redis(config: PrivateLinkConfig, names: Names): ArmResource {
  const { name, sku, capacity, version, nonSslPort } = config.redis;
  return resource({
    id: 'L-REDIS',
    stage: 'S3',
    scope: names.scope,
    type: 'Microsoft.Cache/redis',
    name,
    body: {
      location: config.location,
      properties: {
        sku: { name: sku, family: sku === 'Premium' ? 'P' : 'C', capacity },
        redisVersion: version,
        enableNonSslPort: nonSslPort,
        publicNetworkAccess: 'Disabled',
      },
    },
    dependsOn: ['L-RG'],
    purpose: 'Keeps the votes',
    rules: { immutable: ['location'], carryOver: ['tags', 'properties.redisConfiguration'] },
  });
}

/** Endpoint, DNS zone, link and registration: all four, or the name resolves to the public address. */
function privateAccess(config: PrivateLinkConfig, names: Names, to: 'KV' | 'REDIS'): ArmResource[] {
  const { scope } = names;
  const [name, target, group, zone] =
    to === 'KV'
      ? [`${config.vault.name}-vault`, names.vault, 'vault', privateZones.vault]
      : [`${config.redis.name}-redis`, names.redis, 'redisCache', privateZones.redis];
  const made = (
    prefix: string,
    type: ArmResource['type'],
    resourceName: string,
    body: ArmResource['body'],
    dependsOn: readonly string[],
    purpose: string,
  ): ArmResource =>
    resource({ id: `${prefix}-${to}`, stage: 'S3', scope, type, name: resourceName, body, dependsOn, purpose });
  return [
    made(
      'L-PE',
      'Microsoft.Network/privateEndpoints',
      name,
      {
        location: config.location,
        properties: {
          subnet: { id: names.subnet('endpoints') },
          privateLinkServiceConnections: [{ name, properties: { privateLinkServiceId: target, groupIds: [group] } }],
        },
      },
      ['L-VNET', `L-${to}`],
      'Private address of the service',
    ),
    made(
      'L-DNS',
      'Microsoft.Network/privateDnsZones',
      zone,
      { location: 'global' },
      ['L-RG'],
      'Names inside the network',
    ),
    made(
      'L-LINK',
      'Microsoft.Network/privateDnsZones/virtualNetworkLinks',
      `${zone}/${config.network.vnet.name}`,
      { location: 'global', properties: { virtualNetwork: { id: names.vnet }, registrationEnabled: false } },
      ['L-VNET', `L-DNS-${to}`],
      'Makes the zone visible in the network',
    ),
    made(
      'L-ZG',
      'Microsoft.Network/privateEndpoints/privateDnsZoneGroups',
      `${name}/default`,
      {
        properties: {
          privateDnsZoneConfigs: [
            { name: zone.replaceAll('.', '-'), properties: { privateDnsZoneId: names.zone(zone) } },
          ],
        },
      },
      [`L-PE-${to}`, `L-DNS-${to}`],
      'Enters the private address in the zone',
    ),
  ];
}

function clusterWithSecretsStore(config: PrivateLinkConfig, resolved: Resolved, names: Names): ArmResource {
  const { aks } = config;
  return cluster({
    id: 'L-AKS',
    scope: names.scope,
    name: aks.name,
    location: config.location,
    resolved,
    properties: {
      enableRBAC: true,
      networkProfile: networkProfile({ networkPlugin: aks.networkPlugin, aks }),
      ...workloadIdentity,
      addonProfiles: {
        azureKeyvaultSecretsProvider: {
          enabled: true,
          config: { enableSecretRotation: 'true', rotationPollInterval: '2m' },
        },
      },
      agentPoolProfiles: [
        {
          name: aks.pool.name,
          mode: 'System',
          type: 'VirtualMachineScaleSets',
          osType: 'Linux',
          vmSize: aks.pool.vmSize,
          count: aks.pool.count,
          maxPods: aks.pool.maxPods,
          orchestratorVersion: resolved.kubernetesVersion,
          vnetSubnetID: names.subnet('aks'),
        },
      ],
    },
    dependsOn: ['L-VNET'],
    purpose: 'The cluster, with workload identity and the secrets store add-on',
  });
}

/** The application, and what lets it read the key of Redis as itself. */
function workload(config: PrivateLinkConfig, scope: Scope): GraphNode[] {
  return [
    federatedCredential({
      id: 'L-FIC',
      scope,
      identity: config.identity,
      serviceAccount: config.app,
      identityNode: 'L-ID',
      clusterNode: 'L-AKS',
      purpose: 'The service account of the application may act as the identity',
    }),
    // The key goes from the cache to the vault inside Azure: nobody sees it, and no firewall has to be opened for it.
    vaultSecret({
      id: 'L-SECRET',
      scope,
      vault: config.vault,
      value: { $listKeys: { resource: 'L-REDIS', path: 'primaryKey' } },
      dependsOn: ['L-KV', 'L-REDIS'],
      purpose: 'The key of Redis',
    }),
    kubernetesSet({
      id: 'L-SPC',
      stage: 'S8',
      fieldManager: 'holdfast-app',
      dependsOn: ['L-AKS', 'L-FIC', 'L-RA'],
      purpose: 'Service account, and which secrets of the vault the pod gets',
    }),
    kubernetesSet({
      id: 'L-APP',
      stage: 'S8',
      fieldManager: 'holdfast-app',
      dependsOn: ['L-SPC', 'L-SECRET', 'L-ZG-KV', 'L-ZG-REDIS'],
      purpose: 'The application',
    }),
  ];
}

export function privateLinkStages(): readonly Stage[] {
  return [
    ...firstStages,
    stage('S3', { title: 'Network, vault, Redis, private endpoints' }),
    ...workloadIdentityStages('L-AKS'),
    stage('S6', { done: 'the current version is enabled' }),
    stage('S8', { title: 'Application' }),
    healthStage('/', ''),
  ];
}
