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

/** The network that OpenShift peer pods need on Azure. */
export const peerPodsSchema = z.strictObject({
  profile: z.literal('peer-pods').describe('The network of OpenShift peer pods'),
  ...subscription,
  location: location('eastus'),
  resourceGroup: resourceGroup('peer-pods'),
  cluster,
  network,
});

export type PeerPodsConfig = z.output<typeof peerPodsSchema>;
