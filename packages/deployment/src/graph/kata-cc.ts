import { consumerMeasurement } from '../config/kata-cc.ts';
import type { KataCcConfig } from '../config/kata-cc.ts';
import { kataApiVersion } from './api-versions.ts';
import { cluster, clusterRules, workloadIdentity } from './cluster-parts.ts';
import { assignment, federatedCredential, identity } from './identity-parts.ts';
import { clusterProviders, groupResource, idsIn, kubernetesSet, registration, resource, runtime } from './parts.ts';
import { firstStages, healthStage, stage, workloadIdentityStages } from './stages.ts';
import type { Stage, StageId } from './stages.ts';
import type {
  ArmResource,
  DataPlaneStep,
  Graph,
  GraphNode,
  KubernetesSet,
  Resolved,
  ResourceValue,
  Scope,
} from './types.ts';
import { keyVault } from './vault-parts.ts';

/** Names and ids that follow from the configuration alone. */
export function kataNames(config: KataCcConfig, subscriptionId: string) {
  const scope: Scope = { subscriptionId, resourceGroup: config.resourceGroup.name };
  const at = idsIn(scope);
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
    registration({
      id: 'K-FEAT',
      providers: [...clusterProviders, ...(provider === undefined ? [] : ['Microsoft.Attestation'])],
      features: [{ provider: 'Microsoft.ContainerService', feature: 'KataCcIsolationPreview' }],
      purpose: 'Preview of confidential containers; afterwards the provider is registered once more',
    }),
    groupResource('K-RG', scope, config.location, config.resourceGroup.tags),
    identity({
      id: 'K-ID',
      scope,
      name: config.identity.name,
      location: config.location,
      purpose: 'What the consumer asks for its key as',
      dependsOn: ['K-RG'],
    }),
    ...(premium ? [vault(config, resolved, names)] : []),
    ...(provider?.create === true ? [attestationProvider(config, names)] : []),
    ...clusterNodes(config, resolved, names),
    federatedCredential({
      id: 'K-FIC',
      scope,
      identity: config.identity,
      serviceAccount: config.kafka,
      identityNode: 'K-ID',
      clusterNode: 'K-AKS',
      purpose: 'The service account of the consumer may act as the identity',
    }),
    ...(premium ? vaultRoles(config, names) : [hsmRoles(config, names)]),
    key(config, names),
    kafkaSet('K-NS', 'S7', 'Namespace and service account', ['K-FIC']),
    kafkaSet('K-KAFKA', 'S7', 'Kafka', ['K-NS']),
    kafkaSet('K-APP', 'S8', 'Consumer and producer', ['K-KEY', 'K-KAFKA']),
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

function kafkaSet(id: string, stageId: StageId, purpose: string, dependsOn: readonly string[]): KubernetesSet {
  return kubernetesSet({ id, stage: stageId, fieldManager: 'holdfast-kafka', dependsOn, purpose });
}

function vault(config: KataCcConfig, resolved: Resolved, names: Names): ArmResource {
  return keyVault({
    id: 'K-KV',
    scope: names.scope,
    vault: config.vault,
    sku: 'premium',
    location: config.location,
    tenantId: config.tenantId ?? resolved.tenantId,
    dependsOn: ['K-RG'],
  });
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

function clusterNodes(config: KataCcConfig, resolved: Resolved, names: Names): ArmResource[] {
  const { scope } = names;
  const { pool, sshPublicKey, adminUsername } = config.cluster;
  const nodes = { osType: 'Linux', osSKU: pool.osSku, vmSize: pool.vmSize, workloadRuntime: 'KataCcIsolation' };
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
        type: 'Microsoft.ContainerService/managedClusters',
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
  return [
    cluster({
      id: 'K-AKS',
      scope,
      apiVersion: kataApiVersion,
      name: config.cluster.name,
      location: config.location,
      resolved,
      properties: {
        enableRBAC: true,
        agentPoolProfiles: [
          { name: names.poolName, mode: 'System', type: 'VirtualMachineScaleSets', count: names.poolCount, ...nodes },
        ],
        ...workloadIdentity,
        ...(sshPublicKey === undefined
          ? {}
          : { linuxProfile: { adminUsername, ssh: { publicKeys: [{ keyData: sshPublicKey }] } } }),
      },
      dependsOn: ['K-RG', 'K-FEAT'],
      purpose: 'The cluster',
    }),
  ];
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

function hsmRoles(config: KataCcConfig, names: Names): DataPlaneStep {
  return {
    kind: 'data-plane',
    id: 'K-RA',
    stage: 'S5a',
    host: names.vaultHost,
    what: {
      scope: '/keys',
      roles: ['Managed HSM Crypto Officer', 'Managed HSM Crypto User'],
      principals: ['the identity of the consumer', 'whoever creates the key'],
      command:
        `az keyvault role assignment create --hsm-name ${config.vault.name} --scope /keys --role "Managed HSM Crypto User" ` +
        '--assignee-object-id ID --assignee-principal-type ServicePrincipal (and Managed HSM Crypto Officer; both also for whoever creates the key)',
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
        consumerMeasurement(config) ?? 'the measurement of the policy of the consumer, which must be known first',
    },
    dependsOn: config.vault.kind === 'premium' ? ['K-KV', 'K-RA-DEPLOYER-OFFICER'] : ['K-RA'],
    purpose: 'The key that only the consumer gets; its release policy holds the measurement of the policy',
  };
}

export function kataStages(config: KataCcConfig): readonly Stage[] {
  return [
    ...firstStages,
    stage('S3', { title: 'Vault, identity, attestation provider' }),
    ...workloadIdentityStages('K-AKS'),
    stage('S6', {
      title: 'Key',
      tests: [{ kind: 'key-exists' }],
      done: `the key ${config.vault.keyName} exists with its release policy`,
    }),
    stage('S7', { title: 'Namespace and Kafka' }),
    stage('S8', { title: 'Consumer and producer' }),
    healthStage('/', ''),
  ];
}
