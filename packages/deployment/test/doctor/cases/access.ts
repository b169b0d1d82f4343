import { withAzure, withCredential, withGroup, withPermissions, withSubscription, withTools } from '../facts.ts';
import type { Cases } from './case.ts';

export const accessCases: Cases = {
  'TL-01': ['uid2-vn2', ['', withTools()], ['', withTools({ node: '20.1.0' })], '20.1.0 is older'],
  'TL-02': [
    'kata-cc',
    ['', withTools({ azureCli: { version: '2.60.0', extensions: {} } })],
    ['', withTools({ azureCli: { version: '2.40.0', extensions: {} } })],
    '2.40.0 is older',
  ],
  'TL-03': [
    'uid2-vn2',
    ['', withTools()],
    ['', withTools({ azureCli: { version: '2.62.0', extensions: {} } })],
    '2.62.0 cannot',
  ],
  'TL-04': [
    'kata-cc',
    ['', withTools({ azureCli: { version: '2.60.0', extensions: { 'aks-preview': '1.0.0', confcom: '1.0.0' } } })],
    ['', withTools({ azureCli: { version: '2.60.0', extensions: { confcom: '0.3.1' } } })],
    'aks-preview is missing',
  ],
  'TL-05': [
    'uid2-vn2',
    ['', withTools({ kubectl: '1.33.1' })],
    ['', withTools({ kubectl: '1.29.0' })],
    '1.29.0 is older',
  ],
  'TM-01': [
    'uid2-vn2',
    ['', withTools({ clockSkewSeconds: -90 })],
    ['', withTools({ clockSkewSeconds: -300 })],
    '-300 s off',
  ],
  'CR-01': [
    'uid2-vn2',
    ['', withCredential()],
    ['', withAzure({ credential: { tried: [{ name: 'environment', problem: 'not set' }], subscriptions: [] } })],
    'environment (not set)',
  ],
  'CR-02': [
    'uid2-vn2',
    ['', withCredential()],
    ['', withCredential({ token: { tenantId: 'x', minutesLeft: 9, refreshable: true } })],
    'directory x',
  ],
  'CR-03': [
    'uid2-vn2',
    ['', withCredential()],
    ['', withCredential({ token: { tenantId: 't', minutesLeft: 9, refreshable: false } })],
    '9 minutes',
  ],
  'CR-04': [
    'uid2-vn2',
    ['subscriptionId: 00000000-0000-0000-0000-000000000001\n', {}],
    [
      '',
      withCredential({
        subscriptions: [
          { id: 'a', name: 'A' },
          { id: 'b', name: 'B' },
        ],
      }),
    ],
    'A (a), B (b)',
  ],
  'SB-01': ['uid2-vn2', ['', withSubscription()], ['', withSubscription({ state: 'Disabled' })], 'is Disabled'],
  'SB-02': ['uid2-vn2', ['', withSubscription()], ['', withSubscription({ spendingLimit: true })], 'spending limit'],
  'PM-01': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ createGroup: 'refused' })],
    'may not create it',
  ],
  'PM-02': ['uid2-vn2', ['', withPermissions()], ['', withPermissions({ missingActions: ['a/write'] })], 'a/write'],
  'PM-03': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ noAssignmentsAt: ['the vault'] })],
    'at the vault',
  ],
  'PM-04': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ conditional: [{ scope: 'g', refused: ['Contributor'] }] })],
    'Contributor',
  ],
  'PM-05': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ writeSecret: 'refused' })],
    'may not write secrets',
  ],
  'PM-06': [
    'uid2-vn2',
    ['', withGroup()],
    ['', withGroup({ locks: [{ name: 'keep', level: 'ReadOnly' }] })],
    'keep is ReadOnly',
  ],
  'PM-07': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ denyingPolicies: ['no public addresses'] })],
    'no public addresses',
  ],
  'PM-08': [
    'uid2-vn2',
    ['', withPermissions()],
    ['', withPermissions({ noAssignmentRemovalAt: ['g'] })],
    'may not remove roles at g',
  ],
};
