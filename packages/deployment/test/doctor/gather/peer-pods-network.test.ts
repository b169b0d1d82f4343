import { describe, expect, it } from 'vitest';

import type { JsonObject } from '../../../src/engine/ports.ts';
import { configOf } from '../../configs.ts';
import { azure, emptyCloud, factsOf } from './clouds.ts';
import { SUBSCRIPTION } from './fake-ports.ts';

const AT = `/subscriptions/${SUBSCRIPTION}`;
const NETWORKS = 'providers/Microsoft.Network/virtualNetworks';
const POD_VMS = `/resourceGroups/peer-pods/${NETWORKS}/peer-pods-vnet`;
const CLUSTER = `/resourceGroups/openshift/${NETWORKS}/openshift-vnet`;
const GROUP = 'providers/Microsoft.Network/networkSecurityGroups';
const config = configOf('peer-pods', `subscriptionId: ${SUBSCRIPTION}`);

const network = (id: string, peerings: readonly JsonObject[] = []): JsonObject => ({
  id: `${AT}${id}`,
  properties: { virtualNetworkPeerings: peerings },
});
const peering = (remote: string, more: JsonObject = {}): JsonObject => ({
  name: 'any',
  properties: { remoteVirtualNetwork: { id: `${AT}${remote}` }, allowVirtualNetworkAccess: true, ...more },
});

describe('what the doctor asks about the network of pod VMs', () => {
  it('is how each network sees the other, whatever the peerings are called', async () => {
    const arm = emptyCloud()
      .set(POD_VMS, network(POD_VMS, [peering(CLUSTER.toUpperCase(), { peeringState: 'Connected' })]))
      .set(
        CLUSTER,
        network(CLUSTER, [
          peering('/resourceGroups/other/x', { peeringState: 'Connected' }),
          peering(POD_VMS, { peeringState: 'Initiated', allowVirtualNetworkAccess: false }),
        ]),
      );
    expect((await factsOf(arm, {}, azure, config)).network?.podVmPeerings).toEqual([
      { direction: 'to the cluster', state: 'Connected', access: true },
      { direction: 'from the cluster', state: 'Initiated', access: false },
    ]);
  });

  it('is a peering that is missing once both networks are there, and nothing before', async () => {
    const both = emptyCloud().set(POD_VMS, network(POD_VMS)).set(CLUSTER, network(CLUSTER));
    expect((await factsOf(both, {}, azure, config)).network?.podVmPeerings).toEqual([
      { direction: 'to the cluster', state: undefined, access: true },
      { direction: 'from the cluster', state: undefined, access: true },
    ]);
    const one = emptyCloud().set(CLUSTER, network(CLUSTER));
    expect((await factsOf(one, {}, azure, config)).network?.podVmPeerings).toBeUndefined();
  });

  it('is whether the tunnel gets through, which is UDP', async () => {
    const deny = {
      name: 'no-tunnels',
      properties: {
        priority: 100,
        access: 'Deny',
        direction: 'Outbound',
        protocol: 'Udp',
        sourceAddressPrefix: '*',
        destinationAddressPrefix: '*',
        destinationPortRange: '9000',
      },
    };
    const arm = emptyCloud()
      .set(`/resourceGroups/openshift/${GROUP}/openshift-nsg`, { properties: { securityRules: [deny] } })
      .set(`/resourceGroups/peer-pods/${GROUP}/peer-pods-nsg`, { properties: { securityRules: [] } });
    expect((await factsOf(arm, {}, azure, config)).network?.closedPorts).toEqual([
      { port: 9000, protocol: 'UDP', direction: 'from workers to pod VMs', rule: 'no-tunnels' },
    ]);
  });
});
