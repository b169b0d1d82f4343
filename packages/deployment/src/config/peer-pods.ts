import { z } from 'zod';

import { cidr, connectedNetworks, count, location, name, resourceGroup, subscription } from './schema-parts.ts';

const cluster = z
  .strictObject({
    subscriptionId: z.uuid().optional().describe('Subscription of the network, when it is another one'),
    resourceGroup: name('Group of the network').default('openshift'),
    vnet: z
      .strictObject({
        name: name('Virtual network').default('openshift-vnet'),
        cidr: cidr('Its range').default('10.0.0.0/16'),
      })
      .prefault({}),
    workerSubnet: z
      .strictObject({ name: name('Worker subnet').default('worker'), cidr: cidr('Its range').default('10.0.32.0/19') })
      .prefault({}),
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
    vnet: z
      .strictObject({
        name: name('Network of the pod VMs').default('peer-pods-vnet'),
        cidr: cidr('Its range').default('10.20.0.0/16'),
      })
      .prefault({}),
    subnet: z
      .strictObject({
        name: name('Subnet of the pod VMs').default('peer-pods'),
        cidr: cidr('Its range').default('10.20.0.0/24'),
      })
      .prefault({}),
    publicIp: z.strictObject({ name: name('Outbound address').default('peer-pods-ip') }).prefault({}),
    nat: z
      .strictObject({
        name: name('NAT gateway').default('peer-pods-nat'),
        idleTimeoutMinutes: count('Minutes until an idle connection is dropped', 4, 120).default(4),
      })
      .prefault({}),
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
