import { withGroup, withVault } from '../facts.ts';
import type { Cases } from './case.ts';

const vaultName = (name: string): string => `vault: {name: ${name}}\n`;

export const namesCases: Cases = {
  'NM-01': ['uid2-vn2', ['', {}], ['resourceGroup: {name: "a b"}\n', {}], 'position 2'],
  'NM-02': ['uid2-vn2', ['', {}], ['network: {vnet: {name: "my vnet"}}\n', {}], 'position 3'],
  'NM-03': ['uid2-vn2', ['', {}], ['network: {nat: {name: "-nat"}}\n', {}], 'is not'],
  'NM-04': ['uid2-vn2', ['', {}], [`aks: {name: ${'c'.repeat(62)}}\n`, {}], '80 are allowed'],
  'NM-05': ['uid2-vn2', ['', {}], ['aks: {pool: {name: Pool}}\n', {}], 'position 1'],
  'NM-06': ['uid2-vn2', ['', {}], ['aks: {dnsPrefix: my_cluster}\n', {}], 'position 3'],
  'NM-07': ['uid2-vn2', ['', {}], ['operator: {identityName: ab}\n', {}], 'has 2 characters'],
  'NM-08': ['private-link', ['', {}], ['identity: {federatedCredential: "a.b.c"}\n', {}], 'position 2'],
  'NM-09': ['uid2-vn2', ['', {}], [vaultName('my_vault'), {}], 'position 3'],
  'NM-10': ['uid2-vn2', ['', {}], ['vault: {secretName: a.b}\n', {}], 'position 2'],
  'NM-11': ['private-link', ['', {}], ['redis: {name: a--b}\n', {}], 'is not'],
  'NM-12': ['uid2-vn2', ['', {}], ['operator: {namespace: Default}\n', {}], 'position 1'],
  'NM-13': [
    'uid2-vn2',
    ['', withVault({ nameAvailable: { available: true, ours: false } })],
    ['', withVault({ nameAvailable: { available: false, ours: false } })],
    'is taken',
  ],
  'NM-14': [
    'uid2-vn2',
    ['', withVault({ deleted: 'none' })],
    ['', withVault({ deleted: { purgeProtected: true, purgeDate: '2027-01-01' } })],
    '2027-01-01',
  ],
  'NM-15': [
    'uid2-vn2',
    ['', withVault({ deletedSecret: false })],
    ['', withVault({ deletedSecret: true })],
    'deleted secret',
  ],
  'NM-16': [
    'uid2-vn2',
    ['', withGroup({ existingNames: ['my-vnet'] })],
    ['', withGroup({ existingNames: ['My-VNet'] })],
    'exists as My-VNet',
  ],
};
