import type { PrivateLinkConfig } from '../config/private-link.ts';
import { dnsPrefix } from './ids.ts';
import { assignment, clusterRules, groupResource, identity, idOf, keyVault, resource, runtime } from './parts.ts';
import { stage } from './stages.ts';
import type { Stage } from './stages.ts';
import type { ArmResource, Graph, GraphNode, Resolved, Scope } from './types.ts';

export const privateZones = {
  vault: 'privatelink.vaultcore.azure.net',
  redis: 'privatelink.redis.cache.windows.net',
} as const;

export function privateLinkNames(config: PrivateLinkConfig, subscriptionId: string) {
  const scope: Scope = { subscriptionId, resourceGroup: config.resourceGroup.name };
  const at = (type: ArmResource['type'], name: string): string => idOf({ scope, type, name });
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
  const { location } = config;
  const closed = config.vault.allowedSources.length === 0;
  const nodes: GraphNode[] = [
    {
      kind: 'registration',
      id: 'L-PROVIDERS',
      stage: 'S1',
      providers: [
        'Microsoft.ContainerService',
        'Microsoft.Network',
        'Microsoft.Compute',
        'Microsoft.Storage',
        'Microsoft.KeyVault',
        'Microsoft.ManagedIdentity',
        'Microsoft.Cache',
      ],
      features: [],
      dependsOn: [],
      purpose: 'Allows the subscription to hold these kinds of resources',
    },
    groupResource('L-RG', scope, location, config.resourceGroup.tags),
    network(config, names),
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
      name: config.vault.name,
      location,
      tenantId: config.tenantId ?? resolved.tenantId,
      sku: 'standard',
      purgeProtection: config.vault.purgeProtection,
      retentionDays: config.vault.retentionDays,
      publicNetworkAccess: closed ? 'Disabled' : 'Enabled',
      networkAcls: {
        defaultAction: 'Deny',
        bypass: 'AzureServices',
        ...(closed ? {} : { ipRules: config.vault.allowedSources.map((value) => ({ value })) }),
      },
      dependsOn: ['L-RG'],
    }),
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
    cluster(config, resolved, names),
    federation(config, names),
    secret(config, names),
    {
      kind: 'kubernetes',
      id: 'L-SPC',
      stage: 'S8',
      fieldManager: 'holdfast-app',
      dependsOn: ['L-AKS', 'L-FIC', 'L-RA'],
      purpose: 'Service account, and which secrets of the vault the pod gets',
    },
    {
      kind: 'kubernetes',
      id: 'L-APP',
      stage: 'S8',
      fieldManager: 'holdfast-app',
      dependsOn: ['L-SPC', 'L-SECRET', 'L-ZG-KV', 'L-ZG-REDIS'],
      purpose: 'The application',
    },
  ];
  return { profile: config.profile, nodes, parameters: {} };
}

function network(config: PrivateLinkConfig, names: Names): ArmResource {
  const { vnet, subnets } = config.network;
  return resource({
    id: 'L-VNET',
    stage: 'S3',
    scope: names.scope,
    type: 'Microsoft.Network/virtualNetworks',
    name: vnet.name,
    body: {
      location: config.location,
      properties: {
        addressSpace: { addressPrefixes: [vnet.cidr] },
        subnets: [
          { name: 'aks', properties: { addressPrefix: subnets.aks } },
          { name: 'endpoints', properties: { addressPrefix: subnets.endpoints } },
        ],
      },
    },
    dependsOn: ['L-RG'],
    purpose: 'Network of nodes and private endpoints',
    rules: {
      carryOver: ['tags', 'properties.subnets', 'properties.virtualNetworkPeerings', 'properties.dhcpOptions'],
      immutable: ['location'],
    },
  });
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

function cluster(config: PrivateLinkConfig, resolved: Resolved, names: Names): ArmResource {
  const { aks } = config;
  return resource({
    id: 'L-AKS',
    stage: 'S4',
    scope: names.scope,
    type: 'Microsoft.ContainerService/managedClusters',
    name: aks.name,
    body: {
      location: config.location,
      sku: { name: 'Base', tier: 'Free' },
      identity: { type: 'SystemAssigned' },
      properties: {
        kubernetesVersion: resolved.kubernetesVersion,
        dnsPrefix: dnsPrefix(aks.name, config.resourceGroup.name, resolved.subscriptionId),
        enableRBAC: true,
        networkProfile: {
          networkPlugin: aks.networkPlugin,
          serviceCidr: aks.serviceCidr,
          dnsServiceIP: aks.dnsServiceIp,
          loadBalancerSku: 'standard',
          outboundType: 'loadBalancer',
        },
        oidcIssuerProfile: { enabled: true },
        securityProfile: { workloadIdentity: { enabled: true } },
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
    },
    dependsOn: ['L-VNET'],
    purpose: 'The cluster, with workload identity and the secrets store add-on',
    rules: clusterRules,
  });
}

function federation(config: PrivateLinkConfig, names: Names): ArmResource {
  return resource({
    id: 'L-FIC',
    stage: 'S5a',
    scope: names.scope,
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials',
    name: `${config.identity.name}/${config.identity.federatedCredential}`,
    body: {
      properties: {
        issuer: runtime('L-AKS', 'properties.oidcIssuerProfile.issuerURL'),
        subject: `system:serviceaccount:${config.app.namespace}:${config.app.serviceAccount}`,
        audiences: ['api://AzureADTokenExchange'],
      },
    },
    dependsOn: ['L-ID', 'L-AKS'],
    purpose: 'The service account of the application may act as the identity',
  });
}

/** The key goes from the cache to the vault inside Azure: nobody sees it, and no firewall has to be opened for it. */
function secret(config: PrivateLinkConfig, names: Names): ArmResource {
  return resource({
    id: 'L-SECRET',
    stage: 'S6',
    scope: names.scope,
    type: 'Microsoft.KeyVault/vaults/secrets',
    name: `${config.vault.name}/${config.vault.secretName}`,
    body: {
      properties: {
        value: { $listKeys: { resource: 'L-REDIS', path: 'primaryKey' } },
        contentType: 'text/plain',
        attributes: { enabled: true },
      },
    },
    dependsOn: ['L-KV', 'L-REDIS'],
    purpose: 'The key of Redis',
  });
}

export function privateLinkStages(): readonly Stage[] {
  return [
    stage('S0'),
    stage('S1'),
    stage('S2'),
    stage('S3', undefined, undefined, 'Network, vault, Redis, private endpoints'),
    stage('S4', [
      { kind: 'field', resource: 'L-AKS', path: 'properties.provisioningState', equals: 'Succeeded' },
      { kind: 'field', resource: 'L-AKS', path: 'properties.oidcIssuerProfile.issuerURL' },
    ]),
    stage('S5a', [{ kind: 'owned-fields-equal' }], 'the federated credential is as written'),
    stage('S6', undefined, 'the current version is enabled'),
    stage('S8', undefined, undefined, 'Application'),
    stage('S9', [{ kind: 'healthy', path: '/', body: '', times: 3 }]),
  ];
}
