import type { KataCcConfig } from '../config/kata-cc.ts';
import { kataApiVersion } from './api-versions.ts';
import { dnsPrefix } from './ids.ts';
import { assignment, clusterRules, groupResource, identity, idOf, keyVault, resource, runtime } from './parts.ts';
import { stage } from './stages.ts';
import type { Stage } from './stages.ts';
import type {
  ArmResource,
  DataPlaneStep,
  Graph,
  GraphNode,
  Resolved,
  ResourceObject,
  ResourceValue,
  Scope,
} from './types.ts';

/** Names and ids that follow from the configuration alone. */
export function kataNames(config: KataCcConfig, subscriptionId: string) {
  const scope: Scope = { subscriptionId, resourceGroup: config.resourceGroup.name };
  const at = (type: ArmResource['type'], name: string): string => idOf({ scope, type, name });
  const { endpoint } = config.attestation;
  return {
    scope,
    cluster: at('Microsoft.ContainerService/managedClusters', config.cluster.name),
    identity: at('Microsoft.ManagedIdentity/userAssignedIdentities', config.identity.name),
    vault: at('Microsoft.KeyVault/vaults', config.vault.name),
    vaultHost: `${config.vault.name}.${config.vault.kind === 'premium' ? 'vault' : 'managedhsm'}.azure.net`,
    poolName: config.cluster.pool.name ?? (config.cluster.mode === 'create' ? 'nodepool1' : 'nodepool2'),
    poolCount: config.cluster.pool.count ?? (config.cluster.mode === 'create' ? 1 : 2),
    provider: typeof endpoint === 'string' ? undefined : endpoint,
  };
}

type Names = ReturnType<typeof kataNames>;

/** Confidential containers with the encrypted Kafka sample. */
export function kataGraph(config: KataCcConfig, resolved: Resolved): Graph {
  const names = kataNames(config, resolved.subscriptionId);
  const { provider, scope } = names;
  const premium = config.vault.kind === 'premium';
  const nodes: GraphNode[] = [
    {
      kind: 'registration',
      id: 'K-FEAT',
      stage: 'S1',
      providers: [
        'Microsoft.ContainerService',
        'Microsoft.Network',
        'Microsoft.Compute',
        'Microsoft.Storage',
        'Microsoft.KeyVault',
        'Microsoft.ManagedIdentity',
        ...(provider === undefined ? [] : ['Microsoft.Attestation']),
      ],
      features: [{ provider: 'Microsoft.ContainerService', feature: 'KataCcIsolationPreview' }],
      dependsOn: [],
      purpose: 'Preview of confidential containers; afterwards the provider is registered once more',
    },
    groupResource('K-RG', scope, config.location, config.resourceGroup.tags),
    identity({
      id: 'K-ID',
      scope,
      name: config.identity.name,
      location: config.location,
      purpose: 'What the consumer asks for its key as',
      dependsOn: ['K-RG'],
    }),
    ...(premium ? vault(config, resolved, names) : []),
    ...(provider?.create === true ? [attestationProvider(config, names)] : []),
    ...cluster(config, resolved, names),
    federation(config, names),
    ...(premium ? vaultRoles(config, names) : [hsmRoles(names)]),
    key(config, names),
    { ...set('K-NS', 'Namespace and service account', ['K-FIC']) },
    { ...set('K-KAFKA', 'Kafka', ['K-NS']) },
    { ...set('K-APP', 'Consumer and producer', ['K-KEY', 'K-KAFKA']) },
  ];
  const deployer = config.deployer.principalId === undefined;
  return {
    profile: config.profile,
    nodes,
    parameters:
      premium && deployer
        ? { deployerPrincipalId: { type: 'string', description: 'Object id of whoever creates the key' } }
        : {},
  };
}

function set(id: string, purpose: string, dependsOn: readonly string[]): GraphNode {
  return {
    kind: 'kubernetes',
    id,
    stage: id === 'K-APP' ? 'S8' : 'S7',
    fieldManager: 'holdfast-kafka',
    dependsOn,
    purpose,
  };
}

function vault(config: KataCcConfig, resolved: Resolved, names: Names): ArmResource[] {
  return [
    keyVault({
      id: 'K-KV',
      scope: names.scope,
      name: config.vault.name,
      location: config.location,
      tenantId: config.tenantId ?? resolved.tenantId,
      sku: 'premium',
      purgeProtection: config.vault.purgeProtection,
      retentionDays: config.vault.retentionDays,
      dependsOn: ['K-RG'],
    }),
  ];
}

function attestationProvider(config: KataCcConfig, names: Names): ArmResource {
  return resource({
    id: 'K-MAA',
    stage: 'S3',
    scope: names.scope,
    type: 'Microsoft.Attestation/attestationProviders',
    name: names.provider?.provider ?? '',
    body: { location: config.location, properties: {} },
    dependsOn: ['K-RG'],
    purpose: 'Judges the evidence of the consumer',
    rules: { immutable: ['location'], carryOver: ['tags'] },
  });
}

const workloadIdentity: ResourceObject = {
  oidcIssuerProfile: { enabled: true },
  securityProfile: { workloadIdentity: { enabled: true } },
};

function cluster(config: KataCcConfig, resolved: Resolved, names: Names): ArmResource[] {
  const { scope } = names;
  const { pool, sshPublicKey, adminUsername } = config.cluster;
  const nodes = { osType: 'Linux', osSKU: pool.osSku, vmSize: pool.vmSize, workloadRuntime: 'KataCcIsolation' };
  const type = 'Microsoft.ContainerService/managedClusters';
  if (config.cluster.mode === 'adopt') {
    return [
      resource({
        id: 'K-POOL',
        stage: 'S4',
        scope,
        type: 'Microsoft.ContainerService/managedClusters/agentPools',
        apiVersion: kataApiVersion,
        name: `${config.cluster.name}/${names.poolName}`,
        body: { properties: { mode: 'User', type: 'VirtualMachineScaleSets', count: names.poolCount, ...nodes } },
        dependsOn: ['K-FEAT'],
        purpose: 'Nodes that can host confidential pods',
        rules: {
          immutable: ['properties.osType', 'properties.vmSize'],
          createOnly: ['properties.count'],
          carryOver: ['*'],
        },
      }),
      resource({
        id: 'K-AKS',
        stage: 'S4',
        scope,
        type,
        apiVersion: kataApiVersion,
        name: config.cluster.name,
        body: { properties: workloadIdentity },
        dependsOn: ['K-POOL'],
        purpose: 'The cluster that exists: workload identity on, everything else as it is',
        merge: true,
        rules: clusterRules,
      }),
    ];
  }
  const group = config.resourceGroup.name;
  return [
    resource({
      id: 'K-AKS',
      stage: 'S4',
      scope,
      type,
      apiVersion: kataApiVersion,
      name: config.cluster.name,
      body: {
        location: config.location,
        sku: { name: 'Base', tier: 'Free' },
        identity: { type: 'SystemAssigned' },
        properties: {
          kubernetesVersion: resolved.kubernetesVersion,
          dnsPrefix: dnsPrefix(config.cluster.name, group, resolved.subscriptionId),
          enableRBAC: true,
          agentPoolProfiles: [
            { name: names.poolName, mode: 'System', type: 'VirtualMachineScaleSets', count: names.poolCount, ...nodes },
          ],
          ...workloadIdentity,
          ...(sshPublicKey === undefined
            ? {}
            : { linuxProfile: { adminUsername, ssh: { publicKeys: [{ keyData: sshPublicKey }] } } }),
        },
      },
      dependsOn: ['K-RG', 'K-FEAT'],
      purpose: 'The cluster',
      rules: clusterRules,
    }),
  ];
}

function federation(config: KataCcConfig, names: Names): ArmResource {
  const { namespace, serviceAccount } = config.kafka;
  return resource({
    id: 'K-FIC',
    stage: 'S5a',
    scope: names.scope,
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials',
    name: `${config.identity.name}/${config.identity.federatedCredential}`,
    body: {
      properties: {
        issuer: runtime('K-AKS', 'properties.oidcIssuerProfile.issuerURL'),
        subject: `system:serviceaccount:${namespace}:${serviceAccount}`,
        audiences: ['api://AzureADTokenExchange'],
      },
    },
    dependsOn: ['K-ID', 'K-AKS'],
    purpose: 'The service account of the consumer may act as the identity',
  });
}

/** Both roles, for the identity and for whoever creates the key, as the guide asks. */
function vaultRoles(config: KataCcConfig, names: Names): ArmResource[] {
  const deployer: ResourceValue = config.deployer.principalId ?? { $parameter: 'deployerPrincipalId' };
  const deployerName = config.deployer.principalId ?? 'deployer';
  const roles = [
    ['OFFICER', 'keyVaultCryptoOfficer'],
    ['USER', 'keyVaultCryptoUser'],
  ] as const;
  return roles.flatMap(([suffix, role]) => [
    assignment({
      id: `K-RA-ID-${suffix}`,
      stage: 'S3',
      scope: names.scope,
      target: names.vault,
      role,
      subject: names.identity,
      principalId: runtime('K-ID', 'properties.principalId'),
      dependsOn: ['K-ID', 'K-KV'],
      purpose: 'The consumer may have keys released',
    }),
    assignment({
      id: `K-RA-DEPLOYER-${suffix}`,
      stage: 'S3',
      scope: names.scope,
      target: names.vault,
      role,
      subject: deployerName,
      principalId: deployer,
      principalType: config.deployer.principalType,
      dependsOn: ['K-KV'],
      purpose: 'Whoever deploys may create the key',
    }),
  ]);
}

function hsmRoles(names: Names): DataPlaneStep {
  return {
    kind: 'data-plane',
    id: 'K-RA',
    stage: 'S5a',
    host: names.vaultHost,
    what: {
      scope: '/keys',
      roles: ['Managed HSM Crypto Officer', 'Managed HSM Crypto User'],
      principals: ['the identity of the consumer', 'whoever creates the key'],
    },
    dependsOn: ['K-ID'],
    purpose: 'Local roles of the managed HSM, which is referenced and never created',
  };
}

function key(config: KataCcConfig, names: Names): DataPlaneStep {
  return {
    kind: 'data-plane',
    id: 'K-KEY',
    stage: 'S6',
    host: names.vaultHost,
    what: {
      name: config.vault.keyName,
      kty: 'RSA-HSM',
      exportable: true,
      releaseTo:
        config.policy.measurement ?? 'the measurement of the policy of the consumer, which must be known first',
    },
    dependsOn: config.vault.kind === 'premium' ? ['K-KV', 'K-RA-DEPLOYER-OFFICER'] : ['K-RA'],
    purpose: 'The key that only the consumer gets; its release policy holds the measurement of the policy',
  };
}

export function kataStages(config: KataCcConfig): readonly Stage[] {
  return [
    stage('S0'),
    stage('S1'),
    stage('S2'),
    stage('S3', undefined, undefined, 'Vault, identity, attestation provider'),
    stage('S4', [
      { kind: 'field', resource: 'K-AKS', path: 'properties.provisioningState', equals: 'Succeeded' },
      { kind: 'field', resource: 'K-AKS', path: 'properties.oidcIssuerProfile.issuerURL' },
    ]),
    stage('S5a', [{ kind: 'owned-fields-equal' }], 'the federated credential is as written'),
    stage('S6', [{ kind: 'key-exists' }], `the key ${config.vault.keyName} exists with its release policy`, 'Key'),
    stage('S7', undefined, undefined, 'Namespace and Kafka'),
    stage('S8', undefined, undefined, 'Consumer and producer'),
    stage('S9', [{ kind: 'healthy', path: '/', body: '', times: 3 }]),
  ];
}
