import { createHash } from 'node:crypto';

import { z } from 'zod';

import {
  count,
  federatedIdentity,
  kubernetesVersion,
  location,
  name,
  resourceGroup,
  sha256,
  subscription,
  vaultRecovery,
} from './schema-parts.ts';

const cluster = z
  .strictObject({
    mode: z.enum(['create', 'adopt']).default('create').describe('A new cluster, or a node pool for one that exists'),
    name: name('Cluster').default('myAKSCluster'),
    kubernetesVersion,
    pool: z
      .strictObject({
        name: name('Node pool; nodepool1 in a new cluster, nodepool2 in an adopted one').optional(),
        count: count('Nodes; 1 in a new cluster, 2 in an adopted one', 1, 1000).optional(),
        vmSize: name('Size of a node, one that hosts SEV-SNP child VMs').default('Standard_DC8as_cc_v5'),
        osSku: z.string().min(1).default('AzureLinux').describe('System of the nodes'),
      })
      .prefault({}),
    sshPublicKey: z
      .string()
      .regex(/^ssh-(rsa|ed25519) [A-Za-z0-9+/=]+/, 'is not an SSH public key')
      .optional()
      .describe('Public key of the node administrator; no SSH access when missing'),
    adminUsername: name('Node administrator').default('azureuser'),
  })
  .prefault({});

const provider = z.strictObject({
  provider: name('Attestation provider').default('myattestationprovider'),
  resourceGroup: name('Its group').default('MyResourceGroup'),
  create: z.boolean().default(false).describe('Create it in the group of this deployment'),
});

const container = (what: string, image: string) =>
  z.strictObject({ image: name(`Image of the ${what}`).default(image) }).prefault({});

/** Confidential containers with the Kafka sample, with the values of the guide. Retired by Azure. */
export const kataCcSchema = z.strictObject({
  profile: z.literal('kata-cc').describe('Confidential containers (KataCcIsolation) with the encrypted Kafka sample'),
  ...subscription,
  location: location('eastus'),
  resourceGroup: resourceGroup('myResourceGroup'),
  allowRetired: z.boolean().default(false).describe('Go on although Azure has retired this kind of node pool'),
  cluster,
  identity: federatedIdentity('Identity of the consumer', 'myIdentity', 'myFedIdentity'),
  deployer: z
    .strictObject({
      principalId: z
        .uuid()
        .optional()
        .describe('Object id of whoever creates the key; a template parameter when missing'),
      principalType: z.enum(['User', 'ServicePrincipal', 'Group']).default('User').describe('What it is'),
    })
    .prefault({}),
  vault: z.strictObject({
    kind: z
      .enum(['premium', 'managedHsm'])
      .default('premium')
      .describe('A vault that is created, or an HSM that exists'),
    name: name('Key vault or managed HSM; unique in the whole of Azure'),
    ...vaultRecovery(),
    keyName: name('Key that the consumer gets').default('kafka-encryption-demo'),
  }),
  attestation: z
    .strictObject({
      endpoint: z
        .union([z.string().min(1), provider])
        .prefault({})
        .describe('Host name of the attestation service without https://, or {provider, resourceGroup, create}'),
    })
    .prefault({}),
  kafka: z
    .strictObject({
      namespace: name('Namespace').default('kafka'),
      serviceAccount: name('Service account').default('workload-identity-sa'),
      topic: name('Topic').default('kafka-demo-topic'),
      strimziVersion: z
        .string()
        .regex(/^\d+\.\d+\.\d+$/, 'is not an exact version such as 0.45.0')
        .default('0.45.0')
        .describe('Release of the Kafka operator'),
    })
    .prefault({}),
  consumer: container('consumer', 'mcr.microsoft.com/acc/samples/kafka/consumer:1.0'),
  sidecar: container('sidecar', 'mcr.microsoft.com/aci/skr:2.7'),
  producer: z
    .strictObject({
      image: name('Image of the producer').default('mcr.microsoft.com/acc/samples/kafka/producer:1.0'),
      message: name('Message').default('Azure Confidential Computing'),
      publicKey: z.string().optional().describe('Public key in PEM, once the key has been created'),
    })
    .prefault({}),
  policy: z
    .strictObject({
      annotation: z
        .base64('is not Base64')
        .optional()
        .describe('Policy of the consumer in Base64, as holdfast policy generate writes it; the consumer carries it'),
      measurement: sha256(
        'SHA-256 of the policy of the consumer, which the key is bound to; that of the annotation when missing',
      ).optional(),
    })
    .refine(({ annotation, measurement }) => {
      return annotation === undefined || measurement === undefined || measurement === digestOf(annotation);
    }, 'names a measurement that is not that of the annotation')
    .prefault({}),
});

export type KataCcConfig = z.output<typeof kataCcSchema>;

function digestOf(annotation: string): string {
  return createHash('sha256').update(Buffer.from(annotation, 'base64')).digest('hex');
}

/** The digest that the consumer attests with, where the configuration says enough to know it. */
export function consumerMeasurement({ policy }: Pick<KataCcConfig, 'policy'>): string | undefined {
  return policy.measurement ?? (policy.annotation === undefined ? undefined : digestOf(policy.annotation));
}
