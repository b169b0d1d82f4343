import type { ArmWorld, StoredResource } from '../arm/index.ts';
import { SUBSCRIPTION_ID } from './local-names.ts';

const GROUP = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/openshift`;
const VNET = `${GROUP}/providers/Microsoft.Network/virtualNetworks/openshift-vnet`;
const location = 'eastus';

/** The network of an OpenShift cluster, which the profile peer-pods finds and adds to; with the names of its example. */
const RESOURCES: readonly StoredResource[] = [
  {
    id: GROUP,
    type: 'Microsoft.Resources/resourceGroups',
    name: 'openshift',
    body: { location, properties: { provisioningState: 'Succeeded' } },
  },
  {
    id: `${GROUP}/providers/Microsoft.Network/networkSecurityGroups/openshift-nsg`,
    type: 'Microsoft.Network/networkSecurityGroups',
    name: 'openshift-nsg',
    body: { location, properties: { provisioningState: 'Succeeded' } },
  },
  {
    id: VNET,
    type: 'Microsoft.Network/virtualNetworks',
    name: 'openshift-vnet',
    body: {
      location,
      properties: { addressSpace: { addressPrefixes: ['10.0.0.0/16'] }, provisioningState: 'Succeeded' },
    },
  },
  {
    id: `${VNET}/subnets/worker`,
    type: 'Microsoft.Network/virtualNetworks/subnets',
    name: 'worker',
    body: { properties: { addressPrefix: '10.0.32.0/19', provisioningState: 'Succeeded' } },
  },
];

/** Puts into a new world what deployments adopt. */
export function addForeignResources({ store }: ArmWorld): void {
  for (const resource of RESOURCES) if (store.get(resource.id) === undefined) store.put(resource);
}
