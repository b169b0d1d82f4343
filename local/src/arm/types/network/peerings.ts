import { ArmFault } from '../../arm-fault.ts';
import { objectAt, overlay, textAt } from '../../json.ts';
import { parentOf } from '../../resource-id.ts';
import type { StoredResource } from '../../resource-store.ts';
import { keyOf } from '../../resource-store.ts';
import { anyOf, commonShape, readOnly } from '../../shape.ts';
import type { ArmWorld } from '../../world.ts';
import type { ResourceKind } from '../kind.ts';
import { mustExist, networkVersions } from './references.ts';

export const PEERING = 'Microsoft.Network/virtualNetworks/virtualNetworkPeerings';

/** The other half of a peering: one in the remote network that points back. */
function counterpart(world: ArmWorld, resource: StoredResource): StoredResource | undefined {
  const network = keyOf(networkIdOf(resource.id));
  const remote = textAt(resource.body, 'properties.remoteVirtualNetwork.id') ?? '';
  return world.store
    .children(remote, PEERING)
    .find((other) => keyOf(textAt(other.body, 'properties.remoteVirtualNetwork.id') ?? '') === network);
}

function networkIdOf(peeringId: string): string {
  return peeringId.split('/').slice(0, -2).join('/');
}

function withState(resource: StoredResource, peeringState: string): StoredResource {
  const peeringSyncLevel = peeringState === 'Connected' ? 'FullyInSync' : 'RemoteNotInSync';
  return { ...resource, body: overlay(resource.body, { properties: { peeringState, peeringSyncLevel } }) };
}

export const peerings: ResourceKind = {
  type: PEERING,
  apiVersions: networkVersions,
  shape: {
    ...commonShape,
    properties: {
      ...anyOf('allowVirtualNetworkAccess', 'allowForwardedTraffic', 'allowGatewayTransit', 'useRemoteGateways'),
      ...anyOf('doNotVerifyRemoteGateways', 'peerCompleteVnets', 'remoteVirtualNetwork', 'remoteAddressSpace'),
      ...readOnly('peeringState', 'peeringSyncLevel', 'provisioningState', 'resourceGuid'),
      ...readOnly('remoteVirtualNetworkAddressSpace', 'remoteVirtualNetworkEncryption'),
    },
  },
  name: 'networkPart',
  ends: 'async-operation',
  etag: true,
  write: ({ world, id, before, body }) => {
    const network = parentOf(id) ?? '';
    mustExist(world, network, id.text);
    const remote = textAt(body, 'properties.remoteVirtualNetwork.id');
    mustExist(world, remote, id.text);
    const was = textAt(before?.body, 'properties.remoteVirtualNetwork.id');
    if (was !== undefined && keyOf(was) !== keyOf(remote ?? '')) {
      const text = `Cannot change the remote virtual network of peering ${id.text}.`;
      throw new ArmFault(400, 'ChangingRemoteVirtualNetworkNotAllowed', text);
    }
    const remoteSpace = objectAt(world.store.get(remote ?? '')?.body, 'properties.addressSpace');
    return {
      properties: {
        ...objectAt(body, 'properties'),
        remoteAddressSpace: remoteSpace,
        remoteVirtualNetworkAddressSpace: remoteSpace,
        peeringState: 'Initiated',
        provisioningState: 'Succeeded',
      },
    };
  },
  written: (resource, { world }) => {
    const other = counterpart(world, resource);
    if (other === undefined) return;
    world.store.put(withState(resource, 'Connected'));
    world.store.put(withState(other, 'Connected'));
  },
  removed: (resource, world) => {
    const other = counterpart(world, resource);
    if (other !== undefined) world.store.put(withState(other, 'Disconnected'));
  },
  removal: 'async-operation',
};
