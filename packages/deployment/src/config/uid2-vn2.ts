import { z } from 'zod';

import {
  cidr,
  connectedNetworks,
  count,
  duration,
  kubernetesVersion,
  location,
  name,
  namedRange,
  natGateway,
  publicIp,
  resourceGroup,
  sha256,
  subscription,
  vaultRecovery,
} from './schema-parts.ts';

const network = z
  .strictObject({
    vnet: namedRange(name('Virtual network').default('my-vnet'), cidr('Its address space').default('10.0.0.0/8')),
    subnets: z
      .strictObject({
        default: cidr('Kept free, so that nobody else takes the range').default('10.0.0.0/24'),
        aks: cidr('Subnet of the nodes').default('10.1.0.0/16'),
        cg: namedRange(
          name('Subnet of the container groups; the virtual node finds it by this name').default('cg'),
          cidr('Its range').default('10.2.0.0/16'),
        ),
      })
      .prefault({}),
    publicIp: publicIp('Address that confidential pods are seen with', 'my-public-ip'),
    nat: natGateway('NAT gateway of the container groups', 'my-nat-gateway'),
    connected: connectedNetworks,
  })
  .prefault({});

const pool = z
  .strictObject({
    name: name('Node pool').default('oprnodepool'),
    vmSize: name('Size of a node').default('Standard_D4d_v5'),
    count: count('Nodes at the start', 1, 1000).default(2),
    min: count('Fewest nodes', 1, 1000).default(2),
    max: count('Most nodes', 1, 1000).default(5),
    maxPods: count('Pods of a node, which each take an address', 10, 250).default(30),
    osSku: z.enum(['Ubuntu', 'AzureLinux']).default('Ubuntu').describe('System of the nodes'),
  })
  .prefault({});

const aks = z
  .strictObject({
    name: name('Cluster').default('myvncluster'),
    dnsPrefix: name(
      'First part of the address of the API server; as the Azure CLI computes it when missing',
    ).optional(),
    kubernetesVersion,
    serviceCidr: cidr('Range of the Services').default('10.4.0.0/16'),
    dnsServiceIp: z.string().min(1).default('10.4.0.10').describe('Address of the cluster DNS, inside serviceCidr'),
    pool,
    upgradeChannel: z
      .enum(['rapid', 'stable', 'patch', 'node-image', 'none'])
      .default('patch')
      .describe('What the service upgrades by itself'),
    tier: z.enum(['Free', 'Standard', 'Premium']).default('Free').describe('Tier of the control plane'),
    supportPlan: z
      .enum(['KubernetesOfficial', 'AKSLongTermSupport'])
      .default('KubernetesOfficial')
      .describe('Long-term support needs the tier Premium'),
    identityMode: z
      .enum(['guide', 'preprovisioned'])
      .default('guide')
      .describe('preprovisioned: identities and their rights are made before the cluster'),
    nodeResourceGroup: name(
      'Group of the nodes; MC_group_cluster_location, as Azure names it, when missing',
    ).optional(),
    authorizedIpRanges: z
      .array(z.string())
      .default([])
      .describe('Who may reach the API server; virtual nodes do not work with any restriction'),
  })
  .prefault({});

const vault = z
  .strictObject({
    name: name('Key vault; unique in the whole of Azure').default('my-vn-aks-vault'),
    sku: z.enum(['standard', 'premium']).default('standard').describe('Kind of vault'),
    ...vaultRecovery('A deleted vault cannot be purged; cannot be switched off again'),
    secretName: name('Secret with the operator key').default('my-vn-aks-opr-key-name'),
  })
  .prefault({});

const keySource = z
  .union([
    z.literal('stdin'),
    z.strictObject({ env: name('Environment variable that holds the key') }),
    z.strictObject({ file: name('File that holds the key') }),
    z.strictObject({ vaultVersion: name('Version of the secret that is already in the vault') }),
  ])
  .default('stdin')
  .describe(
    'Where the operator key is read from: stdin, {env: NAME}, {file: PATH} or {vaultVersion: ID}; never the key',
  );

const operator = z
  .strictObject({
    identityName: name('Identity that reads the vault').default('my-vn-aks-opr-id'),
    environment: z.string().min(1).default('integ').describe('integ or prod'),
    keySource,
    bundle: z
      .strictObject({
        path: name('operator.yaml, its folder, or the ZIP that UID2 sent'),
        digest: sha256('SHA-256 of the decoded policy, from the release').optional(),
        version: name('Version of the release, for names and records').optional(),
        released: z.iso.date().optional().describe('Day of the release'),
      })
      .optional()
      .describe('The release to deploy'),
    replicas: count('Operator pods', 1, 100).default(3),
    namespace: name('Namespace of the operator').default('default'),
    exposure: z
      .strictObject({
        kind: z
          .enum(['public', 'internal'])
          .default('public')
          .describe('Who can reach the Service, which speaks HTTP only'),
        allowedSources: z.array(cidr('Range')).default([]).describe('Ranges that may reach it; everybody when empty'),
      })
      .prefault({}),
    minReadySeconds: count('Seconds a new pod must be ready before it counts', 0, 3600).default(120),
    rollbackWindow: duration('How long the version before is kept running after an upgrade').default('24h'),
  })
  .prefault({});

const virtualNode = z
  .strictObject({
    chartVersion: name('Version of the virtual node').default('1.3409.26080501'),
    releaseName: name('Release').default('virtualnode'),
    namespace: name('Namespace').default('vn2'),
    replicas: count('Virtual nodes, each for up to 200 pods', 1, 50).default(1),
    aciSubnetName: name('Subnet of the container groups; the one named cg when missing').optional(),
    aciResourceGroupName: name('Group of the container groups; that of the nodes when missing').optional(),
    zone: z
      .string()
      .regex(/^[1-3]$/, 'is not 1, 2 or 3')
      .optional()
      .describe('Availability zone'),
    customTags: z.record(z.string(), z.string()).default({}).describe('Tags of the container groups'),
    nodeLabels: z.record(z.string(), z.string()).default({}).describe('Labels of the virtual node'),
    armEndpointBaseUrl: z.url().optional().describe('Resource Manager of another cloud than the public one'),
  })
  .prefault({});

/** The waits that may take longer than somebody is ready to wait. */
const timeouts = z
  .strictObject({
    providerRegistration: duration('Registration of resource providers').default('15m'),
    networkDeployment: duration('Network, vault and identity').default('15m'),
    clusterDeployment: duration('Cluster').default('45m'),
    roleAssignment: duration('Roles of an identity that the directory does not know yet').default('10m'),
    vaultRole: duration('Right to write the secret').default('30m'),
    virtualNodeReady: duration('Virtual node').default('10m'),
    serviceAddress: duration('Address of the Service').default('10m'),
    operatorReady: duration('Operator pods').default('30m'),
    health: duration('Health check').default('15m'),
  })
  .prefault({})
  .describe('How long to wait for what');

/** The UID2 private operator on virtual nodes, with the values of the UID2 guide. */
export const uid2Vn2Schema = z.strictObject({
  profile: z.literal('uid2-vn2').describe('The UID2 private operator on virtual nodes'),
  ...subscription,
  location: location('eastus'),
  resourceGroup: resourceGroup('my-vn-aks'),
  network,
  aks,
  vault,
  operator,
  virtualNode,
  timeouts,
});

export type Uid2Vn2Config = z.output<typeof uid2Vn2Schema>;
