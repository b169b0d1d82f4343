import { z } from 'zod';

import {
  cidr,
  connectedNetworks,
  count,
  federatedIdentity,
  kubernetesVersion,
  location,
  name,
  namedRange,
  resourceGroup,
  subscription,
  vaultRecovery,
} from './schema-parts.ts';

const network = z
  .strictObject({
    vnet: namedRange(name('Virtual network').default('pod-identity-vnet'), cidr('Its range').default('10.0.0.0/8')),
    subnets: z
      .strictObject({
        aks: cidr('Subnet of the nodes').default('10.240.0.0/16'),
        endpoints: cidr('Subnet of the private endpoints').default('10.241.0.0/24'),
      })
      .prefault({}),
    connected: connectedNetworks,
  })
  .prefault({});

const aks = z
  .strictObject({
    name: name('Cluster').default('pod-identity'),
    kubernetesVersion,
    networkPlugin: z.string().default('azure').describe('azure; pod identity never worked with kubenet'),
    podIdentity: z.boolean().default(false).describe('The retired pod identity add-on; refused'),
    serviceCidr: cidr('Range of the Services').default('172.16.0.0/16'),
    dnsServiceIp: z.string().min(1).default('172.16.0.10').describe('Address of the cluster DNS'),
    pool: z
      .strictObject({
        name: name('Node pool').default('nodepool1'),
        vmSize: name('Size of a node').default('Standard_D4d_v5'),
        count: count('Nodes', 1, 1000).default(3),
        maxPods: count('Pods of a node', 10, 250).default(30),
      })
      .prefault({}),
  })
  .prefault({});

/** Key Vault and Redis over private link, with workload identity in place of pod identity. */
export const privateLinkSchema = z.strictObject({
  profile: z.literal('private-link').describe('Key Vault and Redis over private link, with workload identity'),
  ...subscription,
  location: location('eastus'),
  resourceGroup: resourceGroup('pod-identity'),
  network,
  aks,
  identity: federatedIdentity('Identity of the application', 'azure-vote', 'azure-vote'),
  vault: z
    .strictObject({
      name: name('Key vault; unique in the whole of Azure').default('azure-vote'),
      ...vaultRecovery(),
      secretName: name('Secret with the key of Redis').default('redis-key'),
      allowedSources: z
        .array(cidr('Range'))
        .default([])
        .describe('Public addresses that may reach the vault while the secret is written; closed when empty'),
    })
    .prefault({}),
  redis: z
    .strictObject({
      name: name('Redis; unique in the whole of Azure').default('azure-vote'),
      sku: z.enum(['Basic', 'Standard', 'Premium']).default('Standard').describe('Kind of cache'),
      capacity: count('Size within its kind', 0, 6).default(1),
      version: z.string().default('6').describe('Redis version'),
      nonSslPort: z.boolean().default(false).describe('Port 6379 without TLS, as the old guide has it'),
    })
    .prefault({}),
  app: z
    .strictObject({
      name: name('Name and label of the application').default('azure-vote'),
      namespace: name('Namespace').default('default'),
      serviceAccount: name('Service account').default('azure-vote'),
      image: name('Image').default('mcr.microsoft.com/azuredocs/azure-vote-front:v1'),
    })
    .prefault({}),
});

export type PrivateLinkConfig = z.output<typeof privateLinkSchema>;
