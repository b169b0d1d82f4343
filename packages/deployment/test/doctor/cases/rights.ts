import { withAzure, withInside, withLive, withVault } from '../facts.ts';
import type { Cases } from './case.ts';

export const rightsCases: Cases = {
  'RP-01': [
    'uid2-vn2',
    ['', withVault()],
    ['', withVault({ denied: { code: 'ForbiddenByRbac', assignedMinutesAgo: 5 } })],
    '5 minutes ago',
  ],
  'RP-02': [
    'uid2-vn2',
    ['', withInside()],
    ['', withInside({ authorizationFailures: ['AuthorizationFailed on containerGroups/write'] })],
    'containerGroups',
  ],
  'RA-01': [
    'uid2-vn2',
    ['', withAzure({ assignments: { kubeletMissingAt: [], clientIdAssignments: [] } })],
    ['', withAzure({ assignments: { kubeletMissingAt: ['MC_x'], clientIdAssignments: [] } })],
    'MC_x',
  ],
  'RA-02': [
    'uid2-vn2',
    ['', withAzure({ assignments: { kubeletMissingAt: [], clientIdAssignments: [] } })],
    ['', withAzure({ assignments: { kubeletMissingAt: [], clientIdAssignments: ['a1'] } })],
    'a1',
  ],
  'VT-01': ['uid2-vn2', ['', withLive()], ['', withLive({ rbac: false })], 'access policies'],
  'VT-02': ['uid2-vn2', ['', {}], ['vault: {purgeProtection: false}\n', {}], 'purged at once'],
  'VT-03': ['uid2-vn2', ['', withLive()], ['', withLive({ blocked: ['the subnet cg'] })], 'the subnet cg'],
  'VT-04': ['uid2-vn2', ['', withLive()], ['', withLive({ location: 'westus' })], 'westus'],
};
