import { withAzure, withGroup, withProviders } from '../facts.ts';
import type { Cases } from './case.ts';

export const subscriptionCases: Cases = {
  'PV-01': [
    'uid2-vn2',
    ['', withProviders()],
    ['', withProviders('NotRegistered')],
    'Microsoft.ContainerService is NotRegistered',
  ],
  'PV-02': ['uid2-vn2', ['', withProviders()], ['', withProviders('NotRegistered')], 'may not register'],
  'PV-03': [
    'uid2-vn2',
    ['', withProviders()],
    ['', withProviders('Registered', { types: { vaults: { apiVersions: ['2030-01-01'], locations: [] } } })],
    'does not offer version 2023-07-01',
  ],
  'PV-04': [
    'kata-cc',
    ['', withAzure({ features: { 'Microsoft.ContainerService/KataCcIsolationPreview': 'Registered' } })],
    ['', withAzure({ features: {} })],
    'NotRegistered',
  ],
  'RG-01': ['uid2-vn2', ['', withGroup()], ['', withGroup({ location: 'westus' })], 'is in westus'],
  'RG-02': ['uid2-vn2', ['', withGroup()], ['', withGroup({ foreignResources: ['db'] })], 'db'],
  'RG-03': [
    'uid2-vn2',
    ['', withGroup()],
    ['', withGroup({ nodeGroup: { exists: true, managedBy: 'another' } })],
    'MC_my-vn-aks_myvncluster_eastus exists',
  ],
  'RG-04': ['uid2-vn2', ['', withGroup()], ['', withGroup({ otherVirtualNodes: ['other'] })], 'other puts'],
};
