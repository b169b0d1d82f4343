import { peerPodsDefaults } from '@holdfast/admission';
import { z } from 'zod';

import {
  cidr,
  connectedNetworks,
  count,
  location,
  name,
  namedRange,
  natGateway,
  publicIp,
  resourceGroup,
  subscription,
  uuid,
} from './schema-parts.ts';

const cluster = z
  .strictObject({
    subscriptionId: z.uuid().optional().describe('Subscription of the network, when it is another one'),
    resourceGroup: name('Group of the network').default('openshift'),
    vnet: namedRange(name('Virtual network').default('openshift-vnet'), cidr('Its range').default('10.0.0.0/16')),
    workerSubnet: namedRange(name('Worker subnet').default('worker'), cidr('Its range').default('10.0.32.0/19')),
    networkSecurityGroup: name('Network security group of the worker subnet').default('openshift-nsg'),
    serviceCidr: cidr('Range of the Services').default('172.30.0.0/16'),
    podCidr: cidr('Range of the pods').default('10.128.0.0/14'),
  })
  .prefault({})
  .describe('The OpenShift cluster that exists');

const network = z
  .strictObject({
    peerPods: z
      .strictObject({
        mode: z
          .enum(['workerSubnet', 'dedicatedVnet'])
          .default('dedicatedVnet')
          .describe('Pod VMs in the worker subnet (simpler) or in a network of their own (more isolation)'),
      })
      .prefault({}),
    vnet: namedRange(
      name('Network of the pod VMs').default('peer-pods-vnet'),
      cidr('Its range').default('10.20.0.0/16'),
    ),
    subnet: namedRange(name('Subnet of the pod VMs').default('peer-pods'), cidr('Its range').default('10.20.0.0/24')),
    publicIp: publicIp('Outbound address', 'peer-pods-ip'),
    nat: natGateway('NAT gateway', 'peer-pods-nat'),
    nsg: z
      .strictObject({
        name: name('Network security group of the pod VMs').default('peer-pods-nsg'),
        priority: count('Priority of the first of the rules', 100, 4000).default(1000),
      })
      .prefault({}),
    peering: z
      .strictObject({
        toPodVms: name('Peering from the cluster').default('openshift-to-peer-pods'),
        toCluster: name('Peering to the cluster').default('peer-pods-to-openshift'),
      })
      .prefault({}),
    connected: connectedNetworks,
  })
  .prefault({});

const podVms = z
  .strictObject({
    namespace: name('Namespace of the operator').default('openshift-sandboxed-containers-operator'),
    imageId: name('Resource id of the image of the machines, or of one in a community gallery'),
    clientId: uuid('Client id of the identity that creates the machines'),
    size: name('Size of a machine whose pod asks for none').default('Standard_DC2as_v5'),
    sizes: z.array(z.string().min(1)).default([]).describe('Sizes that pods may ask for; size has to be among them'),
    confidential: z.boolean().default(true).describe('Confidential machines; false is for pods without secrets'),
    secureBoot: z.boolean().default(false).describe('Secure boot of the machines'),
    rootVolumeGb: count('GB of the disk; 0 is the size of the image', 0, 4095).default(0),
    limitPerNode: count('Machines that a node offers; -1 offers nothing', -1, 1000).default(10),
    proxyTimeout: z
      .string()
      .regex(/^[1-9]\d{0,4}(s|m|h)$/, 'is not a duration such as 90s or 5m')
      .default('5m')
      .describe('How long a machine may take to answer'),
    tags: z.record(z.string().min(1).max(512), z.string().max(256)).default({}).describe('Tags of the machines'),
    initdata: name('Initdata of pods that bring none, as holdfast initdata build --base64 writes them').optional(),
    allowedNamespaces: z
      .array(z.string().min(1))
      .default([])
      .describe('Namespaces that may hold peer pods; the cluster refuses them elsewhere. Empty allows all'),
    runtimeClass: name('Runtime class of peer pods').default(peerPodsDefaults.runtimeClass),
  })
  .describe('The machines of peer pods: what peer-pods-cm says. Without it only the network is deployed');

/** The network that OpenShift peer pods need on Azure. */
export const peerPodsSchema = z.strictObject({
  profile: z.literal('peer-pods').describe('The network of OpenShift peer pods'),
  ...subscription,
  location: location('eastus'),
  resourceGroup: resourceGroup('peer-pods'),
  cluster,
  network,
  podVms: podVms.optional(),
});

export type PeerPodsConfig = z.output<typeof peerPodsSchema>;
